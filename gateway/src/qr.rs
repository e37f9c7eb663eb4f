//! QR codes as pictures: the path of an SVG, an SVG, a PNG.

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write as _;
use std::io::Write as _;

/// The light border that a reader needs, in modules.
const QUIET: i32 = 4;

/// The side of the square in modules, quiet zone included, and the dark
/// modules as an SVG path, one unit to a module. `None` for a text too long
/// for a code.
pub fn svg_path(text: &str) -> Option<(u32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let run = (x..size).take_while(|x| code.get_module(*x, y)).count();
            let run = i32::try_from(run).ok()?;
            if run > 0 {
                let (left, top) = (x + QUIET, y + QUIET);
                write!(path, "M{left} {top}h{run}v1h-{run}z").ok()?;
            }
            x += run.max(1);
        }
    }
    Some((u32::try_from(size + 2 * QUIET).ok()?, path))
}

/// A picture for print, of any size.
pub fn svg(text: &str) -> Option<String> {
    let (side, path) = svg_path(text)?;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path d=\"{path}\"/></svg>"
    ))
}

/// A picture for a screen: eight pixels to a module, black and white.
///
/// ```text
/// signature  { length  name  data  CRC-32 }  for IHDR, IDAT (zlib), IEND
/// ```
///
/// Written here, over `flate2`, because a PNG library brings its decoder along:
/// 80 KB of Worker for three chunks.
pub fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let side = u32::try_from(code.size() + 2 * QUIET).ok()?;
    let width = side * 8;
    let code = &code;
    let row_of = |y: u32| {
        // One module is eight pixels is one byte; a row begins with its filter.
        std::iter::once(0x00).chain((0..side).map(move |x| {
            let at = |n: u32| i32::try_from(n).map_or(-1, |n| n - QUIET);
            if code.get_module(at(x), at(y)) {
                0x00
            } else {
                0xff
            }
        }))
    };
    let mut pixels = Vec::new();
    for y in 0..side {
        let row: Vec<u8> = row_of(y).collect();
        for _ in 0..8 {
            pixels.extend_from_slice(&row);
        }
    }
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&width.to_be_bytes());
    // One bit to a pixel, greyscale, and the only compression there is.
    header.extend_from_slice(&[1, 0, 0, 0, 0]);
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(&pixels).ok()?;
    let deflated = deflated.finish().ok()?;

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [
        (b"IHDR", header.as_slice()),
        (b"IDAT", &deflated),
        (b"IEND", &[]),
    ] {
        file.extend_from_slice(&u32::try_from(data.len()).ok()?.to_be_bytes());
        let mut check = Crc::new();
        for part in [name.as_slice(), data] {
            check.update(part);
            file.extend_from_slice(part);
        }
        file.extend_from_slice(&check.sum().to_be_bytes());
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dark_module_is_drawn_once() {
        let text = "weixin://wxpay/bizpayurl?pr=F2EDdjR";
        let (side, path) = svg_path(text).unwrap();
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        assert_eq!(side, u32::try_from(code.size()).unwrap() + 8);
        let mut drawn = std::collections::BTreeSet::new();
        for run in path.split('M').skip(1) {
            let (at, run) = run.split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            let length: i32 = run.split('v').next().unwrap().parse().unwrap();
            for x in x..x + length {
                assert!(drawn.insert((x - QUIET, y - QUIET)), "twice");
            }
        }
        for y in 0..code.size() {
            for x in 0..code.size() {
                assert_eq!(code.get_module(x, y), drawn.contains(&(x, y)), "{x} {y}");
            }
        }
    }
}

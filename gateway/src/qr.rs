//! QR codes as pictures: the path of an SVG, an SVG, a PNG.

use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write;

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
pub fn png(text: &str) -> Option<Vec<u8>> {
    const PIXELS: usize = 8;
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let side = u32::try_from(code.size() + 2 * QUIET).ok()?;
    let width = side.checked_mul(u32::try_from(PIXELS).ok()?)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    let mut pixels = Vec::new();
    for y in 0..side {
        // One module is eight pixels is one byte.
        let row: Vec<u8> = (0..side)
            .map(|x| {
                let at = |n: u32| i32::try_from(n).map_or(-1, |n| n - QUIET);
                if code.get_module(at(x), at(y)) {
                    0x00
                } else {
                    0xff
                }
            })
            .collect();
        for _ in 0..PIXELS {
            pixels.extend_from_slice(&row);
        }
    }
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
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

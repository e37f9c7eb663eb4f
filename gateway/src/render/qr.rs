//! QR codes as pictures: the path of an SVG, an SVG, a PNG.

use super::image::{OnWhite, encode_rgb};
use super::png::two_colours;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use qrcodegen::QrCode;
pub use qrcodegen::QrCodeEcc;
use std::fmt::Write as _;

/// The light border that a scanner needs, in modules.
const QUIET: i32 = 4;

/// A QR code that can be drawn.
pub struct Picture {
    code: QrCode,
    middle: Middle,
}

/// What is in the middle of a code.
enum Middle {
    /// Nothing: the code's own modules.
    Code,
    /// A letter: five columns and seven rows of modules.
    Letter([u8; 7]),
    /// A logo, as PNG, on a light square with round corners.
    Logo(Vec<u8>),
}

/// Half the side of a logo's light square, without the middle: 11 modules. It
/// hides a fourteenth of the smallest code that an address needs; level H can
/// restore four times that.
const LOGO: i32 = 5;

impl Picture {
    /// The code of a text; `None` for a text that is too long for a code.
    pub fn new(text: &str, level: QrCodeEcc) -> Option<Self> {
        let code = QrCode::encode_text(text, level).ok()?;
        Some(Self {
            code,
            middle: Middle::Code,
        })
    }

    /// As [`Picture::new`], with the first letter or digit of `name` on a light
    /// square in the middle. It hides a twentieth of the smallest code that an
    /// address needs; level H can restore six times that.
    pub fn with_letter(text: &str, name: &str) -> Option<Self> {
        let letter = name.bytes().find_map(letter);
        let code = QrCode::encode_text(text, QrCodeEcc::High).ok()?;
        let middle = letter.map_or(Middle::Code, Middle::Letter);
        Some(Self { code, middle })
    }

    /// As [`Picture::new`], with a logo in the middle.
    pub fn with_logo(text: &str, png: Vec<u8>) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::High).ok()?;
        let middle = Middle::Logo(png);
        Some(Self { code, middle })
    }

    /// The side of the square in modules, quiet zone included.
    fn side(&self) -> i32 {
        self.code.size() + 2 * QUIET
    }

    /// Whether this module, counted within the quiet zone's border, is dark.
    fn is_dark(&self, x: i32, y: i32) -> bool {
        let middle = self.code.size() / 2;
        let (dx, dy) = (x - middle, y - middle);
        let (far, near) = (dx.abs().max(dy.abs()), dx.abs().min(dy.abs()));
        match &self.middle {
            Middle::Letter(rows) if far <= 4 => {
                let row = usize::try_from(dy + 3).ok().and_then(|row| rows.get(row));
                row.is_some_and(|row| dx.abs() <= 2 && row & (1 << (2 - dx)) != 0)
            }
            // The corners belong to the code: the square is round.
            Middle::Logo(_) if far <= LOGO && near < LOGO => false,
            _ => self.code.get_module(x, y),
        }
    }

    /// Where a logo is: its left and upper edge and its side, in modules of the
    /// picture. One module of the light square around it stays free.
    fn logo_area(&self) -> (i32, i32) {
        (QUIET + self.code.size() / 2 - LOGO + 1, 2 * LOGO - 1)
    }

    fn path(&self) -> Option<String> {
        let size = self.code.size();
        let mut path = String::new();
        for y in 0..size {
            let mut x = 0;
            while x < size {
                let run = (x..size).take_while(|x| self.is_dark(*x, y)).count();
                let run = i32::try_from(run).ok()?;
                if run > 0 {
                    let (left, top) = (x + QUIET, y + QUIET);
                    write!(path, "M{left} {top}h{run}v1h-{run}z").ok()?;
                }
                x += run.max(1);
            }
        }
        Some(path)
    }

    /// An SVG, for print in any size; `size` is the side in pixels where it is
    /// shown alone.
    pub fn svg(&self, size: Option<u32>) -> Option<String> {
        let (side, path) = (self.side(), self.path()?);
        let size = size.map(|size| format!(" width=\"{size}\" height=\"{size}\""));
        let logo = match &self.middle {
            Middle::Logo(png) => {
                let (at, side) = self.logo_area();
                let png = BASE64_STANDARD.encode(png);
                format!(
                    "<image x=\"{at}\" y=\"{at}\" width=\"{side}\" height=\"{side}\" \
                     href=\"data:image/png;base64,{png}\"/>"
                )
            }
            Middle::Code | Middle::Letter(_) => String::new(),
        };
        Some(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\"{} \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
             <path d=\"{path}\"/>{logo}</svg>",
            size.unwrap_or_default()
        ))
    }

    /// A PNG for a screen, black and white. `size` pixels wide, or eight per
    /// module; every module is the same whole number of pixels, and the
    /// remainder widens the border. `None` if that is less than one.
    pub fn png(&self, size: Option<u32>) -> Option<Vec<u8>> {
        let side = u32::try_from(self.side()).ok()?;
        let size = size.unwrap_or(side * 8);
        match &self.middle {
            Middle::Logo(png) => self.with_logo_in_it(size, side, png),
            Middle::Code | Middle::Letter(_) => {
                two_colours(size, side, None, |x, y| self.is_dark(x - QUIET, y - QUIET))
            }
        }
    }

    /// The PNG of a code with a logo, in colours.
    fn with_logo_in_it(&self, size: u32, side: u32, png: &[u8]) -> Option<Vec<u8>> {
        let scale = size.checked_div(side).filter(|scale| *scale > 0)?;
        let border = (size - scale * side) / 2;
        let (at, area) = self.logo_area();
        let (at, area) = (u32::try_from(at).ok()?, u32::try_from(area).ok()?);
        let logo = OnWhite::fitted(png, area * scale)?;
        let (left, top) = (
            border + at * scale + (area * scale - logo.width) / 2,
            border + at * scale + (area * scale - logo.height) / 2,
        );
        let cell = |pixel: u32| {
            let at = pixel.checked_sub(border).map(|pixel| pixel / scale);
            let at = at.and_then(|at| i32::try_from(at).ok());
            at.map_or(-1, |at| at - QUIET)
        };
        let mut rgb = Vec::with_capacity(size as usize * size as usize * 3);
        for y in 0..size {
            for x in 0..size {
                let inside = x.checked_sub(left).zip(y.checked_sub(top));
                let of_logo = inside.and_then(|(x, y)| logo.at(x, y));
                let of_code = || match self.is_dark(cell(x), cell(y)) {
                    true => [0; 3],
                    false => [u8::MAX; 3],
                };
                rgb.extend(of_logo.unwrap_or_else(of_code));
            }
        }
        encode_rgb(&rgb, size)
    }
}

/// The side of the square in modules, quiet zone included, and the dark
/// modules as an SVG path, one unit to a module. `None` for a text too long
/// for a code.
pub fn svg_path(text: &str) -> Option<(u32, String)> {
    let picture = Picture::new(text, QrCodeEcc::Medium)?;
    Some((u32::try_from(picture.side()).ok()?, picture.path()?))
}

/// The letters and digits, five modules wide and seven high: one byte per row,
/// the lowest bit on the right.
pub(super) fn letter(byte: u8) -> Option<[u8; 7]> {
    Some(match byte.to_ascii_uppercase() {
        b'A' => [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        b'B' => [0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e],
        b'C' => [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e],
        b'D' => [0x1e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1e],
        b'E' => [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f],
        b'F' => [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x10],
        b'G' => [0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0f],
        b'H' => [0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        b'I' => [0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e],
        b'J' => [0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0c],
        b'K' => [0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11],
        b'L' => [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f],
        b'M' => [0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11],
        b'N' => [0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11],
        b'O' => [0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
        b'P' => [0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10],
        b'Q' => [0x0e, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0d],
        b'R' => [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11],
        b'S' => [0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e],
        b'T' => [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
        b'U' => [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
        b'V' => [0x11, 0x11, 0x11, 0x11, 0x11, 0x0a, 0x04],
        b'W' => [0x11, 0x11, 0x11, 0x15, 0x15, 0x1b, 0x11],
        b'X' => [0x11, 0x11, 0x0a, 0x04, 0x0a, 0x11, 0x11],
        b'Y' => [0x11, 0x11, 0x0a, 0x04, 0x04, 0x04, 0x04],
        b'Z' => [0x1f, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1f],
        b'0' => [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
        b'1' => [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
        b'2' => [0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f],
        b'3' => [0x1e, 0x01, 0x01, 0x0e, 0x01, 0x01, 0x1e],
        b'4' => [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
        b'5' => [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
        b'6' => [0x0e, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x0e],
        b'7' => [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
        b'8' => [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
        b'9' => [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x01, 0x0e],
        _ => return None,
    })
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

//! The icon of a merchant without a logo: the first letter of its name on its colour. It is not a
//! tick, because a chat shows it beside requests that are not paid.

use super::png::two_colours;
use super::qr::letter;
use checkout::{Colour, escape, monogram};

/// The colour of a merchant that has set none.
const USUAL: Colour = Colour::new(0x06, 0x7a, 0x3c);
/// The side of a picture for link previews, in pixels: WeChat shows at least 300.
const SIDE: u32 = 304;
/// The cells of the picture's side: a letter has five by seven.
const CELLS: u32 = 16;

/// An awning over a shop's window, seven by nine cells, for a name whose first
/// character has no picture here.
const SHOP: [u16; 9] = [
    0b1_1111_1111,
    0b1_1111_1111,
    0b1_0101_0101,
    0b0_0000_0000,
    0b1_1111_1111,
    0b1_0000_1001,
    0b1_0000_1001,
    0b1_1111_1001,
    0b1_1111_1001,
];

/// The icon of a browser's tab.
pub fn svg(name: &str, colour: Option<Colour>) -> String {
    let shades = colour.unwrap_or(USUAL).on_light();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\">\
         <rect width=\"64\" height=\"64\" rx=\"14\" fill=\"{}\"/>\
         <text x=\"32\" y=\"33\" fill=\"{}\" font-family=\"system-ui,-apple-system,sans-serif\" \
         font-size=\"36\" font-weight=\"600\" text-anchor=\"middle\" dominant-baseline=\"central\">",
        shades.fill, shades.on_fill,
    );
    escape(&mut out, &monogram(name).to_uppercase());
    out.push_str("</text></svg>");
    out
}

/// The picture of a link's preview.
pub fn png(name: &str, colour: Option<Colour>) -> Option<Vec<u8>> {
    let shades = colour.unwrap_or(USUAL).on_light();
    let glyph = monogram(name).bytes().next().and_then(letter);
    let is_set = |x: i32, y: i32| match glyph {
        Some(rows) => bit(rows.map(u16::from).as_slice(), 5, x - 5, y - 4),
        None => bit(&SHOP, 9, x - 3, y - 3),
    };
    two_colours(SIDE, CELLS, Some([shades.fill, shades.on_fill]), is_set)
}

/// The bit of a bitmap whose rows have `width` bits, the first one highest.
fn bit(rows: &[u16], width: i32, x: i32, y: i32) -> bool {
    let row = usize::try_from(y).ok().and_then(|y| rows.get(y));
    (0..width).contains(&x) && row.is_some_and(|row| row & (1 << (width - 1 - x)) != 0)
}

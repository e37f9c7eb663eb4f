//! PNGs of two colours: codes and monograms.

use checkout::Colour;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use std::io::Write as _;

/// A square of `size` pixels that shows `side` × `side` cells; each is the same
/// whole number of pixels, and the remainder is a border. `None` if that is less
/// than one. `is_dark` is asked about cells, and about the border with numbers
/// below 0 or from `side` on. Without `colours`, light and dark, they are white
/// and black.
///
/// ```text
/// signature  { length  name  data  CRC-32 }  for IHDR, PLTE, IDAT (zlib), IEND
/// ```
///
/// Written here, with one bit for each pixel, which the library for photographs
/// does not write: a code has a tenth of the size.
pub fn two_colours(
    size: u32,
    side: u32,
    colours: Option<[Colour; 2]>,
    is_dark: impl Fn(i32, i32) -> bool,
) -> Option<Vec<u8>> {
    let scale = size.checked_div(side).filter(|scale| *scale > 0)?;
    let border = (size - scale * side) / 2;
    // The cell under a pixel; the pixels of the border have none.
    let cell = |pixel: u32| -> i32 {
        let at = pixel.checked_sub(border).map(|pixel| pixel / scale);
        at.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1)
    };
    let is_dark = &is_dark;
    let row_of = |y: u32| {
        // A row begins with its filter; then each byte has eight pixels. In
        // greyscale a light one is 1; in a palette it is the first colour.
        std::iter::once(0x00).chain((0..size.div_ceil(8)).map(move |byte| {
            (0..8).fold(0, |bits, bit| {
                let dark = is_dark(cell(byte * 8 + bit), cell(y));
                (bits << 1) | u8::from(dark == colours.is_some())
            })
        }))
    };
    let mut pixels = Vec::new();
    let (mut drawn, mut row) = (None, Vec::new());
    for y in 0..size {
        if drawn != Some(cell(y)) {
            drawn = Some(cell(y));
            row = row_of(y).collect();
        }
        pixels.extend_from_slice(&row);
    }
    let mut header = Vec::new();
    header.extend_from_slice(&size.to_be_bytes());
    header.extend_from_slice(&size.to_be_bytes());
    // One bit per pixel, greyscale or palette, and PNG's only compression method.
    header.extend_from_slice(&[1, if colours.is_some() { 3 } else { 0 }, 0, 0, 0]);
    let palette = colours.map(|colours| colours.map(Colour::channels).concat());
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(&pixels).ok()?;
    let deflated = deflated.finish().ok()?;

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [
        (b"IHDR", Some(header.as_slice())),
        (b"PLTE", palette.as_deref()),
        (b"IDAT", Some(&deflated)),
        (b"IEND", Some(&[])),
    ] {
        let Some(data) = data else {
            continue;
        };
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

//! Images that merchants send: decoded, made smaller, and encoded again, so that
//! nothing of a sent file reaches a payer but its pixels.
//!
//! ```text
//! bytes ─▶ kind, by the first bytes ─▶ size, by the header ─▶ pixels ─▶ smaller ─▶ PNG or JPEG
//!             └─▶ SVG and others: refused    └─▶ too large: refused before decoding
//! ```

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::{PngDecoder, PngEncoder};
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, Limits};
use std::io::Cursor;
use thiserror::Error;

/// The longest side of a sent image, in pixels.
const MAX_SIDE: u32 = 4096;
/// The most pixels of a sent image. Decoded it has at most eight bytes for each,
/// and the isolate has 128 MB for everything.
const MAX_PIXELS: u64 = 8_000_000;
/// The most bytes that a decoder may allocate beside the pixels.
const MAX_DECODER_BYTES: u64 = 96 << 20;
/// The same of what a PNG has before its pixels. An embedded colour profile is
/// compressed, and a megabyte of it can be a gigabyte.
const MAX_PNG_HEADER_BYTES: u64 = 4 << 20;
/// The most bytes of an encoded image; as base64 it is a row of its object's
/// database, which has at most two million.
const MAX_ENCODED_BYTES: usize = 1 << 20;
/// The qualities of a JPEG that are tried, until one is small enough.
const QUALITIES: [u8; 3] = [82, 60, 40];

/// What an image is for, which decides its size and its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A logo or a mark: a PNG, which may be transparent.
    Logo,
    /// A picture of what is sold: a JPEG, on white.
    Picture,
}

impl Purpose {
    /// The longest side, in pixels.
    const fn side(self) -> u32 {
        match self {
            Self::Logo => 256,
            Self::Picture => 960,
        }
    }
}

/// An image as it is stored and served.
#[derive(Debug)]
pub struct Encoded {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// `png` or `jpg`.
    pub extension: &'static str,
}

/// Why an image is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    #[error("an SVG can contain programs and is not accepted: send a PNG")]
    Svg,
    #[error("the body is not a PNG, JPEG or WebP")]
    Unknown,
    #[error("the image has {0} × {1} pixels: send at most 4096 on a side and 8 million in all")]
    TooLarge(u32, u32),
    #[error("the image is damaged or incomplete")]
    Broken,
    #[error("the image holds too much detail: send a smaller or simpler one")]
    TooComplex,
}

impl From<ImageError> for Refused {
    fn from(_: ImageError) -> Self {
        Self::Broken
    }
}

/// The decoded pixels, as the decoder orders them.
struct Pixels {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
    /// Bytes of a pixel, and of each of its channels; of two the second is the
    /// more significant one.
    pixel: usize,
    channel: usize,
    /// The orientation of EXIF: 1 is upright.
    orientation: u8,
}

/// Decodes an image and encodes it for its purpose.
pub fn encode(bytes: &[u8], purpose: Purpose) -> Result<Encoded, Refused> {
    let pixels = decode(bytes)?;
    let (width, height) = pixels.upright();
    let longest = width.max(height);
    let side = purpose.side();
    let scaled = |length: u32| match longest > side {
        true => (length * side / longest).max(1),
        false => length,
    };
    let (width, height) = (scaled(width), scaled(height));
    let rgba = pixels.scaled(width, height);
    let encoded = |bytes, extension| Encoded {
        bytes,
        width,
        height,
        extension,
    };
    match purpose {
        Purpose::Logo => {
            let mut file = Vec::new();
            let encoder = PngEncoder::new(&mut file);
            encoder.write_image(&rgba, width, height, ExtendedColorType::Rgba8)?;
            Ok(encoded(file, "png"))
        }
        Purpose::Picture => {
            let rgb = on_white(&rgba);
            for quality in QUALITIES {
                let mut file = Vec::new();
                JpegEncoder::new_with_quality(&mut file, quality).encode(
                    &rgb,
                    width,
                    height,
                    ExtendedColorType::Rgb8,
                )?;
                if file.len() <= MAX_ENCODED_BYTES {
                    return Ok(encoded(file, "jpg"));
                }
            }
            Err(Refused::TooComplex)
        }
    }
}

/// A stored logo on a white ground.
pub struct OnWhite {
    rgb: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

impl OnWhite {
    /// The logo in the size that fits into a square of `side` pixels. `None`
    /// where it cannot be read.
    pub fn fitted(png: &[u8], side: u32) -> Option<Self> {
        let pixels = decode(png).ok()?;
        let (width, height) = pixels.upright();
        let longest = width.max(height);
        let fitted = |length: u32| (length * side / longest).max(1);
        let (width, height) = (fitted(width), fitted(height));
        Some(Self {
            rgb: on_white(&pixels.scaled(width, height)),
            width,
            height,
        })
    }

    /// The colour of a pixel; `None` outside.
    pub fn at(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let begin = (y as usize * self.width as usize + x as usize) * 3;
        let pixel = self.rgb.get(begin..begin + 3)?;
        pixel.try_into().ok()
    }
}

/// A square PNG in colours, three bytes for each pixel.
pub fn encode_rgb(rgb: &[u8], side: u32) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let encoder = PngEncoder::new(&mut file);
    encoder
        .write_image(rgb, side, side, ExtendedColorType::Rgb8)
        .ok()?;
    Some(file)
}

fn decode(bytes: &[u8]) -> Result<Pixels, Refused> {
    let file = Cursor::new(bytes);
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => {
            // The decoder refuses the largest sizes itself, without naming them.
            if let Some((width, height)) = png_size(bytes) {
                within_limits(width, height)?;
            }
            read(PngDecoder::with_limits(file, memory(MAX_PNG_HEADER_BYTES))?)
        }
        [0xff, 0xd8, 0xff, ..] => read(JpegDecoder::new(file)?),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => read(WebPDecoder::new(file)?),
        _ if is_svg(bytes) => Err(Refused::Svg),
        _ => Err(Refused::Unknown),
    }
}

/// Width and height in a PNG's header, which begins each file.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let (width, rest) = bytes.get(16..)?.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

/// Refuses a size that is not decoded.
fn within_limits(width: u32, height: u32) -> Result<(), Refused> {
    let many = u64::from(width) * u64::from(height) > MAX_PIXELS;
    match width > MAX_SIDE || height > MAX_SIDE || many || width == 0 || height == 0 {
        true => Err(Refused::TooLarge(width, height)),
        false => Ok(()),
    }
}

/// The limit of a decoder's memory. The size is compared in [`within_limits`],
/// whose refusal names it.
fn memory(max_bytes: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(max_bytes);
    limits
}

/// XML or HTML is refused as an SVG.
fn is_svg(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.trim_ascii_start().starts_with(b"<")
}

/// Reads the pixels; the size in the header is compared first.
fn read(decoder: impl ImageDecoder) -> Result<Pixels, Refused> {
    read_boxed(Box::new(decoder))
}

fn read_boxed(mut decoder: Box<dyn ImageDecoder + '_>) -> Result<Pixels, Refused> {
    let (width, height) = decoder.dimensions();
    within_limits(width, height)?;
    decoder.set_limits(memory(MAX_DECODER_BYTES))?;
    // An orientation that cannot be read is none.
    let orientation = decoder.orientation().map_or(1, |turned| turned.to_exif());
    let (channels, channel) = match decoder.color_type() {
        ColorType::L8 => (1, 1),
        ColorType::La8 => (2, 1),
        ColorType::Rgb8 => (3, 1),
        ColorType::Rgba8 => (4, 1),
        ColorType::L16 => (1, 2),
        ColorType::La16 => (2, 2),
        ColorType::Rgb16 => (3, 2),
        ColorType::Rgba16 => (4, 2),
        _ => return Err(Refused::Unknown),
    };
    let length = usize::try_from(decoder.total_bytes()).map_err(|_| Refused::Broken)?;
    let mut bytes = vec![0; length];
    decoder.read_image_boxed(&mut bytes)?;
    Ok(Pixels {
        bytes,
        width,
        height,
        pixel: channels * channel,
        channel,
        orientation,
    })
}

impl Pixels {
    /// Width and height when it is upright.
    const fn upright(&self) -> (u32, u32) {
        match self.orientation {
            5..=8 => (self.height, self.width),
            _ => (self.width, self.height),
        }
    }

    /// The pixel at a place of the upright image: red, green, blue, alpha.
    fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let (right, bottom) = (self.width - 1, self.height - 1);
        let (x, y) = match self.orientation {
            2 => (right.saturating_sub(x), y),
            3 => (right.saturating_sub(x), bottom.saturating_sub(y)),
            4 => (x, bottom.saturating_sub(y)),
            5 => (y, x),
            6 => (y, bottom.saturating_sub(x)),
            7 => (right.saturating_sub(y), bottom.saturating_sub(x)),
            8 => (right.saturating_sub(y), x),
            _ => (x, y),
        };
        let nth = y as usize * self.width as usize + x as usize;
        let begin = nth * self.pixel;
        // The more significant of two bytes: decoders use the machine's byte
        // order, which is little-endian on every runtime.
        let channel = |n: usize| {
            let at = begin + n * self.channel + self.channel - 1;
            self.bytes.get(at).copied().unwrap_or_default()
        };
        match self.pixel / self.channel {
            1 => [channel(0), channel(0), channel(0), u8::MAX],
            2 => [channel(0), channel(0), channel(0), channel(1)],
            3 => [channel(0), channel(1), channel(2), u8::MAX],
            _ => [channel(0), channel(1), channel(2), channel(3)],
        }
    }

    /// The upright image in another size: each pixel is the mean of those that it
    /// covers, weighted by their alpha. In a larger one, pixels are repeated.
    fn scaled(&self, width: u32, height: u32) -> Vec<u8> {
        let (from_width, from_height) = self.upright();
        let span = |n: u32, from: u32, to: u32| {
            let begin = u64::from(n) * u64::from(from) / u64::from(to);
            let end = u64::from(n + 1) * u64::from(from) / u64::from(to);
            // Both are at most `from`.
            let end = end.max(begin + 1);
            (begin as u32, end as u32)
        };
        let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
        for y in 0..height {
            let (top, below) = span(y, from_height, height);
            for x in 0..width {
                let (left, beyond) = span(x, from_width, width);
                let (mut sums, mut alphas, mut count) = ([0_u64; 3], 0_u64, 0_u64);
                for y in top..below {
                    for x in left..beyond {
                        let [red, green, blue, alpha] = self.at(x, y);
                        let alpha = u64::from(alpha);
                        for (sum, value) in sums.iter_mut().zip([red, green, blue]) {
                            *sum += u64::from(value) * alpha;
                        }
                        alphas += alpha;
                        count += 1;
                    }
                }
                let rounded = |sum: u64, by: u64| (sum + by / 2).checked_div(by).unwrap_or(0);
                rgba.extend(sums.map(|sum| rounded(sum, alphas) as u8));
                rgba.push(rounded(alphas, count) as u8);
            }
        }
        rgba
    }
}

/// The colours of pixels on a white ground.
fn on_white(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.chunks_exact(4) {
        if let [red, green, blue, alpha] = *pixel {
            let alpha = u32::from(alpha);
            let mix = |value: u8| (u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255;
            rgb.extend([red, green, blue].map(|value| mix(value) as u8));
        }
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, rgba: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels: Vec<u8> = pixels.flat_map(|(x, y)| rgba(x, y)).collect();
        let mut file = Vec::new();
        PngEncoder::new(&mut file)
            .write_image(&pixels, width, height, ExtendedColorType::Rgba8)
            .unwrap();
        file
    }

    #[test]
    fn a_logo_keeps_its_shape_and_its_transparency() {
        let file = png(1000, 500, |x, _| match x < 500 {
            true => [255, 0, 0, 255],
            false => [0, 0, 0, 0],
        });
        let logo = encode(&file, Purpose::Logo).unwrap();
        assert_eq!((logo.width, logo.height, logo.extension), (256, 128, "png"));
        let pixels = decode(&logo.bytes).unwrap();
        assert_eq!(pixels.upright(), (256, 128));
        assert_eq!(pixels.at(0, 0), [255, 0, 0, 255]);
        assert_eq!(pixels.at(255, 127)[3], 0);
        let shown = OnWhite::fitted(&logo.bytes, 64).unwrap();
        assert_eq!((shown.width, shown.height), (64, 32));
        assert_eq!(shown.at(0, 0), Some([255, 0, 0]));
        assert_eq!(shown.at(63, 31), Some([255; 3]));
        assert_eq!(shown.at(64, 0), None);
    }

    #[test]
    fn a_small_image_is_not_made_larger() {
        let logo = encode(&png(3, 2, |_, _| [9, 8, 7, 255]), Purpose::Logo).unwrap();
        assert_eq!((logo.width, logo.height), (3, 2));
        assert_eq!(decode(&logo.bytes).unwrap().at(2, 1), [9, 8, 7, 255]);
    }

    #[test]
    fn a_picture_is_a_jpeg_on_white() {
        let file = png(2000, 1000, |_, _| [0, 0, 0, 0]);
        let picture = encode(&file, Purpose::Picture).unwrap();
        assert_eq!((picture.width, picture.height), (960, 480));
        assert_eq!(picture.extension, "jpg");
        let pixels = decode(&picture.bytes).unwrap();
        assert!(pixels.at(0, 0).iter().all(|value| *value > 250));
        let again = encode(&picture.bytes, Purpose::Logo).unwrap();
        assert_eq!(again.width, 256, "a JPEG is read as well");
    }

    #[test]
    fn what_is_no_image_is_refused_by_name() {
        for (bytes, expected) in [
            (
                &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
                Refused::Svg,
            ),
            (b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", Refused::Svg),
            (b"GIF89a", Refused::Unknown),
            (b"", Refused::Unknown),
            (b"\x89PNG\r\n\x1a\n", Refused::Broken),
            (b"\xff\xd8\xff\xe0", Refused::Broken),
            (b"RIFF\0\0\0\0WEBP", Refused::Broken),
        ] {
            assert_eq!(
                encode(bytes, Purpose::Logo).unwrap_err(),
                expected,
                "{bytes:?}"
            );
        }
        let whole = png(64, 64, |x, y| [x as u8, y as u8, 1, 255]);
        for cut in [9, 20, 40, whole.len() / 2, whole.len() - 20] {
            let refused = encode(&whole[..cut], Purpose::Logo).unwrap_err();
            assert_eq!(refused, Refused::Broken, "{cut} bytes");
        }
    }

    /// A PNG of one kilobyte that would be 400 megabytes, and the largest size
    /// that a header can name: neither is decoded.
    #[test]
    fn a_decompression_bomb_is_refused_by_its_header() {
        for (width, height) in [
            (10_000_u32, 10_000_u32),
            (u32::MAX >> 1, u32::MAX >> 1),
            (4096, 4096),
        ] {
            let mut header = b"IHDR".to_vec();
            header.extend(width.to_be_bytes());
            header.extend(height.to_be_bytes());
            header.extend([8, 6, 0, 0, 0]);
            let mut check = flate2::Crc::new();
            check.update(&header);
            let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
            file.extend(13_u32.to_be_bytes());
            file.extend(&header);
            file.extend(check.sum().to_be_bytes());
            file.extend([0; 4]);
            file.extend(b"IDAT");
            let refused = encode(&file, Purpose::Picture).unwrap_err();
            assert!(
                matches!(refused, Refused::TooLarge(..)),
                "{width} × {height}: {refused:?}"
            );
        }
    }

    #[test]
    fn every_orientation_of_exif_is_turned_upright() {
        // Upright: red, green above blue, white.
        let upright = [[0, 1], [2, 3]];
        for (orientation, stored) in [
            (1, [[0, 1], [2, 3]]),
            (2, [[1, 0], [3, 2]]),
            (3, [[3, 2], [1, 0]]),
            (4, [[2, 3], [0, 1]]),
            (5, [[0, 2], [1, 3]]),
            (6, [[1, 3], [0, 2]]),
            (7, [[3, 1], [2, 0]]),
            (8, [[2, 0], [3, 1]]),
        ] {
            let pixels = Pixels {
                bytes: stored.concat(),
                width: 2,
                height: 2,
                pixel: 1,
                channel: 1,
                orientation,
            };
            for (y, row) in upright.iter().enumerate() {
                for (x, value) in row.iter().enumerate() {
                    let [found, ..] = pixels.at(x as u32, y as u32);
                    assert_eq!(found, *value, "orientation {orientation} at {x} {y}");
                }
            }
        }
    }
}

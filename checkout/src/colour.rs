//! A merchant's colour, and shades of it that can be read.
//!
//! Contrast is that of WCAG 2.2 (success criteria 1.4.3 and 1.4.11): the ratio
//! of two relative luminances, of which the lighter is first, each plus 0.05.
//! Everything is computed with integers.

use core::fmt;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A colour of sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// The shades of a merchant's colour for one colour scheme of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shades {
    /// For areas: at least [`AREA`] against the page.
    pub fill: Colour,
    /// Text on `fill`: at least [`TEXT`].
    pub on_fill: Colour,
    /// Text on the page: at least [`TEXT`].
    pub ink: Colour,
}

/// The least contrast of an area with the page, times 100.
pub const AREA: u64 = 300;
/// The least contrast of a text with what is below it, times 100.
pub const TEXT: u64 = 450;

/// The darkest ground of the page in the light scheme (`--ground`), and the
/// lightest in the dark one (`--card`): a text with enough contrast on these
/// two has enough on every ground of the page.
const LIGHT_GROUND: Colour = Colour::new(0xf2, 0xf5, 0xf3);
const DARK_GROUND: Colour = Colour::new(0x18, 0x1f, 0x1b);

/// The linear light of each value of a channel, times 65535 (WCAG 2.2, "relative
/// luminance"): `v / 12.92` up to 0.04045, else `((v + 0.055) / 1.055) ^ 2.4`.
const LINEAR: [u16; 256] = [
    0, 20, 40, 60, 80, 99, 119, 139, 159, 179, 199, 219, 241, 264, 288, 313, 340, 367, 396, 427,
    458, 491, 526, 562, 599, 637, 677, 718, 761, 805, 851, 898, 947, 997, 1048, 1101, 1156, 1212,
    1270, 1330, 1391, 1453, 1517, 1583, 1651, 1720, 1790, 1863, 1937, 2013, 2090, 2170, 2250, 2333,
    2418, 2504, 2592, 2681, 2773, 2866, 2961, 3058, 3157, 3258, 3360, 3464, 3570, 3678, 3788, 3900,
    4014, 4129, 4247, 4366, 4488, 4611, 4736, 4864, 4993, 5124, 5257, 5392, 5530, 5669, 5810, 5953,
    6099, 6246, 6395, 6547, 6700, 6856, 7014, 7174, 7335, 7500, 7666, 7834, 8004, 8177, 8352, 8528,
    8708, 8889, 9072, 9258, 9445, 9635, 9828, 10_022, 10_219, 10_417, 10_619, 10_822, 11_028,
    11_235, 11_446, 11_658, 11_873, 12_090, 12_309, 12_530, 12_754, 12_980, 13_209, 13_440, 13_673,
    13_909, 14_146, 14_387, 14_629, 14_874, 15_122, 15_371, 15_623, 15_878, 16_135, 16_394, 16_656,
    16_920, 17_187, 17_456, 17_727, 18_001, 18_277, 18_556, 18_837, 19_121, 19_407, 19_696, 19_987,
    20_281, 20_577, 20_876, 21_177, 21_481, 21_787, 22_096, 22_407, 22_721, 23_038, 23_357, 23_678,
    24_002, 24_329, 24_658, 24_990, 25_325, 25_662, 26_001, 26_344, 26_688, 27_036, 27_386, 27_739,
    28_094, 28_452, 28_813, 29_176, 29_542, 29_911, 30_282, 30_656, 31_033, 31_412, 31_794, 32_179,
    32_567, 32_957, 33_350, 33_745, 34_143, 34_544, 34_948, 35_355, 35_764, 36_176, 36_591, 37_008,
    37_429, 37_852, 38_278, 38_706, 39_138, 39_572, 40_009, 40_449, 40_891, 41_337, 41_785, 42_236,
    42_690, 43_147, 43_606, 44_069, 44_534, 45_002, 45_473, 45_947, 46_423, 46_903, 47_385, 47_871,
    48_359, 48_850, 49_344, 49_841, 50_341, 50_844, 51_349, 51_858, 52_369, 52_884, 53_401, 53_921,
    54_445, 54_971, 55_500, 56_032, 56_567, 57_105, 57_646, 58_190, 58_737, 59_287, 59_840, 60_396,
    60_955, 61_517, 62_082, 62_650, 63_221, 63_795, 64_372, 64_952, 65_535,
];

impl Colour {
    /// White.
    pub const WHITE: Colour = Colour::new(255, 255, 255);
    /// Black.
    pub const BLACK: Colour = Colour::new(0, 0, 0);

    /// A colour of its channels.
    pub const fn new(red: u8, green: u8, blue: u8) -> Colour {
        Colour { red, green, blue }
    }

    /// Parses `#rrggbb`; `None` for every other form.
    pub fn from_hex(text: &str) -> Option<Colour> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Colour { red, green, blue })
    }

    /// Its red, green and blue.
    pub const fn channels(self) -> [u8; 3] {
        [self.red, self.green, self.blue]
    }

    /// The relative luminance times 65535 × 10000.
    fn luminance(self) -> u64 {
        let linear = |value: u8| u64::from(LINEAR.get(usize::from(value)).copied().unwrap_or(0));
        2126 * linear(self.red) + 7152 * linear(self.green) + 722 * linear(self.blue)
    }

    /// The contrast with another colour, times 100, rounded down: 100 to 2100.
    pub fn contrast(self, other: Colour) -> u64 {
        const FLARE: u64 = 65_535 * 500;
        let (one, two) = (self.luminance() + FLARE, other.luminance() + FLARE);
        one.max(two) * 100 / one.min(two)
    }

    /// Between this colour (0) and `other` (255).
    fn towards(self, other: Colour, part: u8) -> Colour {
        let mix = |a: u8, b: u8| {
            let (a, b, part) = (u32::from(a), u32::from(b), u32::from(part));
            u8::try_from((a * (255 - part) + b * part) / 255).unwrap_or(u8::MAX)
        };
        Colour {
            red: mix(self.red, other.red),
            green: mix(self.green, other.green),
            blue: mix(self.blue, other.blue),
        }
    }

    /// The colour itself if it has this contrast with `ground`; otherwise the
    /// nearest shade towards black or white that has it.
    fn readable_on(self, ground: Colour, least: u64) -> Colour {
        let end = ground.text();
        (0..=u8::MAX)
            .map(|part| self.towards(end, part))
            .find(|shade| shade.contrast(ground) >= least)
            .unwrap_or(end)
    }

    /// Black or white, whichever is easier to read on this colour. One of them
    /// always has a contrast of 4.58.
    fn text(self) -> Colour {
        match self.contrast(Colour::WHITE) >= self.contrast(Colour::BLACK) {
            true => Colour::WHITE,
            false => Colour::BLACK,
        }
    }

    fn shades(self, ground: Colour) -> Shades {
        let fill = self.readable_on(ground, AREA);
        Shades {
            fill,
            on_fill: fill.text(),
            ink: self.readable_on(ground, TEXT),
        }
    }

    /// The shades for the page in the light scheme, and for paper.
    pub fn on_light(self) -> Shades {
        self.shades(LIGHT_GROUND)
    }

    /// The shades for the page in the dark scheme.
    pub fn on_dark(self) -> Shades {
        self.shades(DARK_GROUND)
    }

    /// The style sheet that sets `--brand`, `--on-brand` and `--brand-ink` to
    /// the colour's shades, in the light and in the dark scheme.
    pub fn style(self) -> String {
        let set = |Shades { fill, on_fill, ink }| {
            format!(":root{{--brand:{fill};--on-brand:{on_fill};--brand-ink:{ink}}}")
        };
        let (light, dark) = (set(self.on_light()), set(self.on_dark()));
        format!("{light}@media (prefers-color-scheme:dark){{{dark}}}")
    }
}

/// `#rrggbb`.
impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Colour::from_hex(&text).ok_or_else(|| D::Error::custom("not a colour like #1a7f37"))
    }
}

/// The first letter, digit or Chinese character of a name, shown in place of a
/// missing logo. Empty where the name has none.
pub fn monogram(name: &str) -> &str {
    let first = name.char_indices().find(|(_, c)| c.is_alphanumeric());
    let end = |(at, c): (usize, char)| name.get(at..at + c.len_utf8());
    first.and_then(end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::from_hex(text).unwrap()
    }

    /// Ratios of the WCAG working group's examples and of widely used tools.
    #[test]
    fn contrast_is_that_of_wcag() {
        for (one, two, expected) in [
            ("#000000", "#ffffff", 2100),
            ("#ffffff", "#ffffff", 100),
            ("#777777", "#ffffff", 447),
            ("#767676", "#ffffff", 454),
            ("#ff0000", "#ffffff", 399),
            ("#0000ff", "#ffffff", 859),
            ("#07c160", "#ffffff", 238),
            ("#067a3c", "#ffffff", 544),
        ] {
            let ratio = colour(one).contrast(colour(two));
            assert!(ratio.abs_diff(expected) <= 1, "{one} on {two}: {ratio}");
            assert_eq!(ratio, colour(two).contrast(colour(one)));
        }
    }

    #[test]
    fn every_colour_can_be_read_in_both_schemes() {
        let steps = || (0..=255u8).step_by(15);
        let colours = steps()
            .flat_map(|r| steps().flat_map(move |g| steps().map(move |b| Colour::new(r, g, b))));
        let mut seen = 0;
        for own in colours {
            seen += 1;
            let white = Colour::WHITE;
            for (shades, grounds) in [
                (own.on_light(), [LIGHT_GROUND, white, colour("#fafcfb")]),
                (
                    own.on_dark(),
                    [DARK_GROUND, colour("#0e1310"), colour("#151b18")],
                ),
            ] {
                let Shades { fill, on_fill, ink } = shades;
                assert!(fill.contrast(on_fill) >= TEXT, "{own}: {on_fill} on {fill}");
                for ground in grounds {
                    assert!(ink.contrast(ground) >= TEXT, "{own}: {ink} on {ground}");
                    assert!(fill.contrast(ground) >= AREA, "{own}: {fill} on {ground}");
                }
            }
        }
        assert_eq!(seen, 18 * 18 * 18);
    }

    #[test]
    fn a_colour_that_can_be_read_stays_as_it_is() {
        let own = colour("#1a4fa0");
        assert_eq!(own.on_light().fill, own);
        assert_eq!(own.on_light().ink, own);
        assert_eq!(own.on_light().on_fill, Colour::WHITE);
        let yellow = colour("#ffd400");
        assert_eq!(yellow.on_dark().fill, yellow);
        assert_eq!(yellow.on_dark().on_fill, Colour::BLACK);
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        for wrong in [
            "", "#", "#fff", "1a7f37", "#1a7f3", "#1a7f377", "#1a7f3g", "#+a7f37", "red",
        ] {
            assert_eq!(Colour::from_hex(wrong), None, "{wrong}");
        }
        assert_eq!(colour("#1A7f37").to_string(), "#1a7f37");
        let json = serde_json::to_string(&colour("#1a7f37")).unwrap();
        assert_eq!(json, "\"#1a7f37\"");
        assert_eq!(
            serde_json::from_str::<Colour>(&json).unwrap(),
            colour("#1a7f37")
        );
        assert!(serde_json::from_str::<Colour>("\"red\"").is_err());
    }

    #[test]
    fn a_monogram_is_the_first_letter_of_the_name() {
        for (name, expected) in [
            ("Demo Tea House", "D"),
            ("«茶» 店", "茶"),
            ("7-Eleven", "7"),
            ("✓✔", ""),
            ("", ""),
        ] {
            assert_eq!(monogram(name), expected, "{name}");
        }
    }
}

//! The languages of the page, and how one is chosen.
//!
//! English and Chinese are the languages of the whole product; Japanese, Korean and
//! Thai those of the payer's pages alone.

use serde::{Deserialize, Serialize};

/// A language of the page. In JSON it is its BCP 47 tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lang {
    /// English; also used for all other languages.
    #[default]
    #[serde(rename = "en")]
    En,
    /// 简体中文
    #[serde(rename = "zh-Hans")]
    ZhHans,
    /// 繁體中文
    #[serde(rename = "zh-Hant")]
    ZhHant,
    /// 日本語, on the payer's pages only.
    #[serde(rename = "ja")]
    Ja,
    /// 한국어, on the payer's pages only.
    #[serde(rename = "ko")]
    Ko,
    /// ไทย, on the payer's pages only.
    #[serde(rename = "th")]
    Th,
}

impl Lang {
    /// Every language, in the order of a menu.
    pub const ALL: [Lang; 6] = [
        Lang::En,
        Lang::ZhHans,
        Lang::ZhHant,
        Lang::Ja,
        Lang::Ko,
        Lang::Th,
    ];

    /// The BCP 47 tag, for `<html lang>` and the browser's formatting.
    pub fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::ZhHans => "zh-Hans",
            Lang::ZhHant => "zh-Hant",
            Lang::Ja => "ja",
            Lang::Ko => "ko",
            Lang::Th => "th",
        }
    }

    /// Its own name.
    pub fn name(self) -> &'static str {
        match self {
            Lang::En => "English",
            Lang::ZhHans => "简体中文",
            Lang::ZhHant => "繁體中文",
            Lang::Ja => "日本語",
            Lang::Ko => "한국어",
            Lang::Th => "ไทย",
        }
    }

    /// Parses one language tag: `en-GB`, `zh_CN` (WeChat's spelling),
    /// `zh-Hant-HK`. `None` for a language that the page does not have.
    pub fn from_tag(tag: &str) -> Option<Lang> {
        let mut parts = tag.trim().split(['-', '_']);
        let language = parts.next().unwrap_or_default();
        for lang in [Lang::En, Lang::Ja, Lang::Ko, Lang::Th] {
            if language.eq_ignore_ascii_case(lang.tag()) {
                return Some(lang);
            }
        }
        if !language.eq_ignore_ascii_case("zh") {
            return None;
        }
        // The script decides if it is given, otherwise the region.
        let traditional = parts.find_map(|part| {
            let is = |name: &&str| part.eq_ignore_ascii_case(name);
            if ["hant", "tw", "hk", "mo"].iter().any(is) {
                Some(true)
            } else if ["hans", "cn", "sg", "my"].iter().any(is) {
                Some(false)
            } else {
                None
            }
        });
        Some(if traditional.unwrap_or(false) {
            Lang::ZhHant
        } else {
            Lang::ZhHans
        })
    }

    /// Chooses the payer's language: first the `lang` of the query or of the
    /// checkout, then the language in WeChat's User-Agent (`Language/zh_CN`),
    /// then `Accept-Language`, then English.
    pub fn choose(asked: Option<&str>, user_agent: &str, accept_language: Option<&str>) -> Lang {
        asked
            .and_then(Lang::from_tag)
            .or_else(|| from_wechat(user_agent))
            .or_else(|| accept_language.and_then(from_accept_language))
            .unwrap_or_default()
    }
}

/// WeChat's own language setting, which may differ from the phone's.
fn from_wechat(user_agent: &str) -> Option<Lang> {
    let (_, after) = user_agent.split_once("Language/")?;
    Lang::from_tag(after.split_whitespace().next()?)
}

/// The preferred language of an `Accept-Language` header. Quality values are
/// compared as thousandths, because a header has at most three decimals.
fn from_accept_language(header: &str) -> Option<Lang> {
    let mut best: Option<(u32, Lang)> = None;
    for entry in header.split(',') {
        let mut parts = entry.split(';');
        let Some(lang) = parts.next().and_then(Lang::from_tag) else {
            continue;
        };
        let quality = parts
            .find_map(|part| part.trim().strip_prefix("q="))
            .map_or(1000, thousandths);
        let better = match best {
            None => quality > 0,
            // Of equal values the first stays.
            Some((best_quality, _)) => quality > best_quality,
        };
        if better {
            best = Some((quality, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

/// `"0.85"` is 850, `"1"` is 1000. An invalid quality value counts as 0.
fn thousandths(text: &str) -> u32 {
    let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let decimals: u32 = format!("{decimals:0<3}").parse().unwrap_or(0);
    match whole {
        "0" => decimals,
        "1" if decimals == 0 => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_parsed_in_every_spelling() {
        for (tag, expected) in [
            ("en", Some(Lang::En)),
            ("EN-gb", Some(Lang::En)),
            ("en_US", Some(Lang::En)),
            ("zh", Some(Lang::ZhHans)),
            ("zh_CN", Some(Lang::ZhHans)),
            ("zh-SG", Some(Lang::ZhHans)),
            ("zh-Hans-HK", Some(Lang::ZhHans)),
            ("zh-Hant", Some(Lang::ZhHant)),
            ("zh_TW", Some(Lang::ZhHant)),
            ("zh-HK", Some(Lang::ZhHant)),
            ("zh-MO", Some(Lang::ZhHant)),
            ("zh-Hant-CN", Some(Lang::ZhHant)),
            ("ja-JP", Some(Lang::Ja)),
            ("KO_kr", Some(Lang::Ko)),
            ("th", Some(Lang::Th)),
            ("fr", None),
            ("english", None),
            ("", None),
            ("*", None),
        ] {
            assert_eq!(Lang::from_tag(tag), expected, "{tag:?}");
        }
    }

    #[test]
    fn an_explicit_language_has_precedence() {
        let wechat = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.49 NetType/WIFI Language/zh_TW";
        assert_eq!(
            Lang::choose(Some("en"), wechat, Some("zh-CN")),
            Lang::En,
            "the query wins"
        );
        assert_eq!(
            Lang::choose(Some("fr"), wechat, Some("zh-CN")),
            Lang::ZhHant,
            "a language we do not speak is no choice; WeChat's setting is next"
        );
        assert_eq!(
            Lang::choose(None, "Mozilla/5.0", Some("fr, zh-CN;q=0.8, en;q=0.7")),
            Lang::ZhHans
        );
        assert_eq!(Lang::choose(None, "", None), Lang::En);
    }

    #[test]
    fn accept_language_is_weighed() {
        for (header, expected) in [
            ("zh-HK,zh;q=0.9,en;q=0.8", Some(Lang::ZhHant)),
            ("en;q=0.5, zh-CN;q=0.75", Some(Lang::ZhHans)),
            ("en;q=0.751, zh-CN;q=0.75", Some(Lang::En)),
            ("zh-CN;q=0, en;q=0.001", Some(Lang::En)),
            ("en;q=0", None),
            ("en;q=9, zh-CN;q=0.1", Some(Lang::ZhHans)),
            ("fr, ja;q=0.9, en;q=0.8", Some(Lang::Ja)),
            ("de, fr;q=0.9", None),
            (";;q=,,", None),
        ] {
            assert_eq!(from_accept_language(header), expected, "{header:?}");
        }
    }

    #[test]
    fn every_tag_parses_to_its_language() {
        for lang in Lang::ALL {
            assert_eq!(Lang::from_tag(lang.tag()), Some(lang));
            assert_eq!(
                serde_json::to_string(&lang).unwrap(),
                format!("\"{}\"", lang.tag())
            );
        }
    }
}

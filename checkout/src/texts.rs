//! Every text for the payer, in each language.
//!
//! A language is one value of [`Texts`], so a missing text does not compile.
//! The page shows amounts, names and times next to the texts, or inserts them
//! at their `{…}` with [`fill`].
//!
//! A page receives only the texts of its own language with the HTML, one on
//! each line ([`Texts::to_words`]): all languages would be a quarter of what a
//! payer loads.

mod en;
mod form;
mod ja;
mod ko;
mod th;
mod zh_hans;
mod zh_hant;

pub use form::{Message, Texts, fill};

use crate::Lang;

/// The texts of this language.
pub fn texts(lang: Lang) -> &'static Texts {
    match lang {
        Lang::En => &en::TEXTS,
        Lang::ZhHans => &zh_hans::TEXTS,
        Lang::ZhHant => &zh_hant::TEXTS,
        Lang::Ja => &ja::TEXTS,
        Lang::Ko => &ko::TEXTS,
        Lang::Th => &th::TEXTS,
    }
}

#[cfg(test)]
mod tests {
    use super::form::message;
    use super::*;

    #[test]
    fn every_language_has_the_placeholders() {
        for lang in Lang::ALL {
            let values = [("amount", "HK$1.00"), ("merchant", "{amount} & Tea")];
            let alt = fill(texts(lang).scan_alt, &values);
            assert!(alt.contains("HK$1.00"), "{alt}");
            assert!(alt.contains("{amount} & Tea"), "{alt}");
            assert_eq!(alt.matches(['{', '}']).count(), 2, "{alt}");
        }
    }

    #[test]
    fn the_page_parses_the_texts_that_it_is_sent() {
        for lang in Lang::ALL {
            let texts = texts(lang);
            let sent = texts.to_words("HK$1.00", "Tea\nHouse").leak();
            let read = Texts::from_words(sent).unwrap();
            let expected = Texts {
                scan_alt: read.scan_alt,
                to_merchant: read.to_merchant,
                paid: message(texts.paid.heading, "HK$1.00"),
                loading: "",
                slow_page: "",
                item: "",
                order_number: "",
                carried_by: "",
                reference: "",
                ..*texts
            };
            assert_eq!(read, expected);
            assert!(read.scan_alt.contains("Tea House"), "{}", read.scan_alt);
            assert!(read.scan_alt.contains("HK$1.00"), "{}", read.scan_alt);
            let (short, _) = sent.trim_end().rsplit_once('\n').unwrap();
            assert_eq!(Texts::from_words(short), None);
        }
    }

    #[test]
    fn no_text_warns_against_paying_where_a_button_pays() {
        for lang in Lang::ALL {
            let texts = texts(lang);
            // The one screen without a button that pays.
            assert!(
                ["again", "重复", "重複", "もう一度", "다시", "อีกครั้ง"]
                    .iter()
                    .any(|word| texts.confirming.body.contains(word)),
            );
            for body in [
                texts.confirming_slow.body,
                texts.not_seen.body,
                texts.away.body,
            ] {
                for word in [
                    "pay again",
                    "请勿",
                    "請勿",
                    "ないでください",
                    "마세요",
                    "โปรดอย่า",
                ] {
                    assert!(!body.contains(word), "{body}");
                }
            }
        }
    }

    #[test]
    fn each_countdown_has_a_placeholder_for_the_time() {
        for lang in Lang::ALL {
            let sent = texts(lang).to_words("HK$1.00", "Tea {left}").leak();
            let read = Texts::from_words(sent).unwrap();
            for text in [read.code_expires_in, read.pay_within, read.returning] {
                assert_eq!(text.matches("{left}").count(), 1, "{text}");
            }
        }
    }

    #[test]
    fn chinese_texts_address_the_payer_as_wechat_does() {
        for lang in [Lang::ZhHans, Lang::ZhHant] {
            let text = format!("{:?}", texts(lang));
            for word in ["您", "點按", "售完", "商户订单号", "商戶訂單編號"] {
                assert!(!text.contains(word), "{word}");
            }
        }
    }

    #[test]
    fn the_two_scripts_are_not_mixed() {
        // Pairs that differ, simplified first.
        let pairs =
            "请請连連结結网網络絡开開订訂单單号號复複这這笔筆产產马馬户戶动動关關码碼应應时時";
        let only = |text: &Texts, skip: usize| {
            let text = format!("{text:?}");
            for foreign in pairs.chars().skip(skip).step_by(2) {
                assert!(!text.contains(foreign), "{foreign}");
            }
        };
        only(&zh_hans::TEXTS, 1);
        only(&zh_hant::TEXTS, 0);
    }
}

//! The texts in the reader's language. All of them are in the crate
//! `console-texts`; a browser loads those of one language.

use core::cell::Cell;

use checkout::Lang;
pub(crate) use console_texts::*;

thread_local! {
    static SHOWN: Cell<&'static [&'static str]> = const { Cell::new(&[]) };
}

/// From now on texts are those of this file, which has one on each line. It
/// stays in memory: a person changes the language rarely.
pub(crate) fn speak(file: String) {
    let lines: Vec<&'static str> = file.leak().split('\n').collect();
    SHOWN.set(lines.leak());
}

/// The text in the reader's language.
pub(crate) fn t(text: Text) -> &'static str {
    let shown = SHOWN.get();
    shown.get(text.line()).copied().unwrap_or_default()
}

/// The console's language for a tag: the other languages are those of the
/// payer's pages alone.
pub(crate) fn language(tag: &str) -> Lang {
    match Lang::from_tag(tag) {
        Some(lang @ (Lang::ZhHans | Lang::ZhHant)) => lang,
        _ => Lang::En,
    }
}

/// Shows the texts of a language in a test, which has no server.
#[cfg(test)]
pub(crate) fn speak_in(lang: Lang) {
    let place = LANGUAGES.iter().position(|tag| *tag == lang.tag());
    speak(file(place.unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_in_the_language_that_was_chosen() {
        speak_in(Lang::ZhHans);
        assert_eq!(t(REFUND), "退款");
        assert_eq!(t(ORDERS), "订单");
        speak_in(Lang::ZhHant);
        assert_eq!(t(ORDERS), "訂單");
        speak_in(Lang::En);
        assert_eq!(t(ORDERS), "Orders");
    }

    #[test]
    fn a_language_that_the_console_lacks_is_english() {
        for (tag, expected) in [
            ("zh-HK", Lang::ZhHant),
            ("zh-Hans", Lang::ZhHans),
            ("ja", Lang::En),
            ("", Lang::En),
        ] {
            assert_eq!(language(tag), expected, "{tag}");
        }
    }
}

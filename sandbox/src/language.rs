//! The language of a phone, and of the pages that it shows.

use crate::web::{self, Request};

/// A phone's language. Each page of the sandbox that a payer sees is in this one
/// language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    ZhCn,
    /// Traditional Chinese.
    ZhTw,
}

impl Language {
    /// The language of the phone or browser that sends a request: WeChat's, from
    /// its User-Agent, else the first that the browser asks for.
    pub(crate) fn of(request: &Request) -> Self {
        let wechat = web::request_header(request, "user-agent")
            .and_then(|agent| agent.split_once("Language/"))
            .and_then(|(_, after)| after.split_whitespace().next());
        let tag = wechat.or_else(|| {
            let accepted = web::request_header(request, "accept-language")?;
            accepted.split([',', ';']).next()
        });
        let tag = tag.unwrap_or_default().trim().to_ascii_lowercase();
        let is_traditional = ["tw", "hk", "mo", "hant"]
            .iter()
            .any(|part| tag.split(['-', '_']).any(|own| own == *part));
        match (tag.starts_with("zh"), is_traditional) {
            (false, _) => Self::En,
            (true, false) => Self::ZhCn,
            (true, true) => Self::ZhTw,
        }
    }

    /// The one of these texts that is in this language.
    pub(crate) const fn of_three(self, [en, zh_cn, zh_tw]: [&str; 3]) -> &str {
        match self {
            Self::En => en,
            Self::ZhCn => zh_cn,
            Self::ZhTw => zh_tw,
        }
    }

    /// The tag of a page in this language.
    pub(crate) const fn tag(self) -> &'static str {
        self.of_three(["en", "zh-Hans", "zh-Hant"])
    }

    /// The language in WeChat's User-Agent.
    pub(crate) const fn wechat(self) -> &'static str {
        self.of_three(["en", "zh_CN", "zh_TW"])
    }

    pub(crate) const fn accept_language(self) -> &'static str {
        self.of_three(["en", "zh-CN,zh;q=0.9", "zh-TW,zh;q=0.9"])
    }

    /// The language in the host's label, which allows no underscore.
    pub(crate) const fn label(self) -> &'static str {
        self.of_three(["", "-zhcn", "-zhtw"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wechats_language_has_precedence_over_the_browsers() {
        let of = |agent: &str, accepted: &str| {
            let request = http::Request::get("/")
                .header("user-agent", agent)
                .header("accept-language", accepted)
                .body(Vec::new())
                .unwrap();
            Language::of(&request)
        };
        let wechat = "MicroMessenger/8.0.60 NetType/WIFI Language/zh_TW";
        assert_eq!(of(wechat, "en"), Language::ZhTw);
        assert_eq!(of("Firefox", "zh-CN,zh;q=0.9,en;q=0.8"), Language::ZhCn);
        assert_eq!(of("Firefox", "zh-Hant-HK"), Language::ZhTw);
        assert_eq!(of("Firefox", "en;q=0.9, zh-CN"), Language::En);
        assert_eq!(of("Firefox", ""), Language::En);
    }
}

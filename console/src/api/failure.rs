//! Why a call failed, as the server says it.

use crate::json::{self, Json};

/// Why a call failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// There was no answer.
    Network,
    /// The answer cannot be read: another version of the server, or a proxy's page.
    Unreadable,
    /// The server refused.
    Refused(Box<Refused>),
}

/// A refusal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Refused {
    /// The stable code, such as `FIELD_MISSING`.
    pub(crate) code: String,
    /// The field that it is about.
    pub(crate) field: Option<String>,
    /// The server's sentence, in English.
    pub(crate) message: String,
    /// The request's id, to quote.
    pub(crate) request_id: String,
    /// How long to wait.
    pub(crate) retry_after_seconds: Option<u32>,
    /// WeChat's own code and sentence, where WeChat refused.
    pub(crate) upstream: Option<String>,
}

/// WeChat's own code and sentence, in the place of a refusal's sentence.
fn upstream(message: &Json) -> Option<String> {
    let known = |name| message.member(name).text().filter(|text| !text.is_empty());
    match (known("err_code"), known("err_code_des")) {
        (Some(code), Some(sentence)) => Some(format!("{code}: {sentence}")),
        (code, sentence) => sentence.or(code),
    }
}

impl Failure {
    /// Reads a refusal. An answer of something else than the gateway has its
    /// status as its code.
    pub(crate) fn read(
        status: u16,
        text: &str,
        request_id: &str,
        retry_after_seconds: Option<u32>,
    ) -> Self {
        let mut refused = Refused {
            code: format!("HTTP {status}"),
            request_id: request_id.to_owned(),
            retry_after_seconds,
            ..Refused::default()
        };
        // `Code` repeats `code` for older clients.
        let sent = json::parse(text);
        if let Some((code, sent)) = sent.and_then(|sent| Some((sent.member("code").text()?, sent)))
        {
            let message = sent.member("message");
            refused.code = code;
            refused.field = sent.member("field").text();
            refused.upstream = upstream(&message);
            refused.message = message.text().unwrap_or_default();
        }
        Self::Refused(Box::new(refused))
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused(refused) => &refused.code,
            Self::Network | Self::Unreadable => "",
        }
    }

    /// Whether the person is signed out.
    pub(crate) fn ends_session(&self) -> bool {
        self.code() == "SIGN_IN_NEEDED"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_code_field_and_request() {
        let text = r#"{"status":"fail","code":"FIELD_INVALID","field":"reason","message":"too long","data":null,"Code":"FAIL"}"#;
        let failure = Failure::read(400, text, "8c1d", None);
        assert_eq!(failure.code(), "FIELD_INVALID");
        assert!(matches!(&failure, Failure::Refused(refused)
            if refused.field.as_deref() == Some("reason")
                && refused.message == "too long"
                && refused.request_id == "8c1d"));
        assert!(!failure.ends_session());
    }

    #[test]
    fn wechats_own_words_are_kept() {
        let text = r#"{"code":"UPSTREAM_REFUSED","message":{"err_code":"NOTENOUGH","err_code_des":"余额不足"}}"#;
        let Failure::Refused(refused) = Failure::read(422, text, "", None) else {
            panic!("a refusal");
        };
        assert_eq!(refused.upstream.as_deref(), Some("NOTENOUGH: 余额不足"));
    }

    #[test]
    fn the_page_of_a_proxy_is_a_refusal_too() {
        let failure = Failure::read(502, "<html>Bad gateway</html>", "", Some(3));
        assert_eq!(failure.code(), "HTTP 502");
        assert!(Failure::read(401, r#"{"code":"SIGN_IN_NEEDED"}"#, "", None).ends_session());
    }
}

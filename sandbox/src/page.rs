//! The layout that the sandbox's own pages share.

use crate::language::Language;
use crate::web::{self, Answer, escape};
use http::StatusCode;

/// The style sheet of every page (`/site.css`).
pub(crate) const STYLE: &str = include_str!("site.css");

/// A whole page around `body`, which is HTML already, in English.
pub(crate) fn page(status: StatusCode, title: &str, class: &str, body: &str) -> Answer {
    page_in(Language::En, status, title, class, body)
}

/// As [`page`], in the reader's language.
pub(crate) fn page_in(
    language: Language,
    status: StatusCode,
    title: &str,
    class: &str,
    body: &str,
) -> Answer {
    web::html(
        status,
        format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{}</title>\n<link rel=\"stylesheet\" href=\"/site.css\">\n\
             <link rel=\"icon\" href=\"data:,\">\n</head>\n\
             <body class=\"{class}\">\n{body}\n</body>\n</html>\n",
            language.tag(),
            escape(title)
        ),
    )
}

/// A page that says why something is refused.
///
/// `heading` is WeChat's own text in each language; `message` explains it to
/// developers, in English, and stands on English pages alone. `code` is WeChat's
/// number for it, or empty.
pub(crate) fn refusal(language: Language, heading: [&str; 3], message: &str, code: &str) -> Answer {
    let heading = language.of_three(heading);
    let message = match language {
        Language::En => format!("<p>{}</p>", escape(message)),
        Language::ZhCn | Language::ZhTw => String::new(),
    };
    let code = match code {
        "" => String::new(),
        code => {
            let label = language.of_three(["Error code", "错误码", "錯誤碼"]);
            format!("<p class=\"code\">{label}: {code}</p>")
        }
    };
    page_in(
        language,
        StatusCode::OK,
        heading,
        "narrow",
        &format!(
            "<main class=\"notice warn\"><p class=\"sign\" aria-hidden=\"true\">!</p>\
             <h1>{}</h1>{message}{code}</main>",
            escape(heading)
        ),
    )
}

//! The layout that the sandbox's own pages share.

use crate::web::{self, Answer, escape};
use http::StatusCode;

/// The style sheet of every page (`/site.css`).
pub(crate) const STYLE: &str = include_str!("site.css");

/// A whole page around `body`, which is HTML already.
pub(crate) fn page(status: StatusCode, title: &str, class: &str, body: &str) -> Answer {
    web::html(
        status,
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{}</title>\n<link rel=\"stylesheet\" href=\"/site.css\">\n\
             <link rel=\"icon\" href=\"data:,\">\n</head>\n\
             <body class=\"{class}\">\n{body}\n</body>\n</html>\n",
            escape(title)
        ),
    )
}

//! Addresses that a merchant gives us: which we will send to, and which we
//! will send a payer to.

use crate::error::{ApiError, Code};
use crate::fields::Fields;
use url::{Host, Url};

/// The longest address that is taken.
const MAX_BYTES: usize = 256;

/// `notify_url`, `refund_notify_url`: where a notice is sent on to.
///
/// Outside development it must be `https` with a public host *name*: a number
/// could be a machine inside somebody's network, which we would be made to
/// knock at. Of the ports below 1024, where other services are, only 443. What
/// a name leads to is for the runtime, which reaches the public internet only.
pub fn notify_url(
    fields: &Fields,
    name: &str,
    development: bool,
) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text(name, MAX_BYTES)? else {
        return Ok(None);
    };
    let refuse = |problem: &str| Err(fields.error(Code::NotifyUrlRefused, name, problem));
    let Some(url) = parse(&text).filter(|url| url.fragment().is_none()) else {
        return refuse(
            "must be an address like https://shop.example.com/notify, without user name or fragment",
        );
    };
    // As the parser writes it: a space in it would be refused when it is sent.
    let text = url.to_string();
    if development {
        return Ok(Some(text));
    }
    if url.scheme() != "https" {
        return refuse("must begin with https://");
    }
    if url.port().is_some_and(|port| port < 1024) {
        return refuse("must be on port 443, or on one from 1024");
    }
    match url.host() {
        Some(Host::Domain(name)) if is_public_name(name) => Ok(Some(text)),
        _ => refuse("must have a public host name"),
    }
}

/// `success_url`, `cancel_url`: where the payer's browser goes, by the payer's
/// own click. A single-page shop's address may have a fragment (`/#/paid`).
pub fn page_url(
    fields: &Fields,
    name: &str,
    development: bool,
) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text(name, 1024)? else {
        return Ok(None);
    };
    match parse(&text) {
        Some(url) if development || url.scheme() == "https" => Ok(Some(text)),
        Some(_) => Err(fields.invalid(name, "must begin with https://")),
        None => Err(fields.invalid(
            name,
            "must be an address like https://shop.example.com/done",
        )),
    }
}

/// An `http(s)` address without user name. The host may be in any script: the
/// parser turns it into ASCII (punycode), and every check is of that form.
fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none())
    .then_some(url)
}

fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    const PRIVATE: [&str; 7] = [
        ".localhost",
        ".localdomain",
        ".local",
        ".internal",
        ".home.arpa",
        ".lan",
        ".intranet",
    ];
    name.contains('.') && !PRIVATE.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_forwarded_to_public_names_only() {
        for (address, ok) in [
            ("https://shop.example.com/notify", true),
            ("https://shop.example.com:8443/n?x=1", true),
            ("http://shop.example.com/notify", false),
            ("ftp://shop.example.com/", false),
            ("//shop.example.com/", false),
            ("javascript:alert(1)", false),
            ("https://user:pass@shop.example.com/", false),
            ("https://shop.example.com/#x", false),
            ("https://localhost/", false),
            ("https://a.localhost/", false),
            ("https://intranet/", false),
            ("https://metadata.google.internal/", false),
            ("https://127.0.0.1/", false),
            ("https://2130706433/", false),
            ("https://0x7f.1/", false),
            ("https://169.254.169.254/latest", false),
            ("https://10.0.0.1/", false),
            ("https://8.8.8.8/", false),
            ("https://[::1]/", false),
            ("https://[::ffff:10.0.0.1]/", false),
            // In any script, and judged by the ASCII form: what only looks like
            // a public name is a number, or a name of the machine itself.
            ("https://商店.example/notify", true),
            ("https://xn--mnchen-3ya.example/", true),
            ("https://１２７.０.０.１/", false),
            ("https://127。0。0。1/", false),
            ("https://①②⑦.0.0.1/", false),
            ("https://ｌｏｃａｌｈｏｓｔ/", false),
            ("https://a.ｌｏｃａｌｈｏｓｔ/", false),
            ("https://ⓜetadata.google.ⓘnternal/", false),
            ("https://printer．local/", false),
            ("https://printer.lo\u{ad}cal/", false),
            ("https://xn--/", false),
            ("https://xn--a-ecp.example/", false),
            ("https://a\u{202e}b.example/", false),
        ] {
            let body = serde_json::json!({"notify_url": address}).to_string();
            let fields = Fields::read(body.as_bytes()).unwrap();
            assert_eq!(
                notify_url(&fields, "notify_url", false).is_ok(),
                ok,
                "{address}"
            );
        }
    }

    #[test]
    fn a_page_may_have_a_fragment_and_a_host_in_any_script() {
        for (address, ok) in [
            ("https://shop.example.com/#/paid", true),
            ("https://shop.example.com/app#/paid?x=1&y=2", true),
            ("https://商店.example/#/已支付", true),
            ("https://тест.example/", true),
            ("https://मंडी.example/", true),
            ("https://user@商店.example/", false),
            ("http://商店.example/", false),
            ("javascript:alert(1)#https://shop.example.com/", false),
            ("https://#/paid", false),
        ] {
            let body = serde_json::json!({"success_url": address}).to_string();
            let fields = Fields::read(body.as_bytes()).unwrap();
            let read = page_url(&fields, "success_url", false);
            assert_eq!(read.is_ok(), ok, "{address}");
            if let Ok(read) = read {
                assert_eq!(read.as_deref(), Some(address), "as it was sent");
            }
        }
    }
}

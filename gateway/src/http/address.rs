//! Addresses from a merchant: those that the gateway sends requests to, and
//! those that it redirects a payer to. Each is parsed on receipt and stored in
//! the parser's form, so that every later reader sees the same address.

use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use url::{Host, Url};

/// The longest address that is accepted.
const MAX_BYTES: usize = 256;
/// Why `http` is refused.
const NOT_HTTPS: &str = "must begin with https://";

/// Which addresses a merchant's notices may be forwarded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyTargets {
    /// `https` and a public host name.
    Https,
    /// As [`Self::Https`], and `http`: see
    /// [`Merchant::http_notify_url`](crate::merchants::merchant::Merchant::http_notify_url).
    HttpToo,
    /// Any `http` or `https` address, for development.
    Any,
}

impl NotifyTargets {
    /// `http` is whether the merchant allows it.
    pub const fn of(http: bool, development: bool) -> Self {
        match (development, http) {
            (true, _) => Self::Any,
            (false, true) => Self::HttpToo,
            (false, false) => Self::Https,
        }
    }
}

/// `notify_url`, `refund_notify_url`: where a notice is forwarded to.
///
/// Outside development it must have a public host *name*: an IP address could
/// be a machine inside a private network, to which the gateway would send
/// requests (SSRF). Of the ports below 1024, which other services use, only 443
/// is allowed, and 80 with `http`. The runtime resolves the name, and reaches
/// the public internet only.
pub fn notify_url(
    fields: &Fields,
    name: &str,
    targets: NotifyTargets,
) -> Result<Option<String>, ApiError> {
    let not_https = "must begin with https://: this merchant's http_notify_url is false";
    checked_url(fields, name, targets, not_https)
}

/// `url` of an endpoint: as [`notify_url`], and always `https` outside development,
/// because events have openids.
pub fn endpoint_url(
    fields: &Fields,
    name: &str,
    development: bool,
) -> Result<Option<String>, ApiError> {
    let targets = NotifyTargets::of(false, development);
    checked_url(fields, name, targets, NOT_HTTPS)
}

fn checked_url(
    fields: &Fields,
    name: &str,
    targets: NotifyTargets,
    not_https: &str,
) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text(name, MAX_BYTES)? else {
        return Ok(None);
    };
    let refuse = |problem: &str| Err(fields.error(Code::NotifyUrlRefused, name, problem));
    let Some(url) = parse(&text) else {
        return refuse(
            "must be an address like https://shop.example.com/notify, without user name or fragment",
        );
    };
    match problem_of(&url, targets) {
        // In the parser's form: a space in it would be refused when it is sent.
        None => Ok(Some(url.to_string())),
        Some(NOT_HTTPS) => refuse(not_https),
        Some(problem) => refuse(problem),
    }
}

/// Whether a stored address may be sent to.
pub fn may_be_sent_to(text: &str, targets: NotifyTargets) -> bool {
    parse(text).is_some_and(|url| problem_of(&url, targets).is_none())
}

/// Why nothing is sent to an address.
fn problem_of(url: &Url, targets: NotifyTargets) -> Option<&'static str> {
    if targets == NotifyTargets::Any {
        return None;
    }
    if url.scheme() != "https" && targets == NotifyTargets::Https {
        return Some(NOT_HTTPS);
    }
    if url.port().is_some_and(|port| port < 1024) {
        return Some("must be on port 443 (80 with http://), or on one from 1024");
    }
    match url.host() {
        Some(Host::Domain(name)) if is_public_name(name) => None,
        _ => Some("must have a public host name"),
    }
}

/// `success_url`, `cancel_url`: where the payer's browser goes when the payer
/// clicks. A single-page shop's address may have a fragment (`/#/paid`).
pub fn page_url(
    fields: &Fields,
    name: &str,
    development: bool,
) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text(name, 1024)? else {
        return Ok(None);
    };
    match parse_with_fragment(&text) {
        Some(url) if development || url.scheme() == "https" => Ok(Some(url.to_string())),
        Some(_) => Err(fields.invalid(name, "must begin with https://")),
        None => Err(fields.invalid(
            name,
            "must be an address like https://shop.example.com/done",
        )),
    }
}

/// One of `redirect_origins`: scheme, host and port only; `https` outside
/// development, because the redirect's address contains an openid.
pub fn registered_origin(text: &str, development: bool) -> Option<String> {
    let url = parse(text)?;
    let bare = url.path() == "/" && url.query().is_none();
    (bare && (development || url.scheme() == "https")).then(|| url.origin().ascii_serialization())
}

/// The address of a Quick Auth service, which receives the merchant's token:
/// `https` outside development.
pub fn quick_auth_url(text: &str, development: bool) -> Option<String> {
    let url = parse(text)?;
    (development || url.scheme() == "https").then(|| url.to_string())
}

/// The origin of an address that a payer may be redirected to.
pub fn origin(text: &str) -> Option<String> {
    parse_with_fragment(text).map(|url| url.origin().ascii_serialization())
}

/// An `http(s)` address without user name, and without fragment.
fn parse(text: &str) -> Option<Url> {
    parse_with_fragment(text).filter(|url| url.fragment().is_none())
}

/// An `http(s)` address without user name. The standard's parser accepts forms
/// that are more likely a mistake, and that another parser reads differently:
/// white space around the address, missing slashes, and backslashes; these are
/// refused. The host may be in any script: the parser turns it into ASCII
/// (punycode), and every check uses that form.
fn parse_with_fragment(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_plain = !rest.starts_with('/')
        && !authority.contains('\\')
        && !text.contains(|c: char| c.is_ascii_control())
        && !text.starts_with(' ')
        && !text.ends_with(' ');
    if !is_plain
        || !["http", "https"]
            .iter()
            .any(|s| scheme.eq_ignore_ascii_case(s))
    {
        return None;
    }
    let url = Url::parse(text).ok()?;
    (url.host().is_some() && url.username().is_empty() && url.password().is_none()).then_some(url)
}

fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    // Reserved (RFC 2606, 6761, 6762, 7686, 8375), or used inside networks.
    const PRIVATE: [&str; 13] = [
        ".localhost",
        ".localdomain",
        ".local",
        ".internal",
        ".home.arpa",
        ".lan",
        ".intranet",
        ".corp",
        ".home",
        ".svc",
        ".invalid",
        ".onion",
        ".alt",
    ];
    name.contains('.') && !PRIVATE.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_for_payers_are_stored_as_they_are_parsed() {
        for (address, stored) in [
            (
                "https://shop.example.com",
                Some("https://shop.example.com/"),
            ),
            (
                "HTTPS://Shop.Example.COM/a b",
                Some("https://shop.example.com/a%20b"),
            ),
            (
                "https://shop.example.com:443/x",
                Some("https://shop.example.com/x"),
            ),
            (
                "https://shop.example.com/a/../b",
                Some("https://shop.example.com/b"),
            ),
            (
                "https://shop.example.com/#/paid",
                Some("https://shop.example.com/#/paid"),
            ),
            (
                "https://shop.example.com/\"><b>",
                Some("https://shop.example.com/%22%3E%3Cb%3E"),
            ),
            ("http://shop.example.com/", None),
            ("https:shop.example.com", None),
            ("https:/shop.example.com", None),
            ("https:///shop.example.com", None),
            ("https:\\\\shop.example.com", None),
            ("https://evil.example\\@shop.example.com/", None),
            (" https://shop.example.com/", None),
            ("https://shop.example.com/ ", None),
            ("https://user@shop.example.com/", None),
            ("https://:pw@shop.example.com/", None),
            ("javascript://shop.example.com/%0aalert(1)", None),
            ("data:text/html,x", None),
            ("//shop.example.com/", None),
            ("https://", None),
        ] {
            let body = serde_json::json!({"success_url": address}).to_string();
            let fields = Fields::read(body.as_bytes()).unwrap();
            let read = page_url(&fields, "success_url", false).ok().flatten();
            assert_eq!(read.as_deref(), stored, "{address}");
        }
    }

    #[test]
    fn registered_addresses_are_https_outside_development() {
        for (text, in_production, in_development) in [
            ("https://shop.example.com", true, true),
            ("https://shop.example.com/", true, true),
            ("https://shop.example.com:8443", true, true),
            ("http://shop.example.com", false, true),
            ("http://localhost:8080", false, true),
            ("https://shop.example.com/cart", false, false),
            ("https://shop.example.com?x", false, false),
            ("https://:pw@shop.example.com", false, false),
            ("http:shop.example.com", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                registered_origin(text, false).is_some(),
                in_production,
                "{text}"
            );
            assert_eq!(
                registered_origin(text, true).is_some(),
                in_development,
                "{text}"
            );
        }
        assert_eq!(quick_auth_url("http://a.example/x", false), None);
        assert!(quick_auth_url("http://a.example/x", true).is_some());
        assert!(quick_auth_url("https://a.example/oauth_bridge.php", false).is_some());
        assert_eq!(quick_auth_url("https://a.example/#x", false), None);
    }

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
            // In any script, and checked in the ASCII form: some names that
            // look public are an IP address, or a name of the machine itself.
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
            let taken = |targets| notify_url(&fields, "notify_url", targets).is_ok();
            assert_eq!(taken(NotifyTargets::Https), ok, "{address}");
            // With http allowed, the same hosts and ports are accepted.
            let is_http = address.starts_with("http://");
            assert_eq!(taken(NotifyTargets::HttpToo), ok || is_http, "{address}");
            if let Some(rest) = address.strip_prefix("https://") {
                let body = serde_json::json!({"notify_url": format!("http://{rest}")}).to_string();
                let fields = Fields::read(body.as_bytes()).unwrap();
                let taken = |targets| notify_url(&fields, "notify_url", targets).is_ok();
                assert!(!taken(NotifyTargets::Https), "http://{rest}");
                assert_eq!(taken(NotifyTargets::HttpToo), ok, "http://{rest}");
            }
        }
    }

    #[test]
    fn each_scheme_has_its_usual_port_and_those_from_1024() {
        for (address, ok) in [
            ("http://shop.example.com:80/n", true),
            ("http://shop.example.com:8080/n", true),
            ("http://shop.example.com:443/n", false),
            ("http://shop.example.com:25/n", false),
            ("https://shop.example.com:443/n", true),
            ("https://shop.example.com:80/n", false),
        ] {
            let body = serde_json::json!({"notify_url": address}).to_string();
            let fields = Fields::read(body.as_bytes()).unwrap();
            let taken = notify_url(&fields, "notify_url", NotifyTargets::HttpToo);
            assert_eq!(taken.is_ok(), ok, "{address}");
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
                assert!(read.is_some_and(|url| url.is_ascii()), "{address}");
            }
        }
    }
}

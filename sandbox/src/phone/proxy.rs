//! The phone's in-app browser: addresses and headers, mapped both ways.
//!
//! ```text
//! page on this machine     http://127.0.0.1:8787/pay/?s=1
//! the same in the phone    http://p8787-alice.phone.localhost:8788/pay/?s=1
//!                                 │     │                    └ the sandbox
//!                                 │     └ payer[-zhcn|-zhtw]: language
//!                                 └ port
//! ```
//!
//! Every page gets its own host, so it has its own cookies and its own absolute
//! paths; browsers resolve `*.localhost` to this machine. The request is sent
//! to the page's server as WeChat would send it, and the bridge script is
//! inserted into the answer. Headers that forbid framing are removed; every
//! other policy of the page remains.
//!
//! Only ports of this machine from 1024 up are reached: this is a tester's
//! phone, not an open proxy. This module does no I/O.

use crate::language::Language;
use crate::web::escape;
use crate::wechat::payers::{PAYER_HEADER, Payer};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

/// The largest page or upload that passes through the phone.
pub const MAX_PROXIED_BYTES: usize = 10 << 20;

/// The host of the phone itself; the hosts of its pages are below it.
const PHONE_HOST: &str = "phone.localhost";

/// The host of WeChat's OAuth, which the sandbox replaces in the phone.
const WEIXIN_OPEN_HOST: &str = "open.weixin.qq.com";

/// One page's host in the phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneHost {
    /// The port of this machine that the page's server listens on.
    pub port: u16,
    /// The payer whose phone it is.
    pub payer: Payer,
    /// The phone's language.
    pub language: Language,
    /// The sandbox's own port, if the address contains one.
    pub own_port: Option<u16>,
}

/// Why a host below `phone.localhost` is not a page's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a page in the phone has the host p<port>-<payer>[-zhcn|-zhtw].{PHONE_HOST}, \
     with a port from 1024 up and the payer alice, bob or carol"
)]
pub struct NotAPage;

impl PhoneHost {
    /// Reads `host[:port]`. `None` for a host that is not below the phone's.
    pub fn parse(host: &str) -> Option<Result<Self, NotAPage>> {
        let (name, own_port) = match host.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().ok()),
            None => (host, None),
        };
        let label = name.strip_suffix(PHONE_HOST)?.strip_suffix('.')?;
        Some(Self::parse_label(label, own_port).ok_or(NotAPage))
    }

    fn parse_label(label: &str, own_port: Option<u16>) -> Option<Self> {
        let mut parts = label.strip_prefix('p')?.split('-');
        let port: u16 = parts.next()?.parse().ok()?;
        let payer = Payer::from_name(parts.next()?)?;
        let language = match parts.next() {
            None => Language::En,
            Some("zhcn") => Language::ZhCn,
            Some("zhtw") => Language::ZhTw,
            Some(_) => return None,
        };
        (port >= 1024 && parts.next().is_none()).then_some(Self {
            port,
            payer,
            language,
            own_port,
        })
    }

    /// The User-Agent of this phone's WeChat.
    pub fn user_agent(&self) -> String {
        format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
             (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.60(0x18003c2f) NetType/WIFI \
             Language/{}",
            self.language.wechat()
        )
    }

    /// The server of the page: `http://127.0.0.1:8787`.
    pub fn target_origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The origin of a port of this machine in this phone.
    fn phone_origin(&self, port: u16) -> String {
        let Self {
            payer, language, ..
        } = self;
        let own_port = self.own_port.map(|own| format!(":{own}"));
        format!(
            "http://p{port}-{}{}.{PHONE_HOST}{}",
            payer.as_str(),
            language.label(),
            own_port.unwrap_or_default()
        )
    }

    /// The address in the phone of an address on this machine (or of WeChat's
    /// OAuth, which is the sandbox's here). `None` for any other address, and
    /// for a relative one, which needs no mapping.
    pub fn into_phone(&self, address: &str) -> Option<String> {
        let url = Url::parse(address).ok()?;
        let port = if is_loopback(&url) && url.scheme() == "http" {
            url.port_or_known_default().filter(|port| *port >= 1024)?
        } else if url.host_str() == Some(WEIXIN_OPEN_HOST) {
            self.own_port?
        } else {
            return None;
        };
        Some(format!("{}{}", self.phone_origin(port), after_origin(&url)))
    }

    /// The address on this machine of an address in the phone; any other
    /// address unchanged.
    pub fn out_of_phone(&self, address: &str) -> String {
        let mapped = Url::parse(address).ok().and_then(|url| {
            let page = Self::parse(url.host_str()?)?.ok()?;
            Some(format!("{}{}", page.target_origin(), after_origin(&url)))
        });
        mapped.unwrap_or_else(|| address.to_owned())
    }

    /// The headers of the request to the page's server.
    pub fn request_headers(&self, from: &HeaderMap) -> HeaderMap {
        let mut to = HeaderMap::new();
        for (name, value) in from {
            if is_hop_by_hop(name) || *name == header::HOST || *name == header::ACCEPT_ENCODING {
                continue;
            }
            if *name != header::ORIGIN && *name != header::REFERER {
                to.append(name, value.clone());
            } else if let Ok(address) = value.to_str()
                && !is_the_phone(address)
                && let Ok(mapped) = self.origin_out_of_phone(name, address).parse()
            {
                to.append(name, mapped);
            }
        }
        let own: [(HeaderName, String); 3] = [
            (header::USER_AGENT, self.user_agent()),
            (
                header::ACCEPT_LANGUAGE,
                self.language.accept_language().to_owned(),
            ),
            (
                HeaderName::from_static(PAYER_HEADER),
                self.payer.as_str().to_owned(),
            ),
        ];
        for (name, value) in own {
            if let Ok(value) = HeaderValue::from_str(&value) {
                to.insert(name, value);
            }
        }
        to
    }

    /// An `Origin` has no path, not even `/`.
    fn origin_out_of_phone(&self, name: &HeaderName, address: &str) -> String {
        let mapped = self.out_of_phone(address);
        match mapped.strip_suffix('/') {
            Some(origin) if *name == header::ORIGIN => origin.to_owned(),
            _ => mapped,
        }
    }

    /// The headers for the phone's browser, and the nonce with which the page's
    /// policy allows a script.
    pub fn response_headers(&self, from: &HeaderMap) -> (HeaderMap, Option<String>) {
        let mut to = HeaderMap::new();
        let mut nonce = None;
        for (name, value) in from {
            if is_hop_by_hop(name) || is_dropped(name) {
                continue;
            }
            let text = value.to_str().unwrap_or_default();
            let mapped = if *name == header::LOCATION {
                self.into_phone(text)
            } else if *name == header::CONTENT_SECURITY_POLICY {
                nonce = nonce.or_else(|| script_nonce(text));
                Some(self.policy(text))
            } else if *name == header::SET_COOKIE {
                Some(host_cookie(text))
            } else {
                None
            };
            match mapped.and_then(|mapped| HeaderValue::from_str(&mapped).ok()) {
                Some(mapped) => to.append(name, mapped),
                None => to.append(name, value.clone()),
            };
        }
        (to, nonce)
    }

    /// A Content-Security-Policy for the phone: framing is allowed, the page's
    /// addresses on this machine are allowed in their mapped form too, and
    /// requests are not upgraded to HTTPS, which the sandbox does not serve.
    fn policy(&self, policy: &str) -> String {
        let directives = policy.split(';').map(str::trim).filter(|directive| {
            let name = directive.split_ascii_whitespace().next().unwrap_or("");
            !["", "frame-ancestors", "upgrade-insecure-requests"].contains(&name)
        });
        let mapped = directives.map(|directive| {
            let mut words = Vec::new();
            for word in directive.split_ascii_whitespace() {
                words.push(word.to_owned());
                if let Some(mapped) = self.into_phone(word) {
                    words.push(mapped.trim_end_matches('/').to_owned());
                }
            }
            words.join(" ")
        });
        mapped.collect::<Vec<_>>().join("; ")
    }

    /// The page with the bridge as its first script.
    pub fn with_bridge(&self, html: &[u8], nonce: Option<&str>) -> Vec<u8> {
        let nonce = nonce.map(|nonce| format!(" nonce=\"{}\"", escape(nonce)));
        let script = format!(
            "<script src=\"/__phone/bridge.js\" data-user-agent=\"{}\" data-language=\"{}\"{}></script>",
            escape(&self.user_agent()),
            self.language.wechat(),
            nonce.unwrap_or_default()
        );
        let (before, after) = html.split_at(bridge_position(html));
        [before, script.as_bytes(), after].concat()
    }
}

/// After `<head…>`; without one after `<html…>`, after the doctype, or at the
/// beginning.
fn bridge_position(html: &[u8]) -> usize {
    ["<head", "<html", "<!doctype"]
        .into_iter()
        .find_map(|tag| end_of_tag(html, tag.as_bytes()))
        .unwrap_or(0)
}

fn end_of_tag(html: &[u8], tag: &[u8]) -> Option<usize> {
    let starts = html.windows(tag.len() + 1).position(|window| {
        let (name, next) = window.split_at(tag.len());
        name.eq_ignore_ascii_case(tag)
            && next
                .iter()
                .all(|b| b.is_ascii_whitespace() || b"/>".contains(b))
    })?;
    let length = html.get(starts..)?.iter().position(|b| *b == b'>')?;
    Some(starts + length + 1)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an address is the phone's own page. The page's server must not see
/// it as a referrer.
fn is_the_phone(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.host_str() == Some(PHONE_HOST))
}

fn after_origin(url: &Url) -> &str {
    &url[url::Position::BeforePath..]
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
    ]
    .contains(name)
        || name.as_str().starts_with("cf-")
        || name.as_str() == "keep-alive"
}

/// Whether a header would prevent framing, or would make the browser use HTTPS
/// from then on.
fn is_dropped(name: &HeaderName) -> bool {
    *name == header::X_FRAME_OPTIONS
        || *name == header::STRICT_TRANSPORT_SECURITY
        || name.as_str() == "cross-origin-opener-policy"
        || name.as_str() == "cross-origin-resource-policy"
}

/// A cookie that a page set for this machine belongs to the page's host in
/// the phone.
fn host_cookie(cookie: &str) -> String {
    let parts = cookie.split(';').filter(|part| {
        let name = part.split('=').next().unwrap_or("").trim();
        !name.eq_ignore_ascii_case("domain")
    });
    parts.collect::<Vec<_>>().join(";")
}

fn script_nonce(policy: &str) -> Option<String> {
    let directive = |name: &str| {
        policy
            .split(';')
            .map(str::trim)
            .find(|directive| directive.split_ascii_whitespace().next() == Some(name))
    };
    directive("script-src-elem")
        .or_else(|| directive("script-src"))
        .or_else(|| directive("default-src"))?
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix("'nonce-")?.strip_suffix('\''))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> PhoneHost {
        PhoneHost::parse("p8787-alice.phone.localhost:8788")
            .unwrap()
            .unwrap()
    }

    #[test]
    fn a_phones_host_names_port_payer_and_language() {
        assert_eq!(
            PhoneHost::parse("p9000-bob-zhtw.phone.localhost"),
            Some(Ok(PhoneHost {
                port: 9000,
                payer: Payer::Bob,
                language: Language::ZhTw,
                own_port: None,
            }))
        );
        for not_below in ["127.0.0.1:8788", "phone.localhost:8788", "example.com", ""] {
            assert_eq!(PhoneHost::parse(not_below), None, "{not_below}");
        }
        for bad in [
            "p80-alice",
            "p8787",
            "p8787-eve",
            "p8787-alice-fr",
            "p99999-alice",
            "x",
            "",
        ] {
            let host = format!("{bad}.phone.localhost:8788");
            assert_eq!(PhoneHost::parse(&host), Some(Err(NotAPage)), "{host}");
        }
    }

    #[test]
    fn addresses_into_the_phone_and_back() {
        let cases = [
            (
                "http://127.0.0.1:8787/pay/?s=1#x",
                Some("http://p8787-alice.phone.localhost:8788/pay/?s=1#x"),
            ),
            (
                "http://localhost:8788/shop/",
                Some("http://p8788-alice.phone.localhost:8788/shop/"),
            ),
            (
                "http://[::1]:9000",
                Some("http://p9000-alice.phone.localhost:8788/"),
            ),
            (
                "https://open.weixin.qq.com/connect/oauth2/authorize?appid=a#wechat_redirect",
                Some(
                    "http://p8788-alice.phone.localhost:8788/connect/oauth2/authorize?appid=a#wechat_redirect",
                ),
            ),
            ("http://127.0.0.1/pay/", None),
            ("https://127.0.0.1:8787/", None),
            ("http://10.0.0.1:8787/", None),
            ("https://example.com/", None),
            ("/pay/?s=1", None),
            ("../x", None),
        ];
        for (outside, inside) in cases {
            assert_eq!(alice().into_phone(outside).as_deref(), inside, "{outside}");
        }
        let alice = alice();
        assert_eq!(
            alice.out_of_phone("http://p8787-alice.phone.localhost:8788/pay/?s=1"),
            "http://127.0.0.1:8787/pay/?s=1"
        );
        assert_eq!(
            alice.out_of_phone("https://example.com/x"),
            "https://example.com/x"
        );
        assert_eq!(alice.out_of_phone("null"), "null");
    }

    #[test]
    fn the_request_is_wechats() {
        let mut from = HeaderMap::new();
        from.insert("host", "p8787-alice.phone.localhost:8788".parse().unwrap());
        from.insert(
            "origin",
            "http://p8787-alice.phone.localhost:8788".parse().unwrap(),
        );
        from.insert(
            "referer",
            "http://p8788-alice.phone.localhost:8788/shop/"
                .parse()
                .unwrap(),
        );
        from.insert("user-agent", "Mozilla/5.0 (X11; Linux)".parse().unwrap());
        from.insert("accept-encoding", "br".parse().unwrap());
        from.insert("cookie", "a=1".parse().unwrap());
        from.insert(PAYER_HEADER, "carol".parse().unwrap());
        let to = alice().request_headers(&from);
        assert_eq!(to.get("origin").unwrap(), "http://127.0.0.1:8787");
        assert_eq!(to.get("referer").unwrap(), "http://127.0.0.1:8788/shop/");
        assert_eq!(to.get("cookie").unwrap(), "a=1");
        assert_eq!(to.get(PAYER_HEADER).unwrap(), "alice");
        assert_eq!(to.get_all(PAYER_HEADER).iter().count(), 1);
        assert!(
            to.get("user-agent")
                .unwrap()
                .to_str()
                .unwrap()
                .contains("MicroMessenger/8.0.60")
        );
        assert!(to.get("host").is_none() && to.get("accept-encoding").is_none());
    }

    #[test]
    fn the_answer_may_be_framed_and_stays_in_the_phone() {
        let mut from = HeaderMap::new();
        from.insert("location", "http://127.0.0.1:8787/pay/".parse().unwrap());
        from.insert("x-frame-options", "DENY".parse().unwrap());
        from.insert("strict-transport-security", "max-age=1".parse().unwrap());
        from.insert("content-length", "12".parse().unwrap());
        from.append(
            "set-cookie",
            "a=1; Path=/; Domain=127.0.0.1; HttpOnly".parse().unwrap(),
        );
        from.append("set-cookie", "b=2".parse().unwrap());
        let policy = "default-src 'none'; script-src 'self' 'nonce-abc'; connect-src 'self' \
                      http://localhost:9000; frame-ancestors 'none'; upgrade-insecure-requests";
        from.insert("content-security-policy", policy.parse().unwrap());
        let (to, nonce) = alice().response_headers(&from);
        assert_eq!(nonce.as_deref(), Some("abc"));
        assert_eq!(
            to.get("location").unwrap(),
            "http://p8787-alice.phone.localhost:8788/pay/"
        );
        assert_eq!(
            to.get("content-security-policy").unwrap(),
            "default-src 'none'; script-src 'self' 'nonce-abc'; connect-src 'self' \
             http://localhost:9000 http://p9000-alice.phone.localhost:8788"
        );
        let cookies: Vec<_> = to.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1; Path=/; HttpOnly", "b=2"]);
        assert_eq!(to.len(), 4, "{to:?}");
    }

    #[test]
    fn the_bridge_is_the_first_script() {
        for (page, before) in [
            (
                "<!doctype html><html lang=en><HEAD data-x='1'><title>",
                "<!doctype html><html lang=en><HEAD data-x='1'>",
            ),
            ("<html><header>x</header>", "<html>"),
            ("<!DOCTYPE html><p>x", "<!DOCTYPE html>"),
            ("<p>x", ""),
            ("", ""),
        ] {
            let got = String::from_utf8(alice().with_bridge(page.as_bytes(), Some("n"))).unwrap();
            assert!(
                got.starts_with(&format!("{before}<script src=\"/__phone/bridge.js\"")),
                "{got}"
            );
            assert!(got.contains(" nonce=\"n\"></script>"));
        }
    }
}

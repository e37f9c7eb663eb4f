//! The network address of a request's sender.

use crate::http::message::header_text;
use crate::runtime::Request;
use std::net::{IpAddr, Ipv4Addr};

/// The client's address, as Cloudflare reports it; in development, where no
/// proxy reports one, the address of this machine.
pub fn client_ip(request: &Request) -> IpAddr {
    header_text(request, "cf-connecting-ip")
        .and_then(|text| text.parse().ok())
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address: IpAddr| {
            address.to_canonical()
        })
}

/// The sender's network, for rate limits: the address that Cloudflare or a
/// proxy reports; for an IPv6 address the /64 that a provider assigns to one
/// customer.
pub fn network(request: &Request) -> Option<String> {
    let text = header_text(request, "cf-connecting-ip")?;
    // Normalise IPv4-mapped IPv6 addresses, or they share one bucket.
    Some(match text.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_customer() {
        let of = |text: &str| {
            let request = http::Request::get("https://pay.example.com/");
            network(
                &request
                    .header("cf-connecting-ip", text)
                    .body(Vec::new())
                    .unwrap(),
            )
        };
        assert_eq!(of("192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
        assert_eq!(of("no address"), None);
    }
}

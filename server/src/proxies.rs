//! Reverse proxies in front of the program, whose address headers count.

use http::HeaderMap;
use ipnet::IpNet;
use std::net::IpAddr;
use std::str::FromStr;

/// The proxies whose `X-Forwarded-For` is trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

/// Reads an address (`10.0.0.5`) or a network (`10.0.0.0/8`).
///
/// # Errors
///
/// It is neither.
pub fn network(text: &str) -> Result<IpNet, String> {
    IpNet::from_str(text)
        .or_else(|_| IpAddr::from_str(text).map(IpNet::from))
        .map_err(|_| format!("{text} is neither an address nor a network like 10.0.0.0/8"))
}

impl TrustedProxies {
    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the client: that of the connection or, behind trusted
    /// proxies, the last one in `X-Forwarded-For` that is not a trusted proxy.
    /// The client may have written the entries before it itself.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            if !self.has(client) {
                break;
            }
            // An entry that cannot be parsed ends the search: the address to
            // the right of it is the last one that is known.
            match address(entry.trim()) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }
}

/// An address, with or without a port.
fn address(entry: &str) -> Option<IpAddr> {
    let address = entry
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<std::net::SocketAddr>().map(|a| a.ip()))
        .or_else(|_| entry.trim_matches(['[', ']']).parse());
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let networks = trusted.iter().map(|text| network(text).unwrap());
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let proxies = TrustedProxies(networks.collect());
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_addresses_from_trusted_proxies_count() {
        for (trusted, peer, forwarded, expected) in [
            (&[][..], "203.0.113.9", &["1.1.1.1"][..], "203.0.113.9"),
            (&["10.0.0.0/8"], "203.0.113.9", &["1.1.1.1"], "203.0.113.9"),
            (&["10.0.0.0/8"], "10.1.2.3", &["1.1.1.1"], "1.1.1.1"),
            (&["10.1.2.3"], "::ffff:10.1.2.3", &["1.1.1.1"], "1.1.1.1"),
            // The client wrote the first address, the proxy added the second.
            (
                &["10.0.0.0/8"],
                "10.1.2.3",
                &["9.9.9.9, 1.1.1.1"],
                "1.1.1.1",
            ),
            (
                &["10.0.0.0/8"],
                "10.1.2.3",
                &["9.9.9.9", "1.1.1.1"],
                "1.1.1.1",
            ),
            // Two proxies, one behind the other.
            (
                &["10.0.0.0/8"],
                "10.1.2.3",
                &["1.1.1.1, 10.9.9.9"],
                "1.1.1.1",
            ),
            (
                &["10.0.0.0/8"],
                "10.1.2.3",
                &["1.1.1.1, nonsense"],
                "10.1.2.3",
            ),
            (
                &["10.0.0.0/8"],
                "10.1.2.3",
                &["nonsense, 10.9.9.9"],
                "10.9.9.9",
            ),
            (&["10.0.0.0/8"], "10.1.2.3", &[], "10.1.2.3"),
            (&["::1"], "::1", &["[2001:db8::5]:443"], "2001:db8::5"),
            (&["::1"], "::1", &["1.1.1.1:80"], "1.1.1.1"),
        ] {
            assert_eq!(
                client(trusted, peer, forwarded),
                expected,
                "{peer} {forwarded:?}"
            );
        }
    }

    #[test]
    fn a_network_is_an_address_or_a_range() {
        assert!(network("10.0.0.0/8").is_ok());
        assert!(network("2001:db8::/32").is_ok());
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("proxy.example.com").is_err());
    }
}

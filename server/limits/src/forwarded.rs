//! The client of a request that came through proxies.
//!
//! `X-Forwarded-For` and `Forwarded` (RFC 7239) are lists: each proxy adds, at the end, the address that it got the request
//! from. Everything before the last address that is no trusted proxy may be invented.

use std::net::{IpAddr, SocketAddr};

use super::address::CountedAddress;
use super::cidr::Cidr;

/// How the client of a request is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Address(CountedAddress),
    /// In total only: every known address is a trusted proxy's.
    Trusted,
    /// In total only: a trusted proxy does not say, in a form that can be read, where the request came from.
    Unnamed,
}

/// The `X-Forwarded-For` and `Forwarded` headers of a request, in their order.
#[derive(Clone, Debug, Default)]
pub struct ForwardedHeaders<'a> {
    pub x_forwarded_for: Vec<&'a str>,
    pub forwarded: Vec<&'a str>,
}

impl Client {
    /// `peer`: the address at the other end of the TCP connection. Its headers count only if it is in `trusted`. With both kinds of
    /// headers `X-Forwarded-For` counts: nearly every proxy sets it, and many pass a `Forwarded` of the client on.
    pub fn of_request(peer: IpAddr, trusted: &[Cidr], headers: &ForwardedHeaders<'_>) -> Self {
        let is_trusted = |address| trusted.iter().any(|range| range.contains(address));
        if !is_trusted(peer) {
            return Self::Address(peer.into());
        }
        let (lines, node): (_, fn(&str) -> Option<&str>) = match headers.x_forwarded_for.is_empty()
        {
            false => (&headers.x_forwarded_for, |element| Some(element)),
            true => (&headers.forwarded, for_parameter),
        };
        let mut client = Self::Unnamed;
        for element in lines
            .iter()
            .rev()
            .flat_map(|line| ElementsBackwards(Some(line)))
        {
            match node(element).and_then(address) {
                Some(address) if is_trusted(address) => client = Self::Trusted,
                Some(address) => return Self::Address(address.into()),
                None => return Self::Unnamed,
            }
        }
        client
    }
}

/// The elements of a comma-separated list, last first. Commas in quotes do not separate. From the end, since what a proxy has
/// added is well-formed, and what stands before it may hold a quote without its pair.
struct ElementsBackwards<'a>(Option<&'a str>);

impl<'a> Iterator for ElementsBackwards<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        let mut quoted = false;
        let comma = rest.bytes().rposition(|byte| {
            quoted ^= byte == b'"';
            byte == b',' && !quoted
        });
        let element = match comma {
            Some(comma) => {
                self.0 = rest.get(..comma);
                rest.get(comma + 1..)?
            }
            None => {
                self.0 = None;
                rest
            }
        };
        Some(element.trim())
    }
}

/// The value of `for` in an element of `Forwarded` (RFC 7239 4), without its quotes.
fn for_parameter(element: &str) -> Option<&str> {
    let mut parameters = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    let unquoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    Some(unquoted.unwrap_or(value))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`. `None` for anything else, such as `unknown` and
/// obfuscated names (RFC 7239 6.2, 6.3).
fn address(node: &str) -> Option<IpAddr> {
    let bracketed = || {
        node.strip_prefix('[')?
            .strip_suffix(']')?
            .parse()
            .ok()
            .map(IpAddr::V6)
    };
    let with_port = || node.parse().ok().map(|address: SocketAddr| address.ip());
    node.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "127.0.0.1";

    fn client(peer: &str, x_forwarded_for: &[&str], forwarded: &[&str]) -> Client {
        let trusted = ["127.0.0.0/8", "::1", "10.0.0.0/8"].map(|range| range.parse().unwrap());
        let headers = ForwardedHeaders {
            x_forwarded_for: x_forwarded_for.to_vec(),
            forwarded: forwarded.to_vec(),
        };
        Client::of_request(peer.parse().unwrap(), &trusted, &headers)
    }

    fn counted(address: &str) -> Client {
        Client::Address(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn headers_of_a_peer_that_is_not_trusted_are_ignored() {
        let peer = "203.0.113.9";
        assert_eq!(
            client(peer, &["192.0.2.1"], &["for=192.0.2.1"]),
            counted(peer)
        );
        assert_eq!(client("192.168.0.7", &[], &[]), counted("192.168.0.7"));
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_counts() {
        for line in [
            "192.0.2.1",
            "192.0.2.1, 127.0.0.1",
            "198.51.100.1, 192.0.2.1,10.1.1.1 , 127.0.0.1",
            "junk, \", 192.0.2.1",
            "192.0.2.1:4711",
            "::ffff:192.0.2.1",
        ] {
            assert_eq!(client(PROXY, &[line], &[]), counted("192.0.2.1"), "{line}");
            assert_eq!(
                client("::ffff:10.9.9.9", &[line], &[]),
                counted("192.0.2.1")
            );
        }
        let lines = ["198.51.100.1", "192.0.2.1", "10.1.1.1"];
        assert_eq!(client(PROXY, &lines, &[]), counted("192.0.2.1"));
    }

    #[test]
    fn forwarded_is_read_by_rfc_7239() {
        for line in [
            "for=192.0.2.1",
            "For=\"192.0.2.1:80\";proto=https;by=203.0.113.43",
            "for=198.51.100.1, proto=http ; for=192.0.2.1",
            "for=\"_gazonk\", for=192.0.2.1",
            "for=\"a,b, for=192.0.2.1",
        ] {
            assert_eq!(client(PROXY, &[], &[line]), counted("192.0.2.1"), "{line}");
        }
        for line in [
            "for=\"[2001:db8:cafe::17]:4711\"",
            "for=\"[2001:db8:cafe::9]\"",
            "for=\"[2001:db8:cafe::1]\";by=\"a,b\"",
        ] {
            assert_eq!(
                client(PROXY, &[], &[line]),
                counted("2001:db8:cafe::17"),
                "{line}"
            );
        }
    }

    #[test]
    fn of_both_headers_x_forwarded_for_counts() {
        let both = client(PROXY, &["192.0.2.1"], &["for=198.51.100.1"]);
        assert_eq!(both, counted("192.0.2.1"));
    }

    #[test]
    fn a_client_beside_the_proxy_counts_in_total_only() {
        assert_eq!(client(PROXY, &["127.0.0.1"], &[]), Client::Trusted);
        assert_eq!(
            client(PROXY, &[], &["for=10.0.0.1", "for=\"[::1]\""]),
            Client::Trusted
        );
    }

    #[test]
    fn a_proxy_that_names_no_client_is_told_from_one_that_does() {
        assert_eq!(client(PROXY, &[], &[]), Client::Unnamed);
        for line in [
            "",
            "unknown",
            "192.0.2.1, unknown",
            "192.0.2.1,",
            "192.0.2.1, 127.0.0.1:x",
        ] {
            assert_eq!(client(PROXY, &[line], &[]), Client::Unnamed, "{line}");
        }
        for line in ["", "proto=https", "for=unknown", "for=_hidden, by=10.0.0.1"] {
            assert_eq!(client(PROXY, &[], &[line]), Client::Unnamed, "{line}");
        }
    }

    proptest! {
        /// What a client sends itself stands before what the proxy adds.
        #[test]
        fn no_client_hides_behind_headers_of_its_own(invented in "[ -~]{0,60}") {
            let line = format!("{invented}, 192.0.2.1");
            prop_assert_eq!(client(PROXY, &[&line], &[]), counted("192.0.2.1"));
            prop_assert_eq!(client(PROXY, &[&invented, "192.0.2.1"], &[]), counted("192.0.2.1"));
            let line = format!("{invented}, for=\"192.0.2.1:9\"");
            prop_assert_eq!(client(PROXY, &[], &[&line]), counted("192.0.2.1"));
        }
    }
}

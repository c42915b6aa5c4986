//! A host, as in a URL and in the head of a request.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Bytes of a host name (RFC 1035 2.3.4).
const MAX_HOST: usize = 253;

/// An address or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Ip(IpAddr),
    Name(String),
}

impl Host {
    /// Parses `host` or `host:port`. Anything else is rejected, because the host is echoed in the response.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (ip, port) = rest.split_once(']')?;
            let ip: Ipv6Addr = ip.parse().ok()?;
            return is_port(port).then_some(Self::Ip(ip.into()));
        }
        let name = text.find(':').map_or(text, |colon| &text[..colon]);
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let is_name = !name.is_empty() && name.len() <= MAX_HOST && name.chars().all(valid);
        if !is_name || !is_port(&text[name.len()..]) {
            return None;
        }
        // Clients resolve this name to IPv4 or IPv6.
        if name.eq_ignore_ascii_case("localhost") {
            return Some(Self::Ip(IpAddr::from([127, 0, 0, 1])));
        }
        let ip = name.parse().map(Self::Ip);
        Some(ip.unwrap_or_else(|_| Self::Name(name.to_owned())))
    }
}

/// Nothing, or a colon and digits.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()),
        None => text.is_empty(),
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(out, "[{ip}]"),
            Self::Ip(ip) => write!(out, "{ip}"),
            Self::Name(name) => out.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_parsed_and_invalid_ones_rejected() {
        let parsed = |text| Host::parse(text).map(|host| host.to_string());
        for (text, host) in [
            ("example.org:8000", "example.org"),
            ("192.168.1.5", "192.168.1.5"),
            ("[2001:db8::1]:8000", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
            ("LocalHost:8000", "127.0.0.1"),
            ("my_host-2", "my_host-2"),
            ("example.org:", "example.org"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(host));
        }
        let long = "x".repeat(300);
        for odd in [
            "",
            ":80",
            "a b",
            "a/b",
            "a?transport=tcp",
            "a:80:80",
            "a:x",
            "me@a",
            "[::1",
            "[::1]x",
            "[a]",
            "ü.example",
            &long,
        ] {
            assert_eq!(parsed(odd), None, "{odd}");
        }
    }
}

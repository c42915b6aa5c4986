//! The address by which a client is counted.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The address by which a client is counted. Of IPv6 the first 64 bits: a host chooses the others itself (RFC 4291 2.5.4). An
/// IPv4-mapped address (RFC 4291 2.5.5.2) counts as the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountedAddress(IpAddr);

impl From<IpAddr> for CountedAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        })
    }
}

impl CountedAddress {
    /// As [`is_private`]. The network of the IPv6 loopback address counts as private.
    pub fn is_private(self) -> bool {
        is_private(self.0) || self.0 == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    }
}

/// An address inside a network: RFC 1918, RFC 4193, RFC 6598 (of a provider), loopback, link-local.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && second & 0xC0 == 64;
            is_shared || address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

impl fmt::Display for CountedAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(formatter, "{address}"),
            IpAddr::V6(network) => write!(formatter, "{network}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(address: &str) -> String {
        CountedAddress::from(address.parse::<IpAddr>().unwrap()).to_string()
    }

    #[test]
    fn the_hosts_of_an_ipv6_network_count_as_one() {
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(counted("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
        assert_ne!(counted("2001:db8:1:3::1"), counted("2001:db8:1:2::1"));
    }

    #[test]
    fn addresses_inside_a_network_are_private() {
        let is_private = |address: &str| is_private(address.parse().unwrap());
        for address in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "127.0.0.9",
            "169.254.1.1",
            "::ffff:10.1.2.3",
            "::1",
            "fd12::1",
            "fe80::1",
        ] {
            assert!(is_private(address), "{address}");
            let counted = CountedAddress::from(address.parse::<IpAddr>().unwrap());
            assert!(counted.is_private(), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(!is_private(address), "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_ipv6_notation() {
        assert_eq!(counted("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
    }
}

//! Which peers may be relayed to. Without such rules a TURN server gives access to its internal network (RFC 8656 21.3,
//! CVE-2020-26262). Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where an allowed peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerLocation {
    /// On another host.
    Remote,
    /// On this machine. Only other allocations, and ports that the policy names, may be reached.
    Local,
}

/// The rules, with the addresses of this machine.
#[derive(Debug)]
pub(super) struct PeerPolicy {
    own: Vec<IpAddr>,
    services: Vec<SocketAddr>,
    allow_private: bool,
}

impl PeerPolicy {
    /// `own`: every address of this machine, internal and public. `services`: its ports that may be relayed to.
    pub(super) fn new(own: Vec<IpAddr>, services: Vec<SocketAddr>, allow_private: bool) -> Self {
        Self {
            own,
            services,
            allow_private,
        }
    }

    /// Where `ip` is. `None`: relaying to it is forbidden.
    pub(super) fn locate(&self, ip: IpAddr) -> Option<PeerLocation> {
        if self.own.contains(&ip) {
            return Some(PeerLocation::Local);
        }
        let allowed = is_public(ip) || (self.allow_private && is_unicast(ip));
        allowed.then_some(PeerLocation::Remote)
    }

    /// Whether a relayed port may send to this address of this machine, which is no allocation.
    pub(super) fn is_service(&self, address: SocketAddr) -> bool {
        self.allow_private || self.services.contains(&address)
    }
}

fn is_unicast(ip: IpAddr) -> bool {
    let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    !ip.is_multicast() && !ip.is_unspecified() && !broadcast
}

/// True for a globally reachable unicast address, by IANA's registries of special-purpose addresses (RFC 6890). Addresses for
/// documentation count as public: no host has them.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let reserved = match ip.octets() {
        [0, ..] => true,
        // Shared address space of carriers (RFC 6598).
        [100, 64..=127, ..] => true,
        // Protocol assignments (RFC 6890) and benchmarks (RFC 2544).
        [192, 0, 0, _] | [198, 18..=19, ..] => true,
        [240..=255, ..] => true,
        _ => false,
    };
    !(reserved || ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let inner = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // Unspecified, loopback, IPv4-compatible and IPv4-mapped (RFC 4291 2.5.5).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] => false,
        // NAT64 and 6to4 embed an IPv4 address (RFC 6052, RFC 3056); local-use NAT64 may lead anywhere (RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x64, 0xff9b, 1, ..] => false,
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo (RFC 4380), discard-only (RFC 6666).
        [0x2001, 0, ..] | [0x100, 0, 0, 0, ..] => false,
        // Unique local, link-local, deprecated site-local, multicast.
        [0xfc00..=0xfdff | 0xfe80..=0xffff, ..] => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const INSIDE: &[&str] = &[
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "192.0.0.8",
        "198.18.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.251",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "2001::1",
        "100::1",
    ];
    const OUTSIDE: &[&str] = &[
        "8.8.8.8",
        "203.0.113.9",
        "198.51.100.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.1.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2001:4860::8888",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ];

    #[test]
    fn only_public_addresses_are_relayed_to() {
        let policy = PeerPolicy::new(vec![], vec![], false);
        for inside in INSIDE {
            assert_eq!(policy.locate(ip(inside)), None, "{inside}");
        }
        for outside in OUTSIDE {
            assert_eq!(
                policy.locate(ip(outside)),
                Some(PeerLocation::Remote),
                "{outside}"
            );
        }
    }

    #[test]
    fn private_peers_can_be_allowed_and_multicast_and_broadcast_cannot() {
        let policy = PeerPolicy::new(vec![], vec![], true);
        for inside in ["10.1.2.3", "192.168.1.1", "127.0.0.1", "::1", "fd12::1"] {
            assert_eq!(
                policy.locate(ip(inside)),
                Some(PeerLocation::Remote),
                "{inside}"
            );
        }
        for forbidden in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            assert_eq!(policy.locate(ip(forbidden)), None, "{forbidden}");
        }
    }

    #[test]
    fn on_this_machine_only_named_ports_are_reached() {
        let media: SocketAddr = "192.168.1.5:8189".parse().unwrap();
        let policy = PeerPolicy::new(
            vec![ip("192.168.1.5"), ip("203.0.113.5")],
            vec![media],
            false,
        );
        assert_eq!(policy.locate(ip("192.168.1.5")), Some(PeerLocation::Local));
        assert_eq!(policy.locate(ip("203.0.113.5")), Some(PeerLocation::Local));
        assert!(policy.is_service(media));
        assert!(!policy.is_service("192.168.1.5:53".parse().unwrap()));
        assert!(!policy.is_service("203.0.113.5:8189".parse().unwrap()));
    }
}

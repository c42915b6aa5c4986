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
        let inner = match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => embedded_v4(ip).map(IpAddr::V4),
        };
        if self.own.contains(&ip) || inner.is_some_and(|inner| self.own.contains(&inner)) {
            return Some(PeerLocation::Local);
        }
        let allowed = is_public(ip) || (self.allow_private && is_unicast(ip));
        allowed.then_some(PeerLocation::Remote)
    }

    /// Whether this port of an allowed peer may be relayed to. Below 1024 are services that nobody reaches by WebRTC: DNS, SMTP, NTP; on 443 are TURN servers.
    pub(super) fn is_open(&self, peer: SocketAddr) -> bool {
        peer.port() >= 1024 || peer.port() == 443 || self.services.contains(&peer)
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

/// True for a globally reachable unicast address, by IANA's registries of special-purpose addresses (RFC 6890). IPv4 addresses for
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

/// IANA's registry for IPv6: of what is allocated (2000::/3), what is reachable from everywhere.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    if embedded_v4(ip).is_some_and(|inner| !is_public_v4(inner)) {
        return false;
    }
    match ip.segments() {
        // NAT64 (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => true,
        // Port control and TURN anycast, AMT, AS112, ORCHID and drone identifiers (RFC 7723, 8155, 7450, 7535, 7343, 9374).
        [0x2001, 1, 0, 0, 0, 0, 0, 1..=3] => true,
        [0x2001, 3, ..] | [0x2001, 4, 0x112, ..] | [0x2001, 0x20..=0x3f, ..] => true,
        // Teredo and other protocol assignments (RFC 4380, RFC 2928), documentation (RFC 3849, RFC 9637).
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The IPv4 address inside an IPv6 address, to which a translator or a tunnel may deliver.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let inner = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // IPv4-mapped (RFC 4291 2.5.5.2), SIIT (RFC 7915), NAT64 (RFC 6052), 6to4 (RFC 3056), ISATAP (RFC 5214 6.1).
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(inner(high, low)),
        // IPv4-compatible (RFC 4291 2.5.5.1).
        [0, 0, 0, 0, 0, 0, high, low] => Some(inner(high, low)),
        _ => None,
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
        // Not allocated, reserved, documentation, segment routing.
        "4000::1",
        "8000::1",
        "1::1",
        "200::1",
        "64:ff9a::1",
        "2001:2::1",
        "2001:10::1",
        "2001:db8::1",
        "3fff:fff::1",
        "5f00::1",
        // SIIT, 6to4 and ISATAP of private addresses.
        "::ffff:0:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "::ffff:0:8.8.8.8",
        "2002:a00:1::1",
        "2606:4700::5efe:192.168.1.1",
        "2606:4700::200:5efe:10.0.0.1",
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
        "2001:1::1",
        "2001:3::1",
        "2001:20::1",
        "3fff:1000::1",
        "2620:4f:8000::1",
        "2606:4700::5efe:8.8.8.8",
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
    fn this_machine_is_known_in_every_embedding() {
        let policy = PeerPolicy::new(vec![ip("203.0.113.5")], vec![], false);
        for own in [
            "203.0.113.5",
            "64:ff9b::203.0.113.5",
            "2002:cb00:7105::1",
            "::ffff:0:203.0.113.5",
            "2606:4700::5efe:203.0.113.5",
        ] {
            assert_eq!(policy.locate(ip(own)), Some(PeerLocation::Local), "{own}");
            assert!(!policy.is_service(SocketAddr::new(ip(own), 5000)));
        }
    }

    #[test]
    fn ports_of_services_are_refused() {
        let own: SocketAddr = "203.0.113.5:80".parse().unwrap();
        let policy = PeerPolicy::new(vec![own.ip()], vec![own], false);
        let is_open = |port| policy.is_open(SocketAddr::new(ip("8.8.8.8"), port));
        for port in [0, 22, 25, 53, 80, 123, 442, 444, 1023] {
            assert!(!is_open(port), "{port}");
        }
        assert!(is_open(443) && is_open(1024) && is_open(65_535));
        assert!(policy.is_open(own), "a media port of this server");
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

//! Which peers may be relayed to. A TURN server is a way into the network that it stands in,
//! unless it refuses (RFC 8656 21.3; CVE-2020-26262 and many others).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What is known about a peer's IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// A host somewhere else.
    Elsewhere,
    /// This machine: another allocation, or a port that is named in the policy; nothing else.
    Here,
}

/// The rules, and what they need to know about this machine.
#[derive(Debug)]
pub(super) struct Policy {
    own: Vec<IpAddr>,
    services: Vec<SocketAddr>,
    allow_private: bool,
}

impl Policy {
    /// `own`: every address of this machine, as it is known inside and outside. `services`: ports of this machine that
    /// may be relayed to.
    pub(super) fn new(own: Vec<IpAddr>, services: Vec<SocketAddr>, allow_private: bool) -> Self {
        Self {
            own,
            services,
            allow_private,
        }
    }

    /// Whether a permission for `ip` may be had.
    pub(super) fn reach(&self, ip: IpAddr) -> Option<Reach> {
        if self.own.contains(&ip) {
            return Some(Reach::Here);
        }
        let allowed = is_public(ip) || (self.allow_private && is_unicast(ip));
        allowed.then_some(Reach::Elsewhere)
    }

    /// Whether a datagram may leave a relayed port for this place on this machine, where no allocation is.
    pub(super) fn serves(&self, place: SocketAddr) -> bool {
        self.allow_private || self.services.contains(&place)
    }
}

fn is_unicast(ip: IpAddr) -> bool {
    let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    !ip.is_multicast() && !ip.is_unspecified() && !broadcast
}

/// An address of the internet: not of this host, this link, this site, nor of no host at all
/// (IANA's registries of special-purpose addresses, RFC 6890). Addresses for documentation count as public: they lead nowhere.
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
        // Unspecified, loopback, and IPv4 in either of its disguises (RFC 4291 2.5.5).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] => false,
        // NAT64 and 6to4 lead to the IPv4 address inside (RFC 6052, RFC 3056); NAT64 of a site, to anything (RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x64, 0xff9b, 1, ..] => false,
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo (RFC 4380), discard-only (RFC 6666).
        [0x2001, 0, ..] | [0x100, 0, 0, 0, ..] => false,
        // Of a site: unique local, link-local, the old site-local; and multicast.
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
    fn only_the_internet_is_relayed_to() {
        let policy = Policy::new(vec![], vec![], false);
        for inside in INSIDE {
            assert_eq!(policy.reach(ip(inside)), None, "{inside}");
        }
        for outside in OUTSIDE {
            assert_eq!(
                policy.reach(ip(outside)),
                Some(Reach::Elsewhere),
                "{outside}"
            );
        }
    }

    #[test]
    fn private_peers_can_be_allowed_and_groups_of_hosts_cannot() {
        let policy = Policy::new(vec![], vec![], true);
        for inside in ["10.1.2.3", "192.168.1.1", "127.0.0.1", "::1", "fd12::1"] {
            assert_eq!(policy.reach(ip(inside)), Some(Reach::Elsewhere), "{inside}");
        }
        for nobody in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            assert_eq!(policy.reach(ip(nobody)), None, "{nobody}");
        }
    }

    #[test]
    fn of_this_machine_only_what_is_named_is_reached() {
        let media: SocketAddr = "192.168.1.5:8189".parse().unwrap();
        let policy = Policy::new(
            vec![ip("192.168.1.5"), ip("203.0.113.5")],
            vec![media],
            false,
        );
        assert_eq!(policy.reach(ip("192.168.1.5")), Some(Reach::Here));
        assert_eq!(policy.reach(ip("203.0.113.5")), Some(Reach::Here));
        assert!(policy.serves(media));
        assert!(!policy.serves("192.168.1.5:53".parse().unwrap()));
        assert!(!policy.serves("203.0.113.5:8189".parse().unwrap()));
    }
}

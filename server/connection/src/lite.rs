//! Offers of lite agents, which send no checks (RFC 8445 2.5). With `--ice full` the server checks candidates of such an offer.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use limits::CountedAddress;
use limits::address::is_private;
use net::Route;
use net::routes::Remote;
use transport::Transport;
use transport::ice::{CheckPacer, MAX_CANDIDATES};

use super::negotiation_error::NegotiationError;
use super::sdp::Sdp;

/// Candidate lines of an offer that are read.
const MAX_LINES: usize = 64;

/// What the server does for lite agents.
#[derive(Debug)]
pub(super) struct LiteAgents {
    /// `--ice full`
    served: bool,
    pacer: CheckPacer,
}

/// What an offer that says `a=ice-lite` names: UDP addresses, the preferred first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LiteOffer(Vec<SocketAddr>);

impl LiteAgents {
    pub(super) fn new(served: bool) -> Self {
        Self {
            served,
            pacer: CheckPacer::default(),
        }
    }

    /// The candidates that are checked for a client; of one that is not lite none. Private addresses only for a client that has one:
    /// others would aim the server at its own network.
    pub(super) fn candidates(
        &self,
        offer: Option<&LiteOffer>,
        client: Option<CountedAddress>,
    ) -> Result<Vec<SocketAddr>, NegotiationError> {
        let Some(LiteOffer(named)) = offer else {
            return Ok(Vec::new());
        };
        if !self.served {
            return Err(NegotiationError::IceLite);
        }
        let is_inside = client.is_some_and(CountedAddress::is_private);
        let checked = named.iter().copied();
        let checked = checked.filter(|address| is_inside || !is_private(address.ip()));
        let checked: Vec<_> = checked.take(MAX_CANDIDATES).collect();
        match checked.is_empty() {
            true => Err(NegotiationError::NoLiteCandidate),
            false => Ok(checked),
        }
    }

    /// Begins the checks of these candidates, if there are any.
    pub(super) fn begin(
        &self,
        transport: &mut Transport,
        route: &Route,
        candidates: &[SocketAddr],
        now: Instant,
    ) {
        if candidates.is_empty() {
            return;
        }
        let remotes = candidates.iter().filter_map(|address| {
            let socket = route.port().socket_towards(*address)?.index();
            let remote = Remote {
                socket,
                address: *address,
                tcp: false,
            };
            route.expect(now, remote).then_some(remote)
        });
        transport.check_candidates(&remotes.collect::<Vec<_>>(), &self.pacer, now);
    }
}

impl LiteOffer {
    /// `None`: the offer does not say that it is of a lite agent.
    pub(super) fn of(offer: &Sdp<'_>) -> Option<Self> {
        offer.anywhere("ice-lite")?;
        let of_sections = offer.media.iter();
        let of_sections = of_sections.flat_map(|section| section.attributes("candidate"));
        let lines = offer.session_attributes("candidate").chain(of_sections);
        let mut candidates: Vec<_> = lines.take(MAX_LINES).filter_map(candidate).collect();
        candidates.sort_by_key(|(priority, _)| Reverse(*priority));
        let mut addresses = Vec::new();
        for (_, address) in candidates {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Some(Self(addresses))
    }
}

/// Priority and address of a candidate that may be checked: `1 1 udp 2122260223 192.0.2.1 61764 typ host` (RFC 8839 5.1).
fn candidate(line: &str) -> Option<(u32, SocketAddr)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (component, transport) = (words.next()?, words.next()?);
    let priority = words.next()?.parse().ok()?;
    // A name (mDNS) is not resolved.
    let ip = words.next()?.parse::<IpAddr>().ok()?.to_canonical();
    let port: u16 = words.next()?.parse().ok()?;
    let is_checked =
        component == "1" && transport.eq_ignore_ascii_case("udp") && port > 0 && is_unicast(ip);
    is_checked.then(|| (priority, SocketAddr::new(ip, port)))
}

/// No multicast and broadcast, no address that means this machine without naming it, none that is reserved (RFC 1112 4).
fn is_unicast(ip: IpAddr) -> bool {
    let is_reserved = match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 0 || ip >= Ipv4Addr::new(240, 0, 0, 0),
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    !is_reserved && !ip.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(candidates: &[&str]) -> Option<LiteOffer> {
        let lines = candidates
            .iter()
            .map(|candidate| format!("a=candidate:{candidate}\r\n"));
        let lines: String = lines.collect();
        let offer = format!("v=0\r\na=ice-lite\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n{lines}");
        LiteOffer::of(&Sdp::parse(&offer).unwrap())
    }

    fn client(address: &str) -> Option<CountedAddress> {
        Some(address.parse::<IpAddr>().unwrap().into())
    }

    fn checked(candidates: &[&str], from: Option<CountedAddress>) -> Vec<String> {
        let checked = LiteAgents::new(true).candidates(offer(candidates).as_ref(), from);
        let checked = checked.unwrap_or_default();
        checked.iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn a_lite_offer_is_refused_unless_the_server_checks() {
        let offer = offer(&["1 1 udp 9 203.0.113.1 5000 typ host"]);
        let refused = LiteAgents::new(false).candidates(offer.as_ref(), None);
        assert_eq!(refused, Err(NegotiationError::IceLite));
        let sentence = NegotiationError::IceLite.to_string();
        assert!(sentence.contains("--ice full"), "{sentence}");
        let checked = LiteAgents::new(true).candidates(offer.as_ref(), None);
        assert_eq!(checked, Ok(vec![([203, 0, 113, 1], 5000).into()]));
    }

    #[test]
    fn of_an_offer_that_does_not_say_ice_lite_nothing_is_checked() {
        let offer = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=candidate:1 1 udp 9 203.0.113.1 5000 typ host\r\n";
        let offer = LiteOffer::of(&Sdp::parse(offer).unwrap());
        assert_eq!(offer, None);
        let checked = LiteAgents::new(true).candidates(None, client("10.0.0.1"));
        assert_eq!(checked, Ok(Vec::new()));
    }

    #[test]
    fn private_candidates_are_checked_for_clients_with_a_private_address_only() {
        let candidates = [
            "1 1 udp 9 10.0.0.5 5000 typ host",
            "2 1 udp 8 127.0.0.1 5000 typ host",
            "3 1 udp 7 ::ffff:169.254.0.1 5000 typ host",
            "4 1 udp 6 fd00::1 5000 typ host",
            "5 1 udp 5 203.0.113.1 5000 typ srflx raddr 10.0.0.5 rport 5000",
        ];
        for from in [None, client("203.0.113.7"), client("2001:db8::1")] {
            assert_eq!(checked(&candidates, from), ["203.0.113.1:5000"]);
        }
        for from in ["192.168.1.9", "127.0.0.1", "::1", "fd00::7"] {
            assert_eq!(checked(&candidates, client(from)).len(), 5, "{from}");
        }
        let refused = LiteAgents::new(true).candidates(offer(&candidates[..4]).as_ref(), None);
        assert_eq!(refused, Err(NegotiationError::NoLiteCandidate));
    }

    #[test]
    fn what_is_no_udp_address_of_one_host_is_not_checked() {
        let candidates = [
            "1 1 udp 9 224.0.0.251 5353 typ host",
            "1 1 udp 9 ff02::fb 5353 typ host",
            "1 1 udp 9 255.255.255.255 5000 typ host",
            "1 1 udp 9 0.0.0.0 5000 typ host",
            "1 1 udp 9 :: 5000 typ host",
            "1 1 udp 9 10.0.0.5 0 typ host",
            "1 1 udp 9 10.0.0.5 65536 typ host",
            "1 1 tcp 9 10.0.0.5 5000 typ host tcptype passive",
            "1 2 udp 9 10.0.0.5 5000 typ host",
            "1 1 udp 9 8b0f.local 5000 typ host",
            "1 1 udp",
            "",
        ];
        assert!(checked(&candidates, client("10.0.0.1")).is_empty());
    }

    #[test]
    fn the_ten_with_the_highest_priority_are_checked_each_once() {
        let lines: Vec<_> = (1..=30)
            .map(|number| {
                let host = number % 15;
                format!("{number} 1 UDP {number} 203.0.113.{host} 5000 typ host")
            })
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let checked = checked(&lines, None);
        let expected = [0, 14, 13, 12, 11, 10, 9, 8, 7, 6];
        let expected = expected.map(|host| format!("203.0.113.{host}:5000"));
        assert_eq!(checked, expected);
    }
}

//! The connection test: from the results of its checks follow which peers can be reached and what to change.

use shared::api::ErrorCode;

/// What a check tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// The server answers a request.
    Server,
    /// The server's WebSocket opens.
    Signaling,
    /// Two peers within this page connect.
    Local,
    Stun,
    TurnUdp,
    /// Over TCP or TLS.
    TurnTcp,
    /// Two peers within this page connect through the TURN server.
    RelayLoop,
}

impl CheckKind {
    /// The check for an ICE server, by its URL (RFC 7064, RFC 7065). `None`: unknown scheme.
    pub fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        match scheme {
            "stun" | "stuns" => Some(Self::Stun),
            "turn" if !rest.ends_with("transport=tcp") => Some(Self::TurnUdp),
            "turn" | "turns" => Some(Self::TurnTcp),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    Running,
    Works {
        ms: u32,
    },
    /// Neither a server-reflexive candidate nor an error: there is no NAT, or no answer.
    NoCandidate,
    NoAnswer,
    /// The server or the browser reported an error.
    Refused {
        code: u16,
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub kind: CheckKind,
    /// Empty for [`CheckKind::Local`].
    pub url: String,
    pub outcome: CheckOutcome,
}

/// All results of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    pub checks: Vec<Check>,
    pub nat: Option<Nat>,
    /// The browser replaces host addresses by `.local` names (mDNS).
    pub hosts_hidden: Option<bool>,
    pub relay_only: bool,
    /// The server has no rooms and relays for this page.
    pub refusal: Option<ErrorCode>,
}

/// The NAT between the browser and the STUN servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// No NAT: servers see the machine's own address.
    None,
    /// Endpoint-independent mapping (RFC 4787 4.1): one external port for all destinations.
    EndpointIndependent,
    /// An external port for each destination.
    Symmetric,
    /// There is a NAT; one STUN server is not enough to determine its mapping.
    Undetermined,
    Unknown,
}

/// Which peers can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    Everybody,
    Most,
    /// Peers in the same network.
    LocalNetwork,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    StartServer,
    ForwardWebSocket,
    /// The owner of the server has to permit this page.
    Permit(ErrorCode),
    AllowWebRtc,
    ConfigureIceServers,
    FixCredentials,
    UdpBlocked,
    AllBlocked,
    /// Firefox asks no STUN or TURN server at a loopback address.
    Loopback,
    TurnSilent,
    RelayLoopFails,
    RelayOnly,
    AddTurn,
    SymmetricNeedsTurn,
}

impl TestReport {
    fn of(&self, kinds: &[CheckKind]) -> impl Iterator<Item = &CheckOutcome> {
        let these = self
            .checks
            .iter()
            .filter(move |one| kinds.contains(&one.kind));
        these.map(|one| &one.outcome)
    }

    fn works(&self, kinds: &[CheckKind]) -> bool {
        self.of(kinds)
            .any(|outcome| matches!(outcome, CheckOutcome::Works { .. }))
    }

    /// There are checks of these kinds, and none works.
    fn fails(&self, kinds: &[CheckKind]) -> bool {
        self.of(kinds).next().is_some() && !self.works(kinds)
    }

    /// All STUN and TURN servers are at loopback addresses, and none answers over UDP.
    fn asks_loopback_alone(&self) -> bool {
        use CheckKind::{Stun, TurnTcp, TurnUdp};
        let mut servers = self.checks.iter();
        self.fails(&[Stun, TurnUdp])
            && servers
                .all(|one| !matches!(one.kind, Stun | TurnUdp | TurnTcp) || is_loopback(&one.url))
    }

    /// Peers outside of the network have an address to send to.
    fn has_public_address(&self) -> bool {
        self.works(&[CheckKind::Stun]) || self.nat == Some(Nat::None)
    }

    pub fn reachability(&self) -> Reachability {
        let relayed = self.works(&[CheckKind::TurnUdp, CheckKind::TurnTcp])
            && !self.fails(&[CheckKind::RelayLoop]);
        if [CheckKind::Server, CheckKind::Signaling, CheckKind::Local]
            .into_iter()
            .any(|kind| self.fails(&[kind]))
        {
            Reachability::Nobody
        } else if relayed {
            Reachability::Everybody
        } else if self.relay_only {
            Reachability::Nobody
        } else if self.has_public_address() && self.nat != Some(Nat::Symmetric) {
            Reachability::Most
        } else {
            Reachability::LocalNetwork
        }
    }

    /// What to change, the most important first.
    pub fn advice(&self) -> Vec<Advice> {
        use CheckKind::{Local, RelayLoop, Server, Signaling, Stun, TurnTcp, TurnUdp};
        let turn = [TurnUdp, TurnTcp];
        let no_turn = self.of(&turn).next().is_none();
        let login = self.of(&turn).any(|outcome| {
            matches!(
                outcome,
                CheckOutcome::Refused {
                    code: 401 | 403 | 441,
                    ..
                }
            )
        });
        let loopback = self.asks_loopback_alone();
        let by_udp = !loopback && self.fails(&[Stun, TurnUdp]) && self.nat != Some(Nat::None);
        let silent = self
            .of(&[Stun, TurnUdp])
            .all(|outcome| *outcome == CheckOutcome::NoAnswer);
        let rules = [
            (self.fails(&[Server]), Advice::StartServer),
            (
                self.works(&[Server]) && self.fails(&[Signaling]) && self.refusal.is_none(),
                Advice::ForwardWebSocket,
            ),
            (
                self.refusal.is_some(),
                Advice::Permit(self.refusal.unwrap_or_default()),
            ),
            (self.fails(&[Local]), Advice::AllowWebRtc),
            (
                !self.fails(&[Server])
                    && self.refusal.is_none()
                    && self.of(&[Stun, TurnUdp, TurnTcp]).next().is_none(),
                Advice::ConfigureIceServers,
            ),
            (login, Advice::FixCredentials),
            (by_udp && self.works(&[TurnTcp]), Advice::UdpBlocked),
            (
                by_udp && silent && !self.works(&[TurnTcp]),
                Advice::AllBlocked,
            ),
            (loopback && !login, Advice::Loopback),
            (
                !by_udp && !loopback && self.fails(&turn) && !login,
                Advice::TurnSilent,
            ),
            (
                self.works(&turn) && self.fails(&[RelayLoop]),
                Advice::RelayLoopFails,
            ),
            (self.relay_only && !self.works(&turn), Advice::RelayOnly),
            (
                no_turn && self.nat == Some(Nat::Symmetric),
                Advice::SymmetricNeedsTurn,
            ),
            (
                no_turn && self.nat != Some(Nat::Symmetric) && self.of(&[Stun]).next().is_some(),
                Advice::AddTurn,
            ),
        ];
        rules
            .into_iter()
            .filter_map(|(holds, advice)| holds.then_some(advice))
            .collect()
    }
}

/// Whether the host of a STUN or TURN URL (RFC 7064 3.1) is this machine.
fn is_loopback(url: &str) -> bool {
    let host = url.split_once(':').map_or("", |(_, rest)| rest);
    let host = host.strip_prefix('[').map_or_else(
        || host.split([':', '?']).next().unwrap_or(""),
        |six| six.split(']').next().unwrap_or(""),
    );
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// Fields of a candidate line (RFC 8839 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateLine<'a> {
    pub address: &'a str,
    pub port: u16,
    /// `host`, `srflx`, `prflx`, `relay`.
    pub kind: &'a str,
    /// The related (local) port; 0 where the browser hides it.
    pub related: u16,
    pub udp: bool,
}

impl<'a> CandidateLine<'a> {
    pub fn parse(line: &'a str) -> Option<Self> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let after = |name: &str| {
            words
                .iter()
                .skip(6)
                .position(|word| *word == name)
                .and_then(|at| words.get(at + 7).copied())
        };
        Some(Self {
            address: words.get(4)?,
            port: words.get(5)?.parse().ok()?,
            kind: after("typ")?,
            related: after("rport")
                .and_then(|port| port.parse().ok())
                .unwrap_or(0),
            udp: words.get(2)?.eq_ignore_ascii_case("udp"),
        })
    }
}

/// Whether host addresses are hidden; `None` without a host candidate.
pub fn hosts_hidden(lines: &[String]) -> Option<bool> {
    let mut hosts = lines
        .iter()
        .filter_map(|line| CandidateLine::parse(line))
        .filter(|one| one.kind == "host")
        .peekable();
    hosts.peek()?;
    Some(hosts.all(|host| host.address.ends_with(".local")))
}

/// Detects the NAT from candidates that one connection gathered with several STUN servers, of which `answering` answered.
///
/// The connection uses one local port for all servers; the browser reports each distinct mapped address once.
pub fn detect_nat(lines: &[String], answering: usize) -> Nat {
    let all: Vec<CandidateLine> = lines
        .iter()
        .filter_map(|line| CandidateLine::parse(line))
        .filter(|one| one.udp)
        .collect();
    let seen: Vec<&CandidateLine> = all.iter().filter(|one| one.kind == "srflx").collect();
    let host = |of: &CandidateLine| {
        all.iter()
            .any(|one| one.kind == "host" && one.address == of.address)
    };
    // Same address family and same local port.
    let alike = |a: &CandidateLine, b: &CandidateLine| {
        a.related == b.related && a.address.contains(':') == b.address.contains(':')
    };
    let differ = seen.iter().any(|a| {
        seen.iter()
            .any(|b| alike(a, b) && (a.address, a.port) != (b.address, b.port))
    });
    match (seen.first(), answering) {
        (None, _) => Nat::Unknown,
        (Some(first), _) if host(first) => Nat::None,
        _ if differ => Nat::Symmetric,
        (_, 2..) => Nat::EndpointIndependent,
        _ => Nat::Undetermined,
    }
}

#[cfg(test)]
mod tests;

//! What connects from here and what does not: what was tried goes in, a judgement and advice come out.

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// The server answers a request.
    Server,
    /// Its WebSocket opens.
    Signaling,
    /// Two connections within this page find each other.
    Local,
    Stun,
    TurnUdp,
    /// TCP, or TLS over it.
    TurnTcp,
    /// Two connections within this page find each other through the TURN server.
    RelayLoop,
}

impl CheckKind {
    /// Of an ICE server, by its address (RFC 7064, RFC 7065). `None`: nothing that is known.
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
    /// Neither an address nor an error: there is no NAT on the way, or no answer.
    NoCandidate,
    NoAnswer,
    /// An error that a server or the browser gave.
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

/// Everything that is known at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    pub checks: Vec<Check>,
    pub nat: Option<Nat>,
    /// The browser gives host addresses as names under `.local` (mDNS) or not at all.
    pub hosts_hidden: Option<bool>,
    pub relay_only: bool,
}

/// The NAT as it looks from within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// The outside sees the address that the machine has.
    None,
    /// One outside port for one inside port, whoever is called: endpoint-independent mapping (RFC 4787 4.1).
    EndpointIndependent,
    /// Another outside port for each who is called.
    Symmetric,
    /// There is one, and only one server to look at it from.
    Undetermined,
    Unknown,
}

/// Who can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    Everybody,
    Most,
    /// Those in the same network.
    LocalNetwork,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    StartServer,
    ForwardWebSocket,
    AllowWebRtc,
    ConfigureIceServers,
    FixCredentials,
    UdpBlocked,
    AllBlocked,
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

    /// Something was tried, and nothing of it works.
    fn fails(&self, kinds: &[CheckKind]) -> bool {
        self.of(kinds).next().is_some() && !self.works(kinds)
    }

    fn sees_outside(&self) -> bool {
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
        } else if self.sees_outside() && self.nat != Some(Nat::Symmetric) {
            Reachability::Most
        } else {
            Reachability::LocalNetwork
        }
    }

    /// What to change, the weightiest first. Empty: nothing.
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
        let by_udp = self.fails(&[Stun, TurnUdp]) && self.nat != Some(Nat::None);
        let silent = self
            .of(&[Stun, TurnUdp])
            .all(|outcome| *outcome == CheckOutcome::NoAnswer);
        let rules = [
            (self.fails(&[Server]), Advice::StartServer),
            (
                self.works(&[Server]) && self.fails(&[Signaling]),
                Advice::ForwardWebSocket,
            ),
            (self.fails(&[Local]), Advice::AllowWebRtc),
            (
                !self.fails(&[Server]) && self.of(&[Stun, TurnUdp, TurnTcp]).next().is_none(),
                Advice::ConfigureIceServers,
            ),
            (login, Advice::FixCredentials),
            (by_udp && self.works(&[TurnTcp]), Advice::UdpBlocked),
            (
                by_udp && silent && !self.works(&[TurnTcp]),
                Advice::AllBlocked,
            ),
            (!by_udp && self.fails(&turn) && !login, Advice::TurnSilent),
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

/// What matters of a candidate's line (RFC 8839 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateLine<'a> {
    pub address: &'a str,
    pub port: u16,
    /// `host`, `srflx`, `prflx`, `relay`.
    pub kind: &'a str,
    /// The port within; 0 where the browser keeps it to itself.
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

/// Whether host addresses are hidden; `None` when there is no host candidate to tell by.
pub fn hosts_hidden(lines: &[String]) -> Option<bool> {
    let mut hosts = lines
        .iter()
        .filter_map(|line| CandidateLine::parse(line))
        .filter(|one| one.kind == "host")
        .peekable();
    hosts.peek()?;
    Some(hosts.all(|host| host.address.ends_with(".local")))
}

/// The NAT, from candidates that one connection gathered with several STUN servers, of which `answering` answer.
///
/// A connection has one port within for all servers; a browser reports what they saw, equal sights once.
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
    // Of one family and one port within.
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

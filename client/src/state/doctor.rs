//! What connects from here and what does not: what was tried goes in, a judgement and advice come out.

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    Loop,
}

impl Kind {
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
pub enum Outcome {
    Running,
    Works {
        ms: u32,
    },
    /// Neither an address nor an error: there is no NAT on the way, or no answer.
    Quiet,
    NoAnswer,
    /// An error that a server or the browser gave.
    Refused {
        code: u16,
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    pub kind: Kind,
    /// Empty for [`Kind::Local`].
    pub url: String,
    pub outcome: Outcome,
}

/// Everything that is known at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub tries: Vec<Try>,
    pub nat: Option<Nat>,
    /// The browser gives host addresses as names under `.local` (mDNS) or not at all.
    pub hidden: Option<bool>,
    pub relay_only: bool,
}

/// The NAT as it looks from within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// The outside sees the address that the machine has.
    Open,
    /// One outside port for one inside port, whoever is called: endpoint-independent mapping (RFC 4787 4.1).
    Steady,
    /// Another outside port for each who is called.
    Symmetric,
    /// There is one, and only one server to look at it from.
    Untold,
    Unknown,
}

/// Who can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Anybody,
    Most,
    /// Those in the same network.
    Near,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    StartServer,
    PassWebSocket,
    AllowWebRtc,
    NameServers,
    FixLogin,
    UdpBlocked,
    AllBlocked,
    TurnSilent,
    LoopRefused,
    RelayOnly,
    AddTurn,
    SymmetricNeedsTurn,
}

impl Facts {
    fn of(&self, kinds: &[Kind]) -> impl Iterator<Item = &Outcome> {
        let these = self
            .tries
            .iter()
            .filter(move |one| kinds.contains(&one.kind));
        these.map(|one| &one.outcome)
    }

    fn works(&self, kinds: &[Kind]) -> bool {
        self.of(kinds)
            .any(|outcome| matches!(outcome, Outcome::Works { .. }))
    }

    /// Something was tried, and nothing of it works.
    fn fails(&self, kinds: &[Kind]) -> bool {
        self.of(kinds).next().is_some() && !self.works(kinds)
    }

    fn sees_outside(&self) -> bool {
        self.works(&[Kind::Stun]) || self.nat == Some(Nat::Open)
    }

    pub fn verdict(&self) -> Verdict {
        let relayed = self.works(&[Kind::TurnUdp, Kind::TurnTcp]) && !self.fails(&[Kind::Loop]);
        if [Kind::Server, Kind::Signaling, Kind::Local]
            .into_iter()
            .any(|kind| self.fails(&[kind]))
        {
            Verdict::Nobody
        } else if relayed {
            Verdict::Anybody
        } else if self.relay_only {
            Verdict::Nobody
        } else if self.sees_outside() && self.nat != Some(Nat::Symmetric) {
            Verdict::Most
        } else {
            Verdict::Near
        }
    }

    /// What to change, the weightiest first. Empty: nothing.
    pub fn advice(&self) -> Vec<Advice> {
        use Kind::{Local, Loop, Server, Signaling, Stun, TurnTcp, TurnUdp};
        let turn = [TurnUdp, TurnTcp];
        let no_turn = self.of(&turn).next().is_none();
        let login = self.of(&turn).any(|outcome| {
            matches!(
                outcome,
                Outcome::Refused {
                    code: 401 | 403 | 441,
                    ..
                }
            )
        });
        let by_udp = self.fails(&[Stun, TurnUdp]) && self.nat != Some(Nat::Open);
        let silent = self
            .of(&[Stun, TurnUdp])
            .all(|outcome| *outcome == Outcome::NoAnswer);
        let rules = [
            (self.fails(&[Server]), Advice::StartServer),
            (
                self.works(&[Server]) && self.fails(&[Signaling]),
                Advice::PassWebSocket,
            ),
            (self.fails(&[Local]), Advice::AllowWebRtc),
            (
                !self.fails(&[Server]) && self.of(&[Stun, TurnUdp, TurnTcp]).next().is_none(),
                Advice::NameServers,
            ),
            (login, Advice::FixLogin),
            (by_udp && self.works(&[TurnTcp]), Advice::UdpBlocked),
            (
                by_udp && silent && !self.works(&[TurnTcp]),
                Advice::AllBlocked,
            ),
            (!by_udp && self.fails(&turn) && !login, Advice::TurnSilent),
            (
                self.works(&turn) && self.fails(&[Loop]),
                Advice::LoopRefused,
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
pub struct Candidate<'a> {
    pub address: &'a str,
    pub port: u16,
    /// `host`, `srflx`, `prflx`, `relay`.
    pub kind: &'a str,
    /// The port within; 0 where the browser keeps it to itself.
    pub related: u16,
    pub udp: bool,
}

impl<'a> Candidate<'a> {
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
pub fn hidden(lines: &[String]) -> Option<bool> {
    let mut hosts = lines
        .iter()
        .filter_map(|line| Candidate::parse(line))
        .filter(|one| one.kind == "host")
        .peekable();
    hosts.peek()?;
    Some(hosts.all(|host| host.address.ends_with(".local")))
}

/// The NAT, from candidates that one connection gathered with several STUN servers, of which `answering` answer.
///
/// A connection has one port within for all servers; a browser reports what they saw, equal sights once.
pub fn nat(lines: &[String], answering: usize) -> Nat {
    let all: Vec<Candidate> = lines
        .iter()
        .filter_map(|line| Candidate::parse(line))
        .filter(|one| one.udp)
        .collect();
    let seen: Vec<&Candidate> = all.iter().filter(|one| one.kind == "srflx").collect();
    let host = |of: &Candidate| {
        all.iter()
            .any(|one| one.kind == "host" && one.address == of.address)
    };
    // Of one family and one port within.
    let alike = |a: &Candidate, b: &Candidate| {
        a.related == b.related && a.address.contains(':') == b.address.contains(':')
    };
    let differ = seen.iter().any(|a| {
        seen.iter()
            .any(|b| alike(a, b) && (a.address, a.port) != (b.address, b.port))
    });
    match (seen.first(), answering) {
        (None, _) => Nat::Unknown,
        (Some(first), _) if host(first) => Nat::Open,
        _ if differ => Nat::Symmetric,
        (_, 2..) => Nat::Steady,
        _ => Nat::Untold,
    }
}

#[cfg(test)]
mod tests;

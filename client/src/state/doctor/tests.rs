use super::*;

fn works(kind: Kind) -> Try {
    with(kind, Outcome::Works { ms: 5 })
}

fn with(kind: Kind, outcome: Outcome) -> Try {
    Try {
        kind,
        url: String::new(),
        outcome,
    }
}

/// The server and the browser are well; these besides.
fn facts(more: &[Try]) -> Facts {
    let mut tries = vec![
        works(Kind::Server),
        works(Kind::Signaling),
        works(Kind::Local),
    ];
    tries.extend_from_slice(more);
    Facts {
        tries,
        ..Facts::default()
    }
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

const HOST: &str = "candidate:1 1 udp 2122 192.168.1.7 50000 typ host generation 0";
const HIDDEN: &str = "candidate:1 1 udp 2122 0a1b-22.local 50000 typ host";

#[test]
fn a_candidate_is_read() {
    let line = "candidate:842163049 1 udp 1677729535 203.0.113.5 46154 typ srflx raddr 0.0.0.0 rport 50000 generation 0";
    let read = Candidate::parse(line).expect("a candidate");
    assert_eq!(
        (read.address, read.port, read.kind, read.related, read.udp),
        ("203.0.113.5", 46154, "srflx", 50000, true)
    );
    assert_eq!(Candidate::parse(""), None);
    assert_eq!(
        Candidate::parse("candidate:1 1 udp 1 1.2.3.4 x typ host"),
        None
    );
    assert_eq!(Candidate::parse("candidate:1 1 udp 1 1.2.3.4 5 typ"), None);
}

#[test]
fn the_kind_of_a_server_is_in_its_address() {
    assert_eq!(Kind::of("stun:h:3478"), Some(Kind::Stun));
    assert_eq!(Kind::of("turn:h"), Some(Kind::TurnUdp));
    assert_eq!(Kind::of("turn:h?transport=udp"), Some(Kind::TurnUdp));
    assert_eq!(Kind::of("turn:h?transport=tcp"), Some(Kind::TurnTcp));
    assert_eq!(Kind::of("turns:h"), Some(Kind::TurnTcp));
    assert_eq!(Kind::of("http://h"), None);
}

#[test]
fn a_nat_shows_in_what_two_servers_see() {
    let seen = |port: u16| {
        format!("candidate:2 1 udp 16 203.0.113.5 {port} typ srflx raddr 0.0.0.0 rport 0")
    };
    assert_eq!(nat(&lines(&[HOST, &seen(1)]), 2), Nat::Steady);
    assert_eq!(nat(&lines(&[HOST, &seen(1)]), 1), Nat::Untold);
    assert_eq!(nat(&lines(&[HOST, &seen(1), &seen(2)]), 2), Nat::Symmetric);
    assert_eq!(nat(&lines(&[HOST]), 2), Nat::Unknown);
    let six = "candidate:2 1 udp 16 2001:db8::5 9 typ srflx raddr :: rport 0";
    assert_eq!(
        nat(&lines(&[&seen(1), six]), 2),
        Nat::Steady,
        "each family has its own port"
    );
    let open = "candidate:2 1 udp 16 192.168.1.7 50000 typ srflx raddr 192.168.1.7 rport 50000";
    assert_eq!(nat(&lines(&[HOST, open]), 1), Nat::Open);
}

#[test]
fn hidden_addresses_are_told_from_open_ones() {
    assert_eq!(hidden(&lines(&[HIDDEN])), Some(true));
    assert_eq!(hidden(&lines(&[HIDDEN, HOST])), Some(false));
    assert_eq!(hidden(&[]), None);
}

#[test]
fn with_a_relay_that_passes_data_anybody_can_be_reached() {
    let good = facts(&[
        works(Kind::Stun),
        works(Kind::TurnUdp),
        works(Kind::TurnTcp),
        works(Kind::Loop),
    ]);
    assert_eq!(good.verdict(), Verdict::Anybody);
    assert!(good.advice().is_empty());
    let stuck = facts(&[
        works(Kind::Stun),
        works(Kind::TurnUdp),
        with(Kind::Loop, Outcome::NoAnswer),
    ]);
    assert_eq!(
        (stuck.verdict(), stuck.advice()),
        (Verdict::Most, vec![Advice::LoopRefused])
    );
}

#[test]
fn without_any_ice_server_only_the_same_network_is_reached() {
    let bare = facts(&[]);
    assert_eq!(
        (bare.verdict(), bare.advice()),
        (Verdict::Near, vec![Advice::NameServers])
    );
}

#[test]
fn blocked_udp_is_told_from_a_silent_relay() {
    let no = || Outcome::NoAnswer;
    let tcp_only = facts(&[
        with(Kind::Stun, no()),
        with(Kind::TurnUdp, no()),
        works(Kind::TurnTcp),
        works(Kind::Loop),
    ]);
    assert_eq!(
        (tcp_only.verdict(), tcp_only.advice()),
        (Verdict::Anybody, vec![Advice::UdpBlocked])
    );
    let nothing = facts(&[
        with(Kind::Stun, no()),
        with(Kind::TurnUdp, no()),
        with(Kind::TurnTcp, no()),
    ]);
    assert_eq!(
        (nothing.verdict(), nothing.advice()),
        (Verdict::Near, vec![Advice::AllBlocked])
    );
    let silent = facts(&[works(Kind::Stun), with(Kind::TurnUdp, no())]);
    assert_eq!(
        (silent.verdict(), silent.advice()),
        (Verdict::Most, vec![Advice::TurnSilent])
    );
}

#[test]
fn a_wrong_password_is_named() {
    let refused = Outcome::Refused {
        code: 401,
        text: "Unauthorized".into(),
    };
    let wrong = facts(&[works(Kind::Stun), with(Kind::TurnUdp, refused)]);
    assert_eq!(wrong.advice(), vec![Advice::FixLogin]);
}

#[test]
fn a_symmetric_nat_needs_a_relay() {
    let mut facts = facts(&[works(Kind::Stun), works(Kind::Stun)]);
    facts.nat = Some(Nat::Symmetric);
    assert_eq!(
        (facts.verdict(), facts.advice()),
        (Verdict::Near, vec![Advice::SymmetricNeedsTurn])
    );
    facts.nat = Some(Nat::Steady);
    assert_eq!(
        (facts.verdict(), facts.advice()),
        (Verdict::Most, vec![Advice::AddTurn])
    );
    facts.relay_only = true;
    assert_eq!(
        (facts.verdict(), facts.advice()),
        (Verdict::Nobody, vec![Advice::RelayOnly, Advice::AddTurn])
    );
}

#[test]
fn nothing_can_be_told_of_relays_before_the_server_answers() {
    let down = Facts {
        tries: vec![
            with(Kind::Server, Outcome::NoAnswer),
            with(Kind::Signaling, Outcome::NoAnswer),
            works(Kind::Local),
        ],
        ..Facts::default()
    };
    assert_eq!(
        (down.verdict(), down.advice()),
        (Verdict::Nobody, vec![Advice::StartServer])
    );
}

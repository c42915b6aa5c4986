use super::*;

fn works(kind: CheckKind) -> Check {
    with(kind, CheckOutcome::Works { ms: 5 })
}

fn with(kind: CheckKind, outcome: CheckOutcome) -> Check {
    Check {
        kind,
        url: String::new(),
        outcome,
    }
}

/// The server and the browser pass their checks; `more` are added.
fn report(more: &[Check]) -> TestReport {
    let mut checks = vec![
        works(CheckKind::Server),
        works(CheckKind::Signaling),
        works(CheckKind::Local),
    ];
    checks.extend_from_slice(more);
    TestReport {
        checks,
        ..TestReport::default()
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
    let read = CandidateLine::parse(line).expect("a candidate");
    assert_eq!(
        (read.address, read.port, read.kind, read.related, read.udp),
        ("203.0.113.5", 46154, "srflx", 50000, true)
    );
    assert_eq!(CandidateLine::parse(""), None);
    assert_eq!(
        CandidateLine::parse("candidate:1 1 udp 1 1.2.3.4 x typ host"),
        None
    );
    assert_eq!(
        CandidateLine::parse("candidate:1 1 udp 1 1.2.3.4 5 typ"),
        None
    );
}

#[test]
fn the_kind_of_a_server_is_in_its_address() {
    assert_eq!(CheckKind::of("stun:h:3478"), Some(CheckKind::Stun));
    assert_eq!(CheckKind::of("turn:h"), Some(CheckKind::TurnUdp));
    assert_eq!(
        CheckKind::of("turn:h?transport=udp"),
        Some(CheckKind::TurnUdp)
    );
    assert_eq!(
        CheckKind::of("turn:h?transport=tcp"),
        Some(CheckKind::TurnTcp)
    );
    assert_eq!(CheckKind::of("turns:h"), Some(CheckKind::TurnTcp));
    assert_eq!(CheckKind::of("http://h"), None);
}

#[test]
fn a_nat_is_detected_from_the_mapped_addresses_of_two_servers() {
    let seen = |port: u16| {
        format!("candidate:2 1 udp 16 203.0.113.5 {port} typ srflx raddr 0.0.0.0 rport 0")
    };
    assert_eq!(
        detect_nat(&lines(&[HOST, &seen(1)]), 2),
        Nat::EndpointIndependent
    );
    assert_eq!(detect_nat(&lines(&[HOST, &seen(1)]), 1), Nat::Undetermined);
    assert_eq!(
        detect_nat(&lines(&[HOST, &seen(1), &seen(2)]), 2),
        Nat::Symmetric
    );
    assert_eq!(detect_nat(&lines(&[HOST]), 2), Nat::Unknown);
    let six = "candidate:2 1 udp 16 2001:db8::5 9 typ srflx raddr :: rport 0";
    assert_eq!(
        detect_nat(&lines(&[&seen(1), six]), 2),
        Nat::EndpointIndependent,
        "each family has its own port"
    );
    let open = "candidate:2 1 udp 16 192.168.1.7 50000 typ srflx raddr 192.168.1.7 rport 50000";
    assert_eq!(detect_nat(&lines(&[HOST, open]), 1), Nat::None);
}

#[test]
fn hidden_addresses_are_distinguished_from_visible_ones() {
    assert_eq!(hosts_hidden(&lines(&[HIDDEN])), Some(true));
    assert_eq!(hosts_hidden(&lines(&[HIDDEN, HOST])), Some(false));
    assert_eq!(hosts_hidden(&[]), None);
}

#[test]
fn with_a_relay_that_passes_data_every_peer_can_be_reached() {
    let good = report(&[
        works(CheckKind::Stun),
        works(CheckKind::TurnUdp),
        works(CheckKind::TurnTcp),
        works(CheckKind::RelayLoop),
    ]);
    assert_eq!(good.reachability(), Reachability::Everybody);
    assert!(good.advice().is_empty());
    let stuck = report(&[
        works(CheckKind::Stun),
        works(CheckKind::TurnUdp),
        with(CheckKind::RelayLoop, CheckOutcome::NoAnswer),
    ]);
    assert_eq!(
        (stuck.reachability(), stuck.advice()),
        (Reachability::Most, vec![Advice::RelayLoopFails])
    );
}

#[test]
fn without_any_ice_server_only_the_same_network_is_reached() {
    let bare = report(&[]);
    assert_eq!(
        (bare.reachability(), bare.advice()),
        (
            Reachability::LocalNetwork,
            vec![Advice::ConfigureIceServers]
        )
    );
}

#[test]
fn blocked_udp_is_distinguished_from_a_silent_relay() {
    let no = || CheckOutcome::NoAnswer;
    let tcp_only = report(&[
        with(CheckKind::Stun, no()),
        with(CheckKind::TurnUdp, no()),
        works(CheckKind::TurnTcp),
        works(CheckKind::RelayLoop),
    ]);
    assert_eq!(
        (tcp_only.reachability(), tcp_only.advice()),
        (Reachability::Everybody, vec![Advice::UdpBlocked])
    );
    let nothing = report(&[
        with(CheckKind::Stun, no()),
        with(CheckKind::TurnUdp, no()),
        with(CheckKind::TurnTcp, no()),
    ]);
    assert_eq!(
        (nothing.reachability(), nothing.advice()),
        (Reachability::LocalNetwork, vec![Advice::AllBlocked])
    );
    let silent = report(&[works(CheckKind::Stun), with(CheckKind::TurnUdp, no())]);
    assert_eq!(
        (silent.reachability(), silent.advice()),
        (Reachability::Most, vec![Advice::TurnSilent])
    );
}

#[test]
fn a_wrong_password_is_named() {
    let refused = CheckOutcome::Refused {
        code: 401,
        text: "Unauthorized".into(),
    };
    let wrong = report(&[works(CheckKind::Stun), with(CheckKind::TurnUdp, refused)]);
    assert_eq!(wrong.advice(), vec![Advice::FixCredentials]);
}

#[test]
fn a_symmetric_nat_needs_a_relay() {
    let mut facts = report(&[works(CheckKind::Stun), works(CheckKind::Stun)]);
    facts.nat = Some(Nat::Symmetric);
    assert_eq!(
        (facts.reachability(), facts.advice()),
        (Reachability::LocalNetwork, vec![Advice::SymmetricNeedsTurn])
    );
    facts.nat = Some(Nat::EndpointIndependent);
    assert_eq!(
        (facts.reachability(), facts.advice()),
        (Reachability::Most, vec![Advice::AddTurn])
    );
    facts.relay_only = true;
    assert_eq!(
        (facts.reachability(), facts.advice()),
        (
            Reachability::Nobody,
            vec![Advice::RelayOnly, Advice::AddTurn]
        )
    );
}

#[test]
fn relays_are_not_judged_before_the_server_answers() {
    let down = TestReport {
        checks: vec![
            with(CheckKind::Server, CheckOutcome::NoAnswer),
            with(CheckKind::Signaling, CheckOutcome::NoAnswer),
            works(CheckKind::Local),
        ],
        ..TestReport::default()
    };
    assert_eq!(
        (down.reachability(), down.advice()),
        (Reachability::Nobody, vec![Advice::StartServer])
    );
}

#[test]
fn servers_on_this_device_that_the_browser_does_not_ask_are_not_blamed_on_a_firewall() {
    let silent = |kind, url: &str| Check {
        kind,
        url: url.to_owned(),
        outcome: CheckOutcome::NoAnswer,
    };
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let firefox = report(&[
            silent(CheckKind::Stun, &format!("stun:{host}:3478")),
            silent(
                CheckKind::TurnUdp,
                &format!("turn:{host}:3478?transport=udp"),
            ),
            silent(
                CheckKind::TurnTcp,
                &format!("turn:{host}:3478?transport=tcp"),
            ),
        ]);
        assert_eq!(firefox.advice(), [Advice::Loopback], "{host}");
    }
    let elsewhere = report(&[
        silent(CheckKind::Stun, "stun:127.0.0.1:3478"),
        silent(CheckKind::TurnUdp, "turn:turn.example"),
    ]);
    assert_eq!(elsewhere.advice(), [Advice::AllBlocked]);
}

#[test]
fn a_page_that_the_server_refuses_is_told_so_and_not_of_proxies() {
    let refused = TestReport {
        checks: vec![
            works(CheckKind::Server),
            with(CheckKind::Signaling, CheckOutcome::NoAnswer),
            works(CheckKind::Local),
        ],
        refusal: Some(ErrorCode::UnknownHost),
        ..TestReport::default()
    };
    assert_eq!(refused.advice(), [Advice::Permit(ErrorCode::UnknownHost)]);
}

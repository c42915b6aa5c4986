//! Consent of the selected path (RFC 7675).

use std::time::{Duration, Instant};

use super::peer::{CheckParams, NOMINATING, PLAIN, Peer, remote};

/// Sleeps until the agent's next timeout.
fn sleep(peer: &mut Peer) -> Duration {
    let next = peer.agent.next_timeout().expect("something is due");
    assert!(next > peer.now, "time passes");
    let slept = next - std::mem::replace(&mut peer.now, next);
    peer.agent.handle_timeout(next);
    slept
}

#[test]
fn the_selected_path_is_checked_every_4_to_6_seconds_and_no_other() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    peer.proves(2, PLAIN);
    let (mut intervals, mut newest): (Vec<Duration>, Instant) = (Vec::new(), peer.now);
    while intervals.len() < 50 {
        sleep(&mut peer);
        let checks = peer.sent_checks();
        if let [(port, check)] = &checks[..] {
            assert_eq!(*port, 1);
            intervals.push(peer.now - newest);
            newest = peer.now;
            let response = peer.answer_to(check);
            peer.receive(1, &response);
        }
    }
    let range = Duration::from_secs(4)..=Duration::from_secs(6);
    assert!(intervals.iter().all(|interval| range.contains(interval)));
    let spread = *intervals.iter().max().expect("50") - *intervals.iter().min().expect("50");
    assert!(
        spread > Duration::from_millis(200),
        "randomized: {spread:?}"
    );
}

#[test]
fn a_check_for_consent_is_repeated_when_it_is_not_answered() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    peer.sent();
    let (start, mut checks) = (peer.now, 0);
    while peer.now < start + Duration::from_secs(30) {
        sleep(&mut peer);
        checks += peer.sent_checks().len();
    }
    // 4 for each check.
    assert!((15..=28).contains(&checks), "{checks}");
    assert_eq!(peer.selected(), Some(1), "there is no other");
}

#[test]
fn each_check_for_consent_tells_the_round_trip_of_the_selected_path() {
    let mut peer = Peer::new();
    assert_eq!(peer.agent.rtt(), None);
    peer.proves(1, NOMINATING);
    assert_eq!(peer.agent.rtt(), Some(Duration::ZERO));
    peer.proves(2, PLAIN);
    peer.sent();
    // The answer to the first request comes after the second request.
    let mut checks = Vec::new();
    while checks.len() < 2 {
        sleep(&mut peer);
        checks.extend(peer.sent_checks());
    }
    peer.advance(300);
    let answer = peer.answer_to(&checks[0].1);
    peer.receive(1, &answer);
    assert_eq!(peer.agent.rtt(), Some(Duration::from_millis(700)));
    // Another path is another round trip.
    peer.checks(
        2,
        CheckParams {
            priority: 200,
            ..NOMINATING
        },
    );
    assert_eq!(peer.selected(), Some(2));
    assert_eq!(peer.agent.rtt(), Some(Duration::ZERO));
}

#[test]
fn the_path_is_heard_by_checks_of_the_peer_and_by_its_answers_and_by_nothing_else() {
    let mut peer = Peer::new();
    assert_eq!(peer.agent.last_heard(), peer.now);
    peer.proves(1, NOMINATING);
    let selected_at = peer.now;
    peer.advance(1_000);
    peer.receive(1, b"\x16\xfe\xfd");
    let mut forger = Peer::new();
    forger.remote.pwd = "a guess".to_owned();
    let forged = forger.check(PLAIN);
    peer.receive(1, &forged);
    assert_eq!(peer.agent.last_heard(), selected_at);
    peer.checks(1, PLAIN);
    assert_eq!(peer.agent.last_heard(), peer.now);
    peer.advance(6_000);
    peer.answers(&[1]);
    assert_eq!(peer.agent.last_heard(), peer.now);
}

#[test]
fn checks_from_an_address_that_never_answers_are_no_consent_for_the_selected_one() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    let silent_since = peer.now;
    for _ in 0..35 {
        peer.advance(1_000);
        peer.checks(2, NOMINATING);
    }
    assert_eq!(peer.agent.last_heard(), silent_since);
    assert_eq!(peer.agent.selected(), Some(remote(1)));
}

#[test]
fn a_proof_is_renewed_before_it_is_too_old_to_move_to() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    peer.proves(2, PLAIN);
    peer.sent();
    // The second address has answered 40 s ago, and somebody else may have it now.
    for _ in 0..40 {
        peer.advance(1_000);
        peer.checks(1, NOMINATING);
        peer.answers(&[1]);
    }
    peer.advance(2_000);
    peer.checks(2, NOMINATING);
    assert_eq!(peer.selected(), Some(1));
    peer.answers(&[2]);
    assert_eq!(peer.selected(), Some(2));
}

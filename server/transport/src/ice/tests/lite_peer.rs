//! Peers that are lite: they answer checks, and send none.

use std::time::{Duration, Instant};

use net::routes::Remote;

use super::peer::{Peer, as_check, credentials, remote};
use crate::ice::stun::Message;
use crate::ice::{CheckPacer, IceEvent, MAX_CANDIDATES};

/// A peer whose offer names these ports.
fn lite(ports: impl Iterator<Item = u16>, pacer: &CheckPacer, now: Instant) -> Peer {
    let mut peer = Peer::new();
    peer.now = now;
    let candidates: Vec<Remote> = ports.map(remote).collect();
    peer.agent.check_candidates(&candidates, pacer, now);
    peer
}

/// Lets time pass up to the agent's next datagrams, for some seconds at most.
fn next(peer: &mut Peer, seconds: u64) -> Vec<(u16, Vec<u8>)> {
    let end = peer.now + Duration::from_secs(seconds);
    while let Some(at) = peer.agent.next_timeout().filter(|at| *at <= end) {
        assert!(at > peer.now, "it asks to be called and does nothing");
        peer.now = at;
        peer.agent.handle_timeout(at);
        let sent = peer.sent();
        if !sent.is_empty() {
            return sent;
        }
    }
    peer.now = end;
    Vec::new()
}

fn nominates(check: &[u8]) -> bool {
    let check = Message::parse(check).expect("it is STUN");
    assert!(!check.controlled, "the server is the controlling side");
    check.use_candidate
}

#[test]
fn the_first_candidate_that_answers_is_nominated_and_selected_once_it_has_answered_that() {
    let mut peer = lite(1..=3, &CheckPacer::default(), Instant::now());
    let mut checks = next(&mut peer, 1);
    checks.extend(next(&mut peer, 1));
    assert_eq!([checks[0].0, checks[1].0], [1, 2], "by their preference");
    assert!(checks.iter().all(|(_, check)| !nominates(check)));

    peer.receive(2, &peer.answer_to(&checks[1].1));
    let forgotten = [1, 3].map(|port| IceEvent::Forgotten(remote(port)));
    assert_eq!((peer.events(), peer.selected()), (forgotten.into(), None));
    let nomination = next(&mut peer, 1);
    assert_eq!(nomination[0].0, 2);
    assert!(nominates(&nomination[0].1));
    assert_eq!(peer.selected(), None);

    peer.receive(2, &peer.answer_to(&nomination[0].1));
    let selected = [IceEvent::Learned(remote(2)), IceEvent::Selected(remote(2))];
    assert_eq!(peer.events(), selected);
    let consent = next(&mut peer, 7);
    assert_eq!(consent[0].0, 2);
    assert!(!nominates(&consent[0].1));
}

#[test]
fn a_candidate_that_does_not_answer_gets_seven_small_requests_and_the_eleventh_none() {
    let start = Instant::now();
    let mut peer = lite(1..=15, &CheckPacer::default(), start);
    let mut counts = [0; 16];
    loop {
        let sent = next(&mut peer, 60);
        if sent.is_empty() {
            break;
        }
        for (port, check) in sent {
            counts[usize::from(port)] += 1;
            assert!(check.len() < 160, "{} bytes", check.len());
        }
    }
    assert_eq!(counts[1..=MAX_CANDIDATES], [7; MAX_CANDIDATES]);
    assert_eq!(counts[MAX_CANDIDATES + 1..], [0; 5]);
    assert_eq!(peer.agent.next_timeout(), None);
    let forgotten = (1..=10).map(|port| IceEvent::Forgotten(remote(port)));
    let mut events = peer.events();
    events.sort_by_key(|event| match event {
        IceEvent::Forgotten(remote) => remote.address.port(),
        _ => 0,
    });
    assert_eq!(events, forgotten.collect::<Vec<_>>());
}

#[test]
fn all_connections_together_send_twenty_requests_a_second_and_each_gets_its_turn() {
    let (pacer, start) = (CheckPacer::default(), Instant::now());
    let mut peers: Vec<_> = (0..8).map(|_| lite(1..=10, &pacer, start)).collect();
    let mut sent: Vec<(Instant, usize)> = Vec::new();
    let end = start + Duration::from_secs(60);
    loop {
        let timeouts = peers.iter().map(|peer| peer.agent.next_timeout());
        let timeouts = timeouts.enumerate();
        let due = timeouts.filter_map(|(index, at)| Some((at?, index))).min();
        let Some((at, index)) = due.filter(|(at, _)| *at <= end) else {
            break;
        };
        peers[index].agent.handle_timeout(at);
        let requests = peers[index].sent().len();
        sent.extend(std::iter::repeat_n((at, index), requests));
    }
    assert_eq!(sent.len(), 8 * 10 * 7);
    for window in sent.windows(21) {
        let second = window[20].0 - window[0].0;
        assert!(second >= Duration::from_secs(1), "21 in {second:?}");
    }
    // The first one asks for its second turn before the others ask for their first.
    for (index, round) in sent[1..81].chunks(8).enumerate() {
        let mut peers: Vec<_> = round.iter().map(|(_, peer)| *peer).collect();
        peers.sort_unstable();
        assert_eq!(peers, [0, 1, 2, 3, 4, 5, 6, 7], "round {index}");
    }
}

#[test]
fn an_answer_of_another_address_or_with_another_password_selects_nothing() {
    let mut peer = lite(1..=1, &CheckPacer::default(), Instant::now());
    let check = next(&mut peer, 1).remove(0).1;
    let answer = peer.answer_to(&check);
    peer.receive(2, &answer);
    let password = std::mem::replace(&mut peer.local, credentials("stranger"));
    peer.receive(1, &peer.answer_to(&check));
    peer.local = password;
    assert_eq!(peer.events(), []);
    assert!(!nominates(&next(&mut peer, 1)[0].1));
}

#[test]
fn after_a_restart_only_the_selected_path_is_checked_with_the_new_credentials() {
    let mut peer = lite(1..=3, &CheckPacer::default(), Instant::now());
    for _ in 0..2 {
        let check = next(&mut peer, 1).remove(0).1;
        peer.receive(1, &peer.answer_to(&check));
    }
    assert_eq!(peer.selected(), Some(1));
    peer.events();
    (peer.remote, peer.local) = (credentials("new-server"), credentials("new-peer"));
    peer.agent
        .restart(peer.remote.clone(), peer.local.clone(), peer.now);
    for is_nomination in [false, true] {
        assert_eq!(peer.events(), []);
        let (port, check) = next(&mut peer, 1).remove(0);
        assert_eq!((port, nominates(&check)), (1, is_nomination));
        let parsed = as_check(&check).expect("a check");
        let [theirs, ours] = [&peer.local, &peer.remote].map(|side| side.ufrag.as_str());
        assert_eq!(parsed.split_username(), Some((theirs, ours)));
        peer.receive(1, &peer.answer_to(&check));
    }
    assert_eq!(peer.events(), [IceEvent::RestartDone]);
}

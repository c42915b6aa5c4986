//! What a peer that is authenticated, or a stranger, can make the agent do.

use super::peer::{NOMINATING, PLAIN, Peer, remote};
use crate::ice::{IceEvent, MAX_PATHS, Verdict};

#[test]
fn an_address_that_has_not_answered_gets_at_most_three_times_what_came_from_it() {
    let mut peer = Peer::new();
    let check = peer.check(NOMINATING);
    peer.receive(1, &check);
    let mut bytes = 0;
    for _ in 0..1_000 {
        bytes += peer
            .sent()
            .iter()
            .map(|(_, sent)| sent.len())
            .sum::<usize>();
        peer.advance(50);
    }
    assert!(bytes > check.len(), "the response and a check: {bytes}");
    assert!(bytes <= 3 * check.len(), "{bytes}");
}

#[test]
fn a_flood_from_many_addresses_is_learned_up_to_a_bound_and_costs_no_path_in_use() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    peer.events();
    for port in 2..1_500 {
        peer.checks(port, PLAIN);
        peer.advance(6);
    }
    let learned = peer.events().len();
    // 15 places, which a new address gets 5 s after the last message from the old one.
    assert!((15..=45).contains(&learned), "{learned}");
    assert_eq!(peer.selected(), Some(1));
    let known = (1..1_500).filter(|port| peer.agent.knows(remote(*port)));
    assert_eq!(known.count(), MAX_PATHS);
    assert!(peer.agent.knows(remote(1)));
}

#[test]
fn in_a_full_table_a_new_address_replaces_the_one_unheard_for_longest_and_never_the_selected() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    for port in 2..=MAX_PATHS as u16 {
        peer.advance(10);
        peer.checks(port, PLAIN);
    }
    peer.sent();
    peer.events();
    peer.advance(4_000);
    assert_eq!(peer.checks(99, PLAIN), Verdict::Ours);
    assert!(!peer.agent.knows(remote(99)));
    assert!(
        peer.sent().iter().all(|(port, _)| *port != 99),
        "not answered"
    );
    peer.advance(1_500);
    peer.checks(99, PLAIN);
    let events = [
        IceEvent::Forgotten(remote(2)),
        IceEvent::Learned(remote(99)),
    ];
    assert_eq!(peer.events(), events);
}

#[test]
fn requests_are_limited_before_they_are_authenticated_and_new_addresses_do_not_use_up_the_share_of_known_ones()
 {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    let mut forger = Peer::new();
    forger.remote.pwd = "a guess".to_owned();
    let forged = forger.check(PLAIN);
    // One of 100 is used.
    let verdicts: Vec<_> = (0..1_000).map(|_| peer.receive(7, &forged)).collect();
    let count = |verdict| verdicts.iter().filter(|other| **other == verdict).count();
    assert_eq!(
        (count(Verdict::NotOurs), count(Verdict::OverLimit)),
        (99, 901)
    );
    assert_eq!(peer.checks(1, PLAIN), Verdict::Ours);
    // 200 a second from then on.
    let mut authenticated = 0;
    for _ in 0..1_000 {
        peer.advance(1);
        authenticated += u32::from(peer.receive(7, &forged) == Verdict::NotOurs);
    }
    assert!((195..=205).contains(&authenticated), "{authenticated}");
}

#[test]
fn a_peer_that_sends_more_checks_than_allowed_is_not_answered_beyond() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    peer.sent();
    for _ in 0..1_000 {
        peer.checks(1, PLAIN);
    }
    // What is not fetched is bounded, too.
    assert!(peer.sent().len() <= 100);
    peer.advance(1_000);
    peer.checks(1, PLAIN);
    assert_eq!(peer.sent().len(), 1);
}

#[test]
fn requests_for_others_use_up_nothing() {
    let mut peer = Peer::new();
    let mut other = Peer::new();
    other.remote.ufrag = "another".to_owned();
    let foreign = other.check(PLAIN);
    for _ in 0..1_000 {
        assert_eq!(peer.receive(1, &foreign), Verdict::NotOurs);
    }
    assert_eq!(peer.checks(1, PLAIN), Verdict::Ours);
}

#[test]
fn forged_requests_of_one_host_do_not_use_up_the_share_of_a_peer_that_moves() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    let mut forger = Peer::new();
    forger.remote.pwd = "a guess".to_owned();
    let forged = forger.check(PLAIN);
    for _ in 0..1_000 {
        peer.receive(7, &forged);
    }
    let mut moved = remote(1);
    moved.address.set_ip([192, 0, 2, 2].into());
    let check = peer.check(PLAIN);
    let now = peer.now;
    assert_eq!(peer.agent.receive(now, moved, &check), Verdict::Ours);
    assert!(peer.agent.knows(moved));
}

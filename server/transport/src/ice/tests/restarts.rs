//! ICE restarts.

use super::peer::{NOMINATING, PLAIN, Peer, as_check, credentials, hmac, remote};
use crate::ice::{IceEvent, Verdict};

/// A peer whose path from port 1 works.
fn connected() -> Peer {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    peer.sent();
    peer.events();
    peer
}

/// Restarts the agent. The peer continues with its old credentials until it is given the new ones, which this returns.
fn restart(peer: &mut Peer, name: &str) -> Peer {
    let mut next = Peer::new();
    next.remote = credentials(&format!("{name}server"));
    next.local = credentials(&format!("{name}peer"));
    peer.agent
        .restart(next.remote.clone(), next.local.clone(), peer.now);
    next
}

fn adopt(peer: &mut Peer, next: &Peer) {
    (peer.local, peer.remote) = (next.local.clone(), next.remote.clone());
}

#[test]
fn old_credentials_answer_and_the_old_path_stays_until_a_path_is_proved_with_the_new_ones() {
    let mut peer = connected();
    let next = restart(&mut peer, "next");
    assert_eq!(peer.agent.local(), &next.remote);
    assert_eq!(peer.agent.previous_local(), Some(&peer.remote));
    peer.advance(500);
    assert_eq!(peer.checks(1, NOMINATING), Verdict::Ours);
    assert_eq!(peer.sent().len(), 1, "the response");
    let old = peer.check(NOMINATING);
    adopt(&mut peer, &next);
    peer.checks(2, NOMINATING);
    assert_eq!(
        (peer.selected(), peer.events()),
        (Some(1), vec![IceEvent::Learned(remote(2))])
    );
    peer.answers(&[2]);
    let events = [
        IceEvent::Selected(remote(2)),
        IceEvent::Forgotten(remote(1)),
        IceEvent::RestartDone,
    ];
    assert_eq!(peer.events(), events);
    assert_eq!(peer.receive(1, &old), Verdict::NotOurs);
    assert_eq!(peer.agent.previous_local(), None);
}

#[test]
fn a_restart_on_the_same_address_is_done_without_a_move() {
    let mut peer = connected();
    let old = peer.check(NOMINATING);
    let next = restart(&mut peer, "next");
    adopt(&mut peer, &next);
    peer.checks(1, PLAIN);
    let (_, check) = peer.sent_checks().remove(0);
    let check = as_check(&check).expect("a check");
    assert!(
        check.verify(next.local.pwd.as_bytes(), hmac),
        "with the new password"
    );
    assert_eq!(
        peer.receive(1, &old),
        Verdict::Ours,
        "the old is answered yet"
    );
    assert!(peer.events().is_empty());
    peer.checks(1, PLAIN);
    peer.answers(&[1]);
    assert_eq!(peer.events(), [IceEvent::RestartDone]);
    assert_eq!(peer.selected(), Some(1));
}

#[test]
fn of_several_new_paths_the_nominated_one_completes_the_restart() {
    let mut peer = connected();
    let next = restart(&mut peer, "next");
    adopt(&mut peer, &next);
    peer.checks(2, PLAIN);
    peer.checks(3, PLAIN);
    peer.answers(&[2, 3]);
    assert_eq!(peer.selected(), Some(1));
    peer.checks(3, NOMINATING);
    assert_eq!(peer.selected(), Some(3));
    assert!(peer.events().ends_with(&[IceEvent::RestartDone]));
    assert!(peer.agent.knows(remote(2)) && !peer.agent.knows(remote(1)));
}

#[test]
fn consent_of_the_old_path_is_asked_with_the_old_credentials() {
    let mut peer = connected();
    restart(&mut peer, "next");
    for _ in 0..10 {
        peer.advance(6_100);
        peer.answers(&[1]);
        assert_eq!(peer.agent.last_heard(), peer.now);
    }
}

#[test]
fn a_restart_that_the_peer_never_uses_leaves_the_connection_as_it_is() {
    let mut peer = connected();
    restart(&mut peer, "next");
    for _ in 0..100 {
        peer.advance(1_000);
        peer.proves(1, NOMINATING);
    }
    assert_eq!(peer.selected(), Some(1));
    assert!(peer.events().is_empty());
}

#[test]
fn a_second_restart_during_the_first_drops_the_credentials_between() {
    let mut peer = connected();
    let old = peer.check(NOMINATING);
    let next = restart(&mut peer, "next");
    adopt(&mut peer, &next);
    // The selected path and a new one use the credentials between, and are not proved.
    peer.checks(1, PLAIN);
    peer.checks(2, PLAIN);
    let between = peer.check(NOMINATING);
    let last = restart(&mut peer, "last");
    peer.sent();
    assert!(peer.agent.knows(remote(1)) && !peer.agent.knows(remote(2)));
    assert_eq!(peer.receive(1, &between), Verdict::NotOurs);
    assert_eq!(peer.receive(1, &old), Verdict::Ours);
    adopt(&mut peer, &last);
    peer.proves(3, PLAIN);
    assert_eq!(peer.selected(), Some(3));
    assert!(peer.events().ends_with(&[IceEvent::RestartDone]));
}

#[test]
fn a_restart_before_anything_is_connected_is_done_with_the_first_path() {
    let mut peer = Peer::new();
    let next = restart(&mut peer, "next");
    adopt(&mut peer, &next);
    peer.proves(1, PLAIN);
    let events = [
        IceEvent::Learned(remote(1)),
        IceEvent::Selected(remote(1)),
        IceEvent::RestartDone,
    ];
    assert_eq!(peer.events(), events);
}

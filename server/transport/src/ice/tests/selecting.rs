//! Which path is selected.

use str0m::ice::TransId;

use super::peer::{CheckParams, NOMINATING, PLAIN, Peer, remote};
use crate::ice::IceEvent;

fn with_priority(priority: u32) -> CheckParams {
    CheckParams {
        priority,
        ..NOMINATING
    }
}

/// Times that the selected path changed.
fn moves(peer: &mut Peer) -> usize {
    let is_selected = |event: &IceEvent| matches!(event, IceEvent::Selected(_));
    peer.events().into_iter().filter(is_selected).count()
}

#[test]
fn the_first_proved_path_is_selected_at_once() {
    let mut peer = Peer::new();
    peer.checks(1, PLAIN);
    peer.checks(2, PLAIN);
    peer.answers(&[2]);
    assert_eq!(peer.selected(), Some(2));
    assert!(peer.events().contains(&IceEvent::Selected(remote(2))));
    peer.proves(1, PLAIN);
    assert_eq!(peer.selected(), Some(2), "no nomination, no move");
}

#[test]
fn a_nominated_path_replaces_one_that_is_only_proved() {
    let mut peer = Peer::new();
    peer.proves(1, PLAIN);
    peer.proves(2, with_priority(1));
    assert_eq!(peer.selected(), Some(2));
}

#[test]
fn a_nomination_is_remembered_until_its_path_is_proved() {
    let mut peer = Peer::new();
    peer.proves(1, PLAIN);
    peer.checks(2, NOMINATING);
    assert_eq!(peer.selected(), Some(1));
    peer.answers(&[2]);
    assert_eq!(peer.selected(), Some(2));
}

#[test]
fn a_later_nomination_moves_at_once_when_the_selected_path_is_quiet() {
    let mut peer = Peer::new();
    peer.proves(1, with_priority(200));
    peer.advance(1_000);
    peer.proves(2, with_priority(100));
    assert_eq!(peer.selected(), Some(2));
}

#[test]
fn a_browser_that_nominates_in_every_check_is_followed_there_and_back() {
    // As Chromium: the pair in use is nominated in each check, the other one is kept alive without.
    let mut peer = Peer::new();
    let (mut current, priorities) = (1, [0, 200, 100]);
    peer.proves(1, with_priority(200));
    peer.proves(2, PLAIN);
    moves(&mut peer);
    for turn in 0..60 {
        if turn % 20 == 10 {
            current = 3 - current;
        }
        peer.advance(480);
        peer.proves(current, with_priority(priorities[usize::from(current)]));
        peer.proves(3 - current, PLAIN);
        if turn % 20 != 10 {
            assert_eq!(peer.selected(), Some(current), "by the second check");
        }
    }
    assert_eq!(moves(&mut peer), 3);
}

#[test]
fn of_two_paths_that_are_nominated_in_every_check_the_one_of_higher_priority_is_kept() {
    for (first, second, best) in [(100, 200, 2), (200, 100, 1), (100, 100, 1)] {
        for interval in [20, 400, 2_500] {
            let mut peer = Peer::new();
            for _ in 0..10 {
                peer.checks(1, with_priority(first));
                peer.answers(&[1, 2]);
                peer.advance(interval);
                peer.checks(2, with_priority(second));
                peer.answers(&[1, 2]);
                peer.advance(interval);
            }
            if first != second {
                assert_eq!(peer.selected(), Some(best), "{interval} ms");
            }
            // The first path is selected before the second is known.
            assert!(moves(&mut peer) <= 3, "{interval} ms");
            for _ in 0..100 {
                peer.checks(1, with_priority(first));
                peer.answers(&[1, 2]);
                peer.advance(interval);
                peer.checks(2, with_priority(second));
                peer.answers(&[1, 2]);
                peer.advance(interval);
            }
            assert_eq!(moves(&mut peer), 0, "{interval} ms: it stays");
        }
    }
}

#[test]
fn a_retransmitted_nomination_counts_once() {
    let mut peer = Peer::new();
    peer.proves(1, with_priority(200));
    peer.proves(2, PLAIN);
    let check = peer.check_of(TransId::new(), with_priority(100));
    for _ in 0..4 {
        peer.receive(2, &check);
    }
    assert_eq!(peer.selected(), Some(1));
    peer.checks(2, with_priority(100));
    assert_eq!(peer.selected(), Some(2));
}

#[test]
fn a_peer_whose_nat_changes_its_address_is_followed_with_the_first_check_that_is_answered() {
    let mut peer = Peer::new();
    for _ in 0..4 {
        peer.proves(1, NOMINATING);
        peer.advance(2_500);
    }
    peer.proves(2, NOMINATING);
    assert_eq!(peer.selected(), Some(2));
    // Faster checks: with the second.
    let mut peer = Peer::new();
    for _ in 0..20 {
        peer.proves(1, NOMINATING);
        peer.advance(480);
    }
    peer.proves(2, NOMINATING);
    peer.advance(480);
    peer.proves(2, NOMINATING);
    assert_eq!(peer.selected(), Some(2));
}

#[test]
fn an_address_change_of_a_peer_that_nominated_once_is_found_by_the_check_for_consent() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    peer.advance(1_000);
    let mut seconds = 1;
    while peer.selected() == Some(1) {
        peer.proves(2, PLAIN);
        for _ in 0..20 {
            peer.advance(50);
            peer.answers(&[2]);
        }
        seconds += 1;
    }
    // Asked at once, not when it would be due.
    assert!(seconds <= 7, "{seconds}");
    assert_eq!(peer.selected(), Some(2));
}

#[test]
fn checks_from_a_second_address_that_does_not_nominate_move_nothing_while_the_first_answers() {
    let mut peer = Peer::new();
    peer.proves(1, PLAIN);
    for _ in 0..100 {
        peer.proves(2, PLAIN);
        for _ in 0..10 {
            peer.advance(50);
            peer.answers(&[1, 2]);
        }
    }
    assert_eq!(peer.selected(), Some(1));
}

#[test]
fn a_path_whose_peer_sends_checks_and_loses_ours_is_not_left() {
    let mut peer = Peer::new();
    peer.proves(1, NOMINATING);
    for _ in 0..60 {
        peer.checks(1, PLAIN);
        peer.advance(500);
        peer.proves(2, PLAIN);
        peer.advance(500);
        peer.answers(&[2]);
    }
    assert_eq!(peer.selected(), Some(1));
}

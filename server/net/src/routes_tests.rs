//! Behaviours of the routing table.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::routes::{HOLD, MAX_REMOTES, Remote, Routes};

fn binding_request(username: &str) -> Vec<u8> {
    let mut datagram = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    datagram.extend([7; 12]);
    // Another attribute of an odd length first.
    datagram.extend([0x80, 0x22, 0, 3, 1, 2, 3, 0]);
    datagram.extend([0, 6, 0, username.len() as u8]);
    datagram.extend(username.bytes());
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram
}

fn remote(port: u16) -> Remote {
    Remote {
        socket: 0,
        address: SocketAddr::from(([192, 0, 2, 1], port)),
        tcp: false,
    }
}

#[test]
fn a_viewer_is_known_by_its_ufrag_then_by_the_addresses_that_it_has_proved() {
    let now = Instant::now();
    let mut routes = Routes::default();
    let (one, two) = (routes.add("one"), routes.add("two"));
    routes.set_ufrags(one, &["aaaa"]);
    routes.set_ufrags(two, &["bbbb"]);
    let mut found = |port, datagram: &[u8]| routes.route(now, remote(port), datagram).0.copied();
    assert_eq!(found(1, &[0x80; 40]), None);
    assert_eq!(found(1, &binding_request("aaaa:x")), Some("one"));
    assert_eq!(found(2, &binding_request("bbbb:x")), Some("two"));
    assert_eq!(found(3, &binding_request("cccc:x")), None);
    assert_eq!(found(1, &[0x80; 40]), None, "a request may be forged");
    assert!(routes.learn(now, one, remote(1)) && routes.learn(now, two, remote(2)));
    let mut found = |port, datagram: &[u8]| routes.route(now, remote(port), datagram).0.copied();
    assert_eq!(found(1, &[0x80; 40]), Some("one"));
    assert_eq!(found(2, &[22; 40]), Some("two"));
    routes.forget(one, remote(1));
    assert_eq!(routes.by_remote(remote(1)), None);
}

#[test]
fn an_address_that_an_offer_names_is_shared_with_the_viewer_that_has_it_and_never_taken() {
    let now = Instant::now();
    let mut routes = Routes::default();
    let (viewer, other) = (routes.add("viewer"), routes.add("other"));
    assert!(routes.learn(now, viewer, remote(1)));
    let later = now + 2 * HOLD;
    assert!(routes.expect(later, other, remote(1)) && routes.expect(later, other, remote(2)));
    let answer = [
        1, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let both = (Some(&"viewer"), Some(&"other"));
    assert_eq!(routes.route(later, remote(1), &answer), both);
    let alone = (Some(&"other"), None);
    assert_eq!(routes.route(later, remote(2), &answer), alone);
    routes.forget(other, remote(1));
    let kept = (Some(&"viewer"), None);
    assert_eq!(routes.route(later, remote(1), &answer), kept);
}

#[test]
fn an_address_in_use_is_not_taken_over() {
    let now = Instant::now();
    let mut routes = Routes::default();
    let (victim, thief) = (routes.add("victim"), routes.add("thief"));
    routes.set_ufrags(thief, &["bbbb"]);
    assert!(routes.learn(now, victim, remote(1)));
    assert_eq!(
        routes.route(now, remote(1), &binding_request("bbbb:x")),
        (Some(&"thief"), None)
    );
    assert!(routes.learn(now, thief, remote(1)));
    assert_eq!(
        routes.route(now, remote(1), &[0x80; 40]),
        (Some(&"victim"), Some(&"thief"))
    );
    let later = now + HOLD;
    assert!(
        routes.learn(later, thief, remote(1)),
        "after a silence the address is free"
    );
    assert_eq!(
        routes.route(later, remote(1), &[0x80; 40]),
        (Some(&"thief"), None)
    );
}

#[test]
fn a_port_that_is_used_again_is_its_new_viewers_when_the_old_one_ends() {
    let now = Instant::now();
    let mut routes = Routes::default();
    let [left, comes, third] = ["left", "comes", "third"].map(|to| routes.add(to));
    assert!(routes.learn(now, left, remote(1)) && routes.learn(now, comes, remote(1)));
    routes.remove(left);
    let media = [0x80; 40];
    assert_eq!(routes.route(now, remote(1), &media), (Some(&"comes"), None));
    assert!(routes.learn(now, third, remote(1)));
    routes.forget(third, remote(1));
    assert_eq!(routes.route(now, remote(1), &media), (Some(&"comes"), None));
    routes.remove(comes);
    assert_eq!(routes.route(now, remote(1), &media), (None, None));
    assert_eq!(routes.counts(), [1, 0, 0]);
}

#[test]
fn during_an_ice_restart_a_viewer_has_two_ufrags() {
    let now = Instant::now();
    let mut routes = Routes::default();
    let one = routes.add("one");
    routes.set_ufrags(one, &["aaaa"]);
    routes.set_ufrags(one, &["zzzz", "aaaa"]);
    let found = |routes: &mut Routes<_>, username: &str| {
        routes
            .route(now, remote(1), &binding_request(username))
            .0
            .is_some()
    };
    assert!(found(&mut routes, "aaaa:x") && found(&mut routes, "zzzz:x"));
    routes.set_ufrags(one, &["zzzz"]);
    assert!(!found(&mut routes, "aaaa:x") && found(&mut routes, "zzzz:x"));
}

#[test]
fn a_removed_viewer_leaves_nothing_behind() {
    let now = Instant::now();
    let mut routes = Routes::default();
    let one = routes.add("one");
    routes.set_ufrags(one, &["aaaa"]);
    let learned = (0..1000).filter(|port| routes.learn(now, one, remote(*port)));
    assert_eq!(learned.count(), MAX_REMOTES);
    assert_eq!(
        routes.counts(),
        [1, 1, MAX_REMOTES],
        "addresses of one viewer are bounded"
    );
    routes.remove(one);
    assert_eq!(routes.counts(), [0; 3]);
}

#[test]
fn a_viewer_that_moves_often_is_found_at_its_newest_address() {
    let mut now = Instant::now();
    let mut routes = Routes::default();
    let one = routes.add("one");
    for port in 0..1000 {
        now += HOLD;
        assert!(routes.learn(now, one, remote(port)));
        assert_eq!(routes.by_remote(remote(port)), Some(&"one"));
    }
    assert_eq!(routes.counts(), [1, 0, MAX_REMOTES]);
}

#[test]
fn requests_from_everywhere_leave_nothing_behind() {
    let mut now = Instant::now();
    let mut routes = Routes::default();
    let one = routes.add("one");
    routes.set_ufrags(one, &["aaaa"]);
    assert!(routes.learn(now, one, remote(1)));
    for port in 2..10_000 {
        now += Duration::from_millis(100);
        routes.route(now, remote(port), &binding_request("aaaa:x"));
    }
    assert_eq!(routes.by_remote(remote(1)), Some(&"one"));
    assert_eq!(routes.counts(), [1, 1, 1]);
}

#[test]
fn a_ufrag_belongs_to_the_viewer_that_got_it_last() {
    let now = Instant::now();
    let mut routes = Routes::default();
    let [one, two] = ["one", "two"].map(|to| routes.add(to));
    routes.set_ufrags(one, &["aaaa"]);
    routes.set_ufrags(two, &["aaaa"]);
    routes.set_ufrags(one, &["bbbb"]);
    let found = |routes: &mut Routes<_>| {
        routes
            .route(now, remote(1), &binding_request("aaaa:x"))
            .0
            .copied()
    };
    assert_eq!(found(&mut routes), Some("two"));
    routes.remove(one);
    assert_eq!(found(&mut routes), Some("two"));
}

proptest! {
    #[test]
    fn no_datagram_makes_it_panic(mut datagram in proptest::collection::vec(any::<u8>(), 0..200), stun: bool) {
        if stun && datagram.len() > 8 {
            datagram[0] = 0;
            datagram[4..8].copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
        }
        let _ = Routes::<()>::default().route(Instant::now(), remote(1), &datagram);
    }
}

//! The end of a connection.

use std::time::Duration;

use super::pair::{PORT, Pair, remote};
use crate::EndReason;
use crate::dtls::Role;

#[test]
fn a_client_that_closes_ends_it() {
    for role in [Role::Client, Role::Server] {
        let mut pair = Pair::connected(role);
        pair.client.close().expect("it is connected");
        pair.run(Duration::from_secs(1));
        let reason = pair.ended().map(|(_, reason)| reason);
        assert_eq!(reason, Some(EndReason::PeerClosed), "{role:?}");
        assert_eq!(pair.server.next_timeout(), None);
    }
}

#[test]
fn a_close_of_ours_is_seen_by_the_client_and_ends_everything() {
    for role in [Role::Client, Role::Server] {
        let mut pair = Pair::connected(role);
        let events = pair.events.len();
        pair.server.close(pair.now);
        assert!(!pair.server.is_connected());
        assert_eq!(pair.server.next_timeout(), None);
        pair.run(Duration::from_secs(1));
        assert!(!pair.client.is_alive(), "{role:?}");
        assert_eq!(pair.events.len(), events, "no event");
        pair.server
            .handle_timeout(pair.now + Duration::from_secs(100));
        assert_eq!(pair.server.poll_transmit(), None);
    }
}

#[test]
fn a_silent_client_ends_it_after_30_s_and_then_nothing_is_sent() {
    let mut pair = Pair::connected(Role::Client);
    pair.run(Duration::from_secs(60));
    pair.network.loss = 100;
    let silent_since = pair.now - pair.start;
    pair.run(Duration::from_secs(100));
    let (at, reason) = pair.ended().expect("it ends");
    assert_eq!(reason, EndReason::Silent);
    let silence = at - silent_since;
    // What was on its way arrives.
    let range = Duration::from_secs(20)..=Duration::from_millis(30_100);
    assert!(range.contains(&silence), "{silence:?}");
    assert_eq!(pair.server.next_timeout(), None);
    assert_eq!(pair.server.poll_transmit(), None);
}

#[test]
fn a_publisher_that_sends_media_and_answers_no_checks_is_not_silent() {
    let mut pair = Pair::connected(Role::Client);
    pair.network.loss = 100;
    for _ in 0..100 {
        pair.run(Duration::from_secs(1));
        pair.server.on_media(pair.now);
    }
    assert_eq!(pair.ended(), None);
    pair.run(Duration::from_secs(31));
    assert_eq!(
        pair.ended().map(|(_, reason)| reason),
        Some(EndReason::Silent)
    );
}

#[test]
fn an_idle_connection_wakes_for_consent_only() {
    let mut pair = Pair::connected(Role::Client);
    pair.run(Duration::from_secs(20));
    let (mut wakes, start) = (0, pair.now);
    while pair.now < start + Duration::from_secs(25) {
        let next = pair.server.next_timeout().expect("consent is due");
        wakes += 1;
        pair.run((next - pair.now).max(Duration::from_millis(1)));
    }
    // A check each 4 to 6 s; its first repetition is due later than the answer comes.
    assert!(wakes <= 25, "{wakes}");
}

#[test]
fn what_arrives_after_the_end_has_no_effect() {
    let mut pair = Pair::connected(Role::Client);
    pair.server.close(pair.now);
    while pair.server.poll_transmit().is_some() {}
    pair.server.receive(pair.now, remote(PORT), &[22; 100]);
    let [ours, theirs] = [(); 2].map(|()| crate::ice::Credentials::random());
    pair.server.restart(ours, theirs, pair.now);
    pair.server.close(pair.now);
    assert!(pair.server.poll_transmit().is_none() && pair.server.poll_event().is_none());
}

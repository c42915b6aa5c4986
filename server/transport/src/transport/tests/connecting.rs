//! Until there are keys.

use std::time::Duration;

use super::pair::{PORT, Pair, remote};
use crate::dtls::{DtlsError, Fingerprint, Profile, Role};
use crate::ice::CheckPacer;
use crate::simulated_network::SimulatedNetwork;
use crate::{EndReason, Event};

#[test]
fn it_connects_as_client_and_as_server() {
    for (role, limit) in [(Role::Client, 250), (Role::Server, 300)] {
        let mut pair = Pair::new(role, 0, 1);
        pair.run(Duration::from_secs(2));
        let connected = pair.both_connected_at().expect("it connects");
        assert!(
            connected <= Duration::from_millis(limit),
            "{role:?}: {connected:?}"
        );
        let events: Vec<_> = pair.events.iter().map(|(_, event)| event).collect();
        let [
            Event::Learned(learned),
            Event::Selected(selected),
            Event::Connected(keys),
        ] = events[..]
        else {
            panic!("{role:?}: {events:?}");
        };
        assert_eq!([*learned, *selected], [remote(PORT); 2]);
        assert_eq!(keys.local.profile(), Profile::AeadAes128Gcm);
        assert!(pair.server.is_connected() && pair.client.is_connected());
    }
}

fn three_hundred_of_three_hundred(role: Role) {
    let mut slowest = Duration::ZERO;
    for seed in 0..300 {
        let mut pair = Pair::new(role, 20, seed);
        pair.run_until(Duration::from_secs(20), |pair| {
            pair.both_connected_at().is_some()
        });
        let connected = pair.both_connected_at();
        let connected = connected.unwrap_or_else(|| panic!("{seed}: {:?}", pair.events));
        slowest = slowest.max(connected);
    }
    assert!(slowest <= Duration::from_secs(5), "{slowest:?}");
}

#[test]
fn a_fifth_of_the_datagrams_lost_each_way_it_connects_as_client_within_5_s_300_times_of_300() {
    three_hundred_of_three_hundred(Role::Client);
}

#[test]
fn a_fifth_of_the_datagrams_lost_each_way_it_connects_as_server_within_5_s_300_times_of_300() {
    three_hundred_of_three_hundred(Role::Server);
}

#[test]
fn without_a_check_of_the_peer_it_sends_nothing_and_ends_after_5_s() {
    let network = SimulatedNetwork::new(PORT, 100, 1);
    let mut pair = Pair::with(Role::Client, network, |_| {});
    let deadline = pair.server.next_timeout().expect("a deadline");
    assert_eq!(deadline - pair.start, Duration::from_secs(5));
    assert_eq!(pair.server.poll_transmit(), None);
    pair.run(Duration::from_secs(60));
    let ended = (Duration::from_secs(5), EndReason::NeverChecked);
    assert_eq!(pair.ended(), Some(ended));
    assert_eq!((pair.events.len(), pair.server.next_timeout()), (1, None));
    assert!(pair.dtls_sent.is_empty());
}

#[test]
fn a_lite_peer_has_15_s_to_answer() {
    let network = SimulatedNetwork::new(PORT, 100, 1);
    let mut pair = Pair::with(Role::Client, network, |_| {});
    let (pacer, now) = (CheckPacer::default(), pair.now);
    pair.server.check_candidates(&[remote(PORT)], &pacer, now);
    pair.run(Duration::from_secs(60));
    let ended = (Duration::from_secs(15), EndReason::NeverConnected);
    assert_eq!(pair.ended(), Some(ended));
}

#[test]
fn a_client_whose_first_check_comes_late_connects() {
    let mut pair = Pair::new(Role::Client, 0, 1);
    // It gathers candidates, and applies the answer afterwards.
    pair.now += Duration::from_millis(4_500);
    pair.server.handle_timeout(pair.now);
    pair.run(Duration::from_secs(10));
    let connected = pair.both_connected_at().expect("it connects");
    assert!(connected > Duration::from_millis(4_500), "{connected:?}");
    assert_eq!(pair.ended(), None);
}

#[test]
fn a_peer_that_checks_and_never_answers_ends_after_15_s() {
    let network = SimulatedNetwork::new(PORT, 0, 1);
    let mut pair = Pair::with(Role::Client, network, |params| {
        // It takes the server's checks for forged ones.
        params.remote.pwd = "the-password-of-another".to_owned();
    });
    pair.run(Duration::from_secs(60));
    let ended = (Duration::from_secs(15), EndReason::NeverConnected);
    assert_eq!(pair.ended(), Some(ended));
}

#[test]
fn a_peer_with_which_ice_works_and_dtls_does_not_is_not_waited_for() {
    // Both are DTLS clients.
    let mut pair = Pair::with(Role::Server, SimulatedNetwork::new(PORT, 0, 1), |params| {
        params.dtls.role = Role::Client;
    });
    pair.run(Duration::from_secs(20));
    assert_eq!(pair.server.selected(), Some(remote(PORT)));
    let (at, reason) = pair.ended().expect("it ends");
    assert!(at <= Duration::from_secs(15), "{at:?}");
    assert!(matches!(reason, EndReason::HandshakeFailed(_)), "{reason}");
}

#[test]
fn another_certificate_than_the_offer_names_ends_it() {
    for role in [Role::Client, Role::Server] {
        let mut pair = Pair::with(role, SimulatedNetwork::new(PORT, 0, 1), |params| {
            let other = format!("sha-256 {}", ["AB"; 32].join(":"));
            params.dtls.fingerprints = vec![Fingerprint::parse(&other).expect("a fingerprint")];
        });
        pair.run(Duration::from_secs(15));
        let (_, reason) = pair.ended().expect("it ends");
        assert_eq!(reason, EndReason::HandshakeFailed(DtlsError::Fingerprint));
        assert!(pair.connected_at().is_none() && !pair.server.is_connected());
    }
}

#[test]
fn dtls_of_an_address_that_has_sent_no_check_has_no_effect() {
    let mut pair = Pair::new(Role::Server, 0, 1);
    let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0];
    pair.server.receive(pair.now, remote(9), &hello);
    for first in [0x80, 23, 64, 255] {
        pair.server.receive(pair.now, remote(9), &[first; 40]);
    }
    assert_eq!(pair.server.poll_transmit(), None);
    assert!(pair.server.poll_event().is_none());
    let deadline = pair.start + Duration::from_secs(5);
    assert_eq!(
        pair.server.next_timeout(),
        Some(deadline),
        "no handshake began"
    );
}

#[test]
fn dtls_leaves_on_the_selected_path_only_and_not_before_there_is_one() {
    for role in [Role::Client, Role::Server] {
        for seed in 0..20 {
            let mut pair = Pair::new(role, 20, seed);
            while pair.connected_at().is_none() {
                assert!(pair.server.selected().is_some() || pair.dtls_sent.is_empty());
                pair.run(Duration::from_millis(5));
            }
            assert!(pair.dtls_sent.iter().all(|port| *port == PORT));
        }
    }
}

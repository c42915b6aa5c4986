//! Changes of the path while connected.

use std::time::Duration;

use super::pair::{PORT, Pair, remote};
use crate::dtls::Role;
use crate::{EndReason, Event};

#[test]
fn a_changed_address_of_the_client_is_followed() {
    let mut pair = Pair::connected(Role::Client);
    pair.run(Duration::from_secs(15));
    pair.network.port = 50_000;
    pair.run(Duration::from_secs(10));
    assert_eq!(pair.server.selected(), Some(remote(50_000)));
    pair.run(Duration::from_secs(120));
    assert!(pair.server.is_connected() && pair.client.is_connected());
    let moves = pair.events.iter();
    let moves = moves.filter(|(_, event)| matches!(event, Event::Selected(_)));
    assert_eq!(moves.count(), 2);
    // DTLS is the same one: its end arrives by the new path.
    pair.dtls_sent.clear();
    pair.server.close(pair.now);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.dtls_sent, [50_000]);
    assert!(!pair.client.is_alive());
}

#[test]
fn a_changed_address_during_the_handshake_is_followed() {
    for role in [Role::Client, Role::Server] {
        let mut pair = Pair::new(role, 0, 1);
        pair.run_until(Duration::from_secs(2), |pair| {
            pair.server.selected().is_some()
        });
        pair.network.port = 50_000;
        pair.run(Duration::from_secs(12));
        assert!(
            pair.both_connected_at().is_some(),
            "{role:?}: {:?}",
            pair.events
        );
        assert_eq!(pair.server.selected(), Some(remote(50_000)));
    }
}

#[test]
fn a_restart_has_no_gap() {
    for new_port in [PORT, 50_000] {
        let mut pair = Pair::connected(Role::Client);
        let events = pair.events.len();
        pair.restart();
        pair.network.port = new_port;
        let done = |pair: &Pair| {
            pair.at(|event| matches!(event, Event::RestartDone))
                .is_some()
        };
        pair.run_until(Duration::from_secs(10), |pair| {
            assert!(pair.server.is_connected() && pair.server.selected().is_some());
            done(pair)
        });
        assert!(done(&pair), "{:?}", pair.events);
        assert_eq!(pair.server.selected(), Some(remote(new_port)));
        let selected = pair.events[events..].iter();
        let selected = selected.filter(|(_, event)| matches!(event, Event::Selected(_)));
        assert_eq!(selected.count(), usize::from(new_port != PORT));
        pair.run(Duration::from_secs(120));
        assert!(pair.server.is_connected() && pair.client.is_connected());
    }
}

#[test]
fn a_restart_that_the_client_never_hears_of_changes_nothing() {
    let mut pair = Pair::connected(Role::Client);
    let now = pair.now;
    let [ours, theirs] = [(); 2].map(|()| crate::ice::Credentials::random());
    let before = pair.events.len();
    pair.server.restart(ours, theirs, now);
    assert!(pair.server.previous_local().is_some());
    pair.run(Duration::from_secs(120));
    assert!(pair.server.is_connected() && pair.client.is_connected());
    assert_eq!(pair.events.len(), before);
    assert_eq!(pair.ended().map(|(_, reason)| reason), None::<EndReason>);
}

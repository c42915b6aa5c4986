//! The end of a connection, seen by the other end.

use std::time::Duration;

use super::network::{End, Faults, Network};
use super::{GCM_128, Peer, pair};

const LIMIT: Duration = Duration::from_secs(60);

/// Connected; after the linger of the server, if `settled`.
fn connected(settled: bool) -> (Network, Peer, Peer) {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut network = Network::new(Faults::default(), 1);
    network.connect(&mut client, &mut server, LIMIT).unwrap();
    if settled {
        network.run(&mut client, &mut server, LIMIT, |_, _| false);
        assert_eq!(server.next_timeout(), None);
    }
    (network, client, server)
}

#[test]
fn a_close_is_seen_by_the_other_end_and_answered_by_nothing_endless() {
    for settled in [false, true] {
        for client_closes in [false, true] {
            let (mut network, mut client, mut server) = connected(settled);
            let before = network.sent;
            let closing = if client_closes {
                &mut client
            } else {
                &mut server
            };
            closing.dtls.close(network.now);
            assert!(!closing.dtls.is_connected());
            network.run(&mut client, &mut server, LIMIT, |_, _| false);
            let (closed, other) = match client_closes {
                true => (&client, &server),
                false => (&server, &client),
            };
            assert!(
                other.saw_close(),
                "settled {settled}, client closes {client_closes}"
            );
            assert!(!other.dtls.is_connected() && other.error().is_none());
            assert!(!closed.saw_close(), "its own close is no event");
            assert_eq!(network.sent - before, 2, "close_notify and its answer");
        }
    }
}

#[test]
fn both_may_close_at_once() {
    let (mut network, mut client, mut server) = connected(true);
    let before = network.sent;
    client.dtls.close(network.now);
    server.dtls.close(network.now);
    network.run(&mut client, &mut server, LIMIT, |_, _| false);
    assert_eq!(network.sent - before, 2);
}

#[test]
fn a_close_before_the_handshake_is_done_sends_nothing() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let network = Network::new(Faults::default(), 1);
    client.dtls.start(network.now);
    server.dtls.start(network.now);
    assert_eq!(client.transmits().len(), 1);
    client.dtls.close(network.now);
    server.dtls.close(network.now);
    assert!(client.transmits().is_empty() && server.transmits().is_empty());
    assert_eq!(client.next_timeout(), None);
}

#[test]
fn a_close_notify_that_was_changed_on_the_way_ends_nothing() {
    for settled in [false, true] {
        let (network, mut client, mut server) = connected(settled);
        client.dtls.close(network.now);
        let notify = client.transmits().remove(0);
        for at in 13..notify.len() {
            let mut changed = notify.clone();
            changed[at] ^= 1;
            let now = network.now + Duration::from_secs(2 * at as u64);
            server.receive(now, &changed);
            assert!(server.dtls.is_connected(), "byte {at}");
            assert!(server.transmits().is_empty());
        }
        server.receive(network.now + Duration::from_secs(600), &notify);
        assert!(server.saw_close());
    }
}

//! Handshakes on a bad path.

use std::time::Duration;

use super::network::{Faults, Network};
use super::{GCM_128, GCM_THEN_CM, Peer, assert_matching};
use crate::dtls::{Identity, Role};

/// 300 handshakes; the longest of them.
fn longest(faults: Faults) -> Duration {
    let (one, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let times = (0..300).map(|seed| {
        let mut client = Peer::new(&one, Role::Client, other.fingerprint(), GCM_THEN_CM);
        let mut server = Peer::new(&other, Role::Server, one.fingerprint(), GCM_128);
        let mut network = Network::new(faults, seed);
        let limit = Duration::from_secs(5);
        let took = network.connect(&mut client, &mut server, limit);
        let took = took.unwrap_or_else(|| {
            panic!(
                "handshake {seed}: client {:?}, server {:?}",
                client.events, server.events
            )
        });
        assert_matching(client.keys().unwrap(), server.keys().unwrap());
        took
    });
    times.max().unwrap()
}

#[test]
fn three_hundred_of_three_hundred_are_done_in_five_seconds_with_a_fifth_lost_each_way() {
    longest(Faults {
        lost: 20,
        ..Faults::default()
    });
}

#[test]
fn reordering_and_duplication_alone_cost_no_retransmission_interval() {
    let took = longest(Faults {
        twice: 50,
        late: 30,
        ..Faults::default()
    });
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[test]
fn loss_reordering_and_duplication_together_stall_none() {
    longest(Faults {
        lost: 15,
        twice: 30,
        late: 30,
    });
}

//! What somebody can do who forges datagrams of the peer.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::network::{End, Faults, Network, Rng};
use super::{DtlsError, GCM_128, Peer, pair};
use crate::dtls::Role;
use crate::dtls::loss_filter::LossFilter;
use crate::dtls::record::records;

const LIMIT: Duration = Duration::from_secs(20);

fn record(content: u8, epoch: u8, number: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![content, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 1, number];
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

/// Gets forged datagrams before each of the peer's.
struct Attacked {
    peer: Peer,
    forged: Vec<Vec<u8>>,
    times: usize,
}

impl End for Attacked {
    fn start(&mut self, now: Instant) {
        self.peer.start(now);
    }
    fn receive(&mut self, now: Instant, datagram: &[u8]) {
        for _ in 0..self.times {
            for forged in &self.forged {
                self.peer.receive(now, forged);
            }
        }
        self.peer.receive(now, datagram);
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.peer.handle_timeout(now);
    }
    fn next_timeout(&mut self) -> Option<Instant> {
        self.peer.next_timeout()
    }
    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.peer.poll_transmit()
    }
    fn connected(&self) -> bool {
        self.peer.connected()
    }
}

/// Both ends get it before each datagram of the other, and still connect, without a datagram more.
fn assert_harmless(name: &str, forged: &[Vec<u8>], times: usize) {
    let (client, server) = pair(GCM_128, GCM_128);
    let [mut client, mut server] = [client, server].map(|peer| Attacked {
        peer,
        forged: forged.to_vec(),
        times,
    });
    let mut network = Network::new(Faults::default(), 1);
    let took = network.connect(&mut client, &mut server, LIMIT);
    assert!(
        took.is_some(),
        "{name}: {:?} {:?}",
        client.peer.events,
        server.peer.events
    );
    network.run(&mut client, &mut server, LIMIT, |_, _| false);
    assert!(
        client.peer.dtls.is_connected() && server.peer.dtls.is_connected(),
        "{name}"
    );
    // Three flights each, and the last one twice more.
    assert_eq!(network.sent, 8, "{name}");
}

#[test]
fn forged_records_in_clear_end_nothing_and_are_not_answered() {
    for (name, forged) in [
        ("close_notify", record(21, 0, 1, &[1, 0])),
        ("fatal close_notify", record(21, 0, 2, &[2, 0])),
        ("fatal handshake_failure", record(21, 0, 3, &[2, 40])),
        ("an alert of no level", record(21, 0, 4, &[9, 0])),
        ("an alert of one byte", record(21, 0, 5, &[2])),
        ("data", record(23, 0, 6, b"data")),
        (
            "ChangeCipherSpec with a byte too many",
            record(20, 0, 7, &[1, 1]),
        ),
        ("ChangeCipherSpec of no bytes", record(20, 0, 8, &[])),
        ("no content type", record(99, 0, 9, b"?")),
        ("a heartbeat", record(24, 0, 10, &[1, 0, 0])),
        ("a handshake of no message", record(22, 0, 11, &[])),
        (
            "a message shorter than it says",
            record(22, 0, 12, &[11, 0, 0, 9, 0, 1, 0, 0, 0, 0, 0, 9, 0]),
        ),
        (
            "a message far ahead, in a record far ahead",
            record(22, 0, 16, &[11, 0, 0, 1, 0, 30, 0, 0, 0, 0, 0, 1, 0]),
        ),
        ("an alert of the next epoch", record(21, 1, 13, &[0; 26])),
        ("an alert of a far epoch", record(21, 7, 14, &[2, 0])),
        (
            "a record cut off",
            record(22, 0, 15, &[0; 40])[..30].to_vec(),
        ),
        ("an empty datagram", Vec::new()),
    ] {
        assert_harmless(name, &[forged], 1);
    }
}

#[test]
fn a_fatal_alert_in_clear_ends_a_handshake_that_makes_no_progress_after_it() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut network = Network::new(
        Faults {
            lost: 100,
            ..Faults::default()
        },
        1,
    );
    client.start(network.now);
    client.receive(network.now, &record(21, 0, 1, &[2, 40]));
    network.connect(&mut client, &mut server, LIMIT);
    assert_eq!(client.error(), Some(&DtlsError::PeerAlert(Some(40))));
}

#[test]
fn a_flood_of_garbage_is_bounded() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut network = Network::new(Faults::default(), 1);
    let mut rng = Rng::new(5);
    client.start(network.now);
    server.start(network.now);
    // A server that waits for a ClientHello, and a client for its answer: 100,000 records of each kind.
    for index in 0..100_000_u32 {
        let body: Vec<u8> = (0..rng.next() % 200).map(|_| rng.next() as u8).collect();
        let epoch = (rng.next() % 3) as u8;
        let mut forged = record(20 + (index % 4) as u8, epoch, index as u8, &body);
        forged[8] = (index >> 8) as u8;
        client.receive(network.now, &forged);
        server.receive(network.now, &forged);
    }
    assert_eq!(client.transmits().len(), 1);
    assert!(server.transmits().is_empty());
    // The next second is theirs.
    network.now += Duration::from_secs(1);
    client.handle_timeout(network.now);
    let took = network.connect(&mut client, &mut server, LIMIT);
    assert!(took.is_some(), "{:?} {:?}", client.events, server.events);
}

/// `count` fragments of one byte, of one message of a server; in records of `per_record`, 100 in a datagram.
fn crumbs(count: usize, per_record: usize) -> Vec<Vec<u8>> {
    let crumb = |at: usize| {
        let [_, _, high, low] = (at as u32).to_be_bytes();
        vec![11, 0, 0x3F, 0xFF, 0, 0, 0, high, low, 0, 0, 1, 7]
    };
    let crumbs: Vec<_> = (0..count).map(crumb).collect();
    let bodies = crumbs.chunks(per_record).map(<[_]>::concat);
    let records: Vec<_> = bodies.map(|body| record(22, 0, 0, &body)).collect();
    records
        .chunks(100 / per_record)
        .map(<[_]>::concat)
        .collect()
}

#[test]
fn a_message_in_thousands_of_fragments_is_not_put_together() {
    for per_record in [1, 100] {
        let datagrams = crumbs(5000, per_record);
        let mut filter = LossFilter::new(Role::Client);
        let records = datagrams.iter().flat_map(|datagram| records(datagram));
        let fragments = records.flat_map(|record| record.fragments());
        let admitted = fragments.filter(|fragment| filter.admits_fragment(fragment));
        assert_eq!(admitted.count(), 64);
        // Minutes otherwise.
        let (mut client, _) = pair(GCM_128, GCM_128);
        let now = Instant::now();
        client.start(now);
        for datagram in &datagrams {
            client.receive(now, datagram);
        }
        assert_eq!(client.transmits().len(), 1);
    }
}

#[test]
fn a_flood_after_the_handshake_ends_nothing_and_is_not_answered() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut network = Network::new(Faults::default(), 1);
    network.connect(&mut client, &mut server, LIMIT).unwrap();
    for settled in [false, true] {
        for index in 0..10_000_u32 {
            let forged = record(
                20 + (index % 4) as u8,
                (index % 2) as u8,
                index as u8,
                &[index as u8; 40],
            );
            client.receive(network.now, &forged);
            server.receive(network.now, &forged);
        }
        let answers = client.transmits().len() + server.transmits().len();
        // As server: the last flight, as if the peer asked for it again.
        assert!(answers <= if settled { 0 } else { 16 }, "{answers}");
        network.run(&mut client, &mut server, LIMIT, |_, _| false);
    }
    assert!(client.dtls.is_connected() && server.dtls.is_connected());
}

/// A message whose lengths fit, and whose content does not.
fn edited(data: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut data = data.to_vec();
    for _ in 0..=rng.next() % 3 {
        let at = rng.next() as usize % (data.len() + 1);
        match rng.next() % 4 {
            0 => data.truncate(at),
            1 => data.insert(at, rng.next() as u8),
            2 if at < data.len() => data[at] = [0, 1, 0x7F, 0xFF][rng.next() as usize % 4],
            _ if at < data.len() => data[at] ^= 1 << (rng.next() % 8),
            _ => data.push(rng.next() as u8),
        }
    }
    data
}

/// The messages in clear, one of three edited; what is encrypted with a bit changed.
fn mangled(datagram: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut mangled = Vec::new();
    for part in records(datagram) {
        for message in part.fragments() {
            let data = match rng.percent(33) {
                true => edited(message.data, rng),
                false => message.data.to_vec(),
            };
            let length = &(data.len() as u32).to_be_bytes()[1..];
            let mut body = vec![message.kind];
            body.extend(length);
            body.extend(message.message.to_be_bytes());
            body.extend([0; 3]);
            body.extend(length);
            body.extend(data);
            mangled.extend(record(22, 0, 0, &body));
        }
        if !part.is_clear_handshake() {
            mangled.extend(part.bytes);
            let last = mangled.len() - 1;
            mangled[last] ^= u8::from(rng.percent(33));
        }
    }
    mangled
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn datagrams_of_any_bytes_panic_nothing(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12),
        seed in any::<u64>(),
    ) {
        let (mut client, mut server) = pair(GCM_128, GCM_128);
        let mut network = Network::new(Faults::default(), 1);
        client.start(network.now);
        server.start(network.now);
        let mut rng = Rng::new(seed);
        let mut datagrams = datagrams.into_iter();
        // Flights one way and the other; with some of these, the next gets far.
        for flight in 0..12 {
            let (from, to) = match flight % 2 {
                0 => (&mut client, &mut server),
                _ => (&mut server, &mut client),
            };
            for datagram in from.transmits() {
                let mangled = match rng.percent(30) {
                    true => mangled(&datagram, &mut rng),
                    false => datagram,
                };
                to.receive(network.now, &mangled);
            }
            if let Some(datagram) = datagrams.next().filter(|_| rng.percent(30)) {
                to.receive(network.now, &datagram);
            }
            network.now += Duration::from_millis(100);
            client.handle_timeout(network.now);
            server.handle_timeout(network.now);
        }
    }
}

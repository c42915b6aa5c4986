//! What a flight looks like when it is sent again, and which repeats of the peer reach rtc-dtls.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::network::End;
use super::{GCM_128, Peer, pair};
use crate::dtls::loss_filter::LossFilter;
use crate::dtls::record::{self, Record, records};
use crate::dtls::{Role, record::CHANGE_CIPHER_SPEC};

/// All that one says goes to the other; what it was.
fn tell(from: &mut Peer, to: &mut Peer, now: Instant) -> Vec<Vec<u8>> {
    let datagrams = from.transmits();
    for datagram in &datagrams {
        to.receive(now, datagram);
    }
    datagrams
}

fn number(record: &Record<'_>) -> u64 {
    let bytes = &record.bytes[3..11];
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Up to the flight with the client's Finished, which is returned, and the server's before it.
fn until_finished(client: &mut Peer, server: &mut Peer, now: Instant) -> [Vec<Vec<u8>>; 2] {
    client.start(now);
    server.start(now);
    for _ in 0..2 {
        tell(client, server, now);
        let flight = tell(server, client, now);
        if flight[0].len() > 200 {
            return [flight, client.transmits()];
        }
    }
    panic!("the server did not come to its certificate");
}

#[test]
fn a_repeated_flight_of_the_server_does_not_keep_the_client_from_encrypting_its_finished_again() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut now = Instant::now();
    let [of_server, first] = until_finished(&mut client, &mut server, now);
    let encrypted = |datagrams: &[Vec<u8>]| -> Vec<u64> {
        let records = datagrams.iter().flat_map(|datagram| records(datagram));
        let encrypted = records.filter(|record| record.epoch() == 1);
        encrypted.map(|record| number(&record)).collect()
    };
    let mut numbers = HashSet::from([encrypted(&first)]);
    for _ in 0..13 {
        for datagram in &of_server {
            client.receive(now, datagram);
        }
        now += Duration::from_millis(400);
        client.handle_timeout(now);
        let again = client.transmits();
        assert_eq!(again.len(), 1);
        numbers.insert(encrypted(&again));
    }
    // Every other one is a copy.
    assert_eq!(numbers.len(), 1 + 7);
}

#[test]
fn no_record_in_clear_has_the_number_of_an_earlier_one() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut now = Instant::now();
    let [of_server, of_client] = until_finished(&mut client, &mut server, now);
    let mut sent = [of_client, of_server];
    for _ in 0..6 {
        now += Duration::from_millis(400);
        for (end, sent) in [&mut client, &mut server].into_iter().zip(&mut sent) {
            end.handle_timeout(now);
            sent.extend(end.transmits());
        }
    }
    for sent in sent {
        let records = sent.iter().flat_map(|datagram| records(datagram));
        let clear: Vec<_> = records.filter(|record| record.epoch() == 0).collect();
        let numbers: HashSet<u64> = clear.iter().map(number).collect();
        assert!(clear.len() > 20, "{}", clear.len());
        assert_eq!(numbers.len(), clear.len());
    }
}

fn message(kind: u8, message: u8) -> Vec<u8> {
    let mut record = vec![record::HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13];
    record.extend([kind, 0, 0, 1, 0, message, 0, 0, 0, 0, 0, 1, 0]);
    record
}

fn encrypted(content: u8) -> Vec<u8> {
    vec![content, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0]
}

fn admits(filter: &mut LossFilter, bytes: &[u8]) -> bool {
    let record = records(bytes).next().unwrap();
    match record.fragments().next() {
        Some(fragment) => filter.admits_fragment(&fragment),
        None => filter.admits(&record),
    }
}

#[test]
fn a_server_takes_client_hellos_until_its_own_hello_is_out_and_then_the_rest() {
    let mut filter = LossFilter::new(Role::Server);
    assert!(admits(&mut filter, &message(record::CLIENT_HELLO, 0)));
    // Certificate
    assert!(!admits(&mut filter, &message(11, 1)));
    filter.sent(&message(record::HELLO_VERIFY_REQUEST, 0));
    assert!(admits(&mut filter, &message(record::CLIENT_HELLO, 0)));
    filter.sent(&message(record::SERVER_HELLO, 1));
    assert!(!admits(&mut filter, &message(record::CLIENT_HELLO, 1)));
    assert!(admits(&mut filter, &message(11, 2)));
    // What a server sends
    assert!(!admits(&mut filter, &message(record::SERVER_HELLO, 2)));
    filter.finish();
    assert!(!admits(&mut filter, &message(11, 2)));
    assert!(admits(&mut filter, &encrypted(record::HANDSHAKE)));
}

#[test]
fn a_client_takes_no_message_in_clear_after_its_finished() {
    let mut filter = LossFilter::new(Role::Client);
    assert!(admits(&mut filter, &message(record::SERVER_HELLO, 1)));
    assert!(!admits(&mut filter, &message(record::CLIENT_HELLO, 1)));
    filter.sent(&[
        CHANGE_CIPHER_SPEC,
        0xFE,
        0xFD,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        1,
    ]);
    assert!(!admits(&mut filter, &message(record::SERVER_HELLO, 1)));
    assert!(admits(&mut filter, &encrypted(record::HANDSHAKE)));
}

#[test]
fn encrypted_records_before_the_keys_are_bounded() {
    let mut filter = LossFilter::new(Role::Client);
    let admitted = (0..1000).filter(|_| admits(&mut filter, &encrypted(record::HANDSHAKE)));
    assert_eq!(admitted.count(), 32);
    // Data is of no use here.
    assert!(!admits(&mut LossFilter::new(Role::Client), &encrypted(23)));
}

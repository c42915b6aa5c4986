//! Handshakes on a path without faults.

use std::time::Duration;

use super::network::{End, Faults, Network};
use super::{DtlsError, GCM_128, GCM_THEN_CM, Peer, assert_matching, pair};
use crate::dtls::record::{self, HANDSHAKE, records};
use crate::dtls::{Dtls, DtlsParams, Fingerprint, Identity, Profile, Role};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn both_ends_have_the_same_keys_of_the_profile_that_both_offer() {
    let lists: [(&[Profile], &[Profile], Profile); 6] = [
        (GCM_128, GCM_128, Profile::AeadAes128Gcm),
        (GCM_THEN_CM, GCM_THEN_CM, Profile::AeadAes128Gcm),
        (
            GCM_THEN_CM,
            &[Profile::Aes128CmSha1_80],
            Profile::Aes128CmSha1_80,
        ),
        (
            &[Profile::Aes128CmSha1_80],
            GCM_THEN_CM,
            Profile::Aes128CmSha1_80,
        ),
        (
            &[Profile::AeadAes256Gcm],
            &[Profile::AeadAes256Gcm],
            Profile::AeadAes256Gcm,
        ),
        // The server's order counts.
        (
            &[Profile::Aes128CmSha1_80, Profile::AeadAes128Gcm],
            GCM_THEN_CM,
            Profile::AeadAes128Gcm,
        ),
    ];
    for (client_profiles, server_profiles, expected) in lists {
        let (mut client, mut server) = pair(client_profiles, server_profiles);
        let mut network = Network::new(Faults::default(), 1);
        network.connect(&mut client, &mut server, LIMIT).unwrap();
        assert_matching(client.keys().unwrap(), server.keys().unwrap());
        assert_eq!(client.keys().unwrap().local.profile(), expected);
        assert!(client.dtls.is_connected() && server.dtls.is_connected());
    }
}

#[test]
fn a_handshake_takes_three_round_trips_and_six_datagrams() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut network = Network::new(Faults::default(), 1);
    let took = network.connect(&mut client, &mut server, LIMIT).unwrap();
    assert_eq!(took, Duration::from_millis(120));
    assert_eq!(network.sent, 6);
}

#[test]
fn on_a_path_of_800_ms_flights_that_cross_do_no_harm() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut network = Network::new(Faults::default(), 1);
    network.delay = Duration::from_millis(400);
    let took = network.connect(&mut client, &mut server, LIMIT).unwrap();
    assert_eq!(took, Duration::from_millis(2400));
    network.run(&mut client, &mut server, LIMIT, |_, _| false);
    assert!(network.sent <= 32, "{}", network.sent);
    assert!(client.dtls.is_connected() && server.dtls.is_connected());
}

#[test]
fn a_client_needs_no_timer_after_the_handshake_and_a_server_none_after_its_linger() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let mut network = Network::new(Faults::default(), 1);
    network.connect(&mut client, &mut server, LIMIT).unwrap();
    assert_eq!(client.next_timeout(), None);
    let linger = server.next_timeout().unwrap() - network.now;
    assert!(linger <= Duration::from_secs(10), "{linger:?}");
    network.run(&mut client, &mut server, LIMIT, |_, _| false);
    assert_eq!(server.next_timeout(), None);
    assert!(server.dtls.is_connected());
    // Its last flight, twice unasked: the client's timer may be long.
    assert_eq!(network.sent, 8);
}

#[test]
fn without_a_common_profile_both_ends_say_so() {
    let (mut client, mut server) = pair(GCM_128, &[Profile::Aes128CmSha1_80]);
    let mut network = Network::new(Faults::default(), 1);
    assert_eq!(network.connect(&mut client, &mut server, LIMIT), None);
    assert_eq!(server.error(), Some(&DtlsError::NoProfile));
    // insufficient_security, in clear
    assert_eq!(client.error(), Some(&DtlsError::PeerAlert(Some(71))));
    assert!(client.keys().is_none() && server.keys().is_none());
}

#[test]
fn a_peer_that_never_answers_ends_by_the_deadline() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let deaf = Faults {
        lost: 100,
        ..Faults::default()
    };
    let mut network = Network::new(deaf, 1);
    assert_eq!(network.connect(&mut client, &mut server, LIMIT), None);
    assert_eq!(client.error(), Some(&DtlsError::TimedOut));
    assert_eq!(server.error(), Some(&DtlsError::TimedOut));
    assert_eq!(network.now - network.start, Duration::from_secs(10));
    // The interval backs off: 100, 200, then 400 ms.
    assert!((20..=28).contains(&network.sent), "{}", network.sent);
    assert_eq!(client.next_timeout(), None);
}

#[test]
fn a_connection_without_fingerprints_or_profiles_is_refused() {
    let identity = Identity::generate().unwrap();
    let params = |fingerprints: Vec<Fingerprint>, profiles: &[Profile]| DtlsParams {
        role: Role::Client,
        fingerprints,
        profiles: profiles.to_vec(),
    };
    let own = Fingerprint::parse(identity.fingerprint()).unwrap();
    let refused = |params| Dtls::new(&identity, params).unwrap_err();
    assert_eq!(
        refused(params(Vec::new(), GCM_128)),
        DtlsError::NoFingerprint
    );
    assert_eq!(refused(params(vec![own], &[])), DtlsError::NoProfile);
}

#[test]
fn a_server_takes_a_client_hello_in_fragments_of_any_order() {
    let (mut client, mut server) = pair(
        &[Profile::Aes128CmSha1_80, Profile::AeadAes128Gcm],
        GCM_THEN_CM,
    );
    let mut network = Network::new(Faults::default(), 1);
    client.start(network.now);
    let hello = client.transmits().remove(0);
    let mut fragments = fragments(&hello, 50);
    assert!(fragments.len() > 2);
    fragments.reverse();
    for fragment in &fragments {
        server.receive(network.now, fragment);
    }
    network.connect(&mut client, &mut server, LIMIT).unwrap();
    assert_eq!(
        client.keys().unwrap().local.profile(),
        Profile::AeadAes128Gcm
    );
    assert_matching(client.keys().unwrap(), server.keys().unwrap());
}

/// A datagram with one handshake message, as several.
fn fragments(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let message = records(datagram)
        .next()
        .unwrap()
        .fragments()
        .next()
        .unwrap();
    let mut number = 100;
    let pieces = message.data.chunks(size).enumerate();
    pieces
        .map(|(index, piece)| {
            let mut body = vec![message.kind];
            body.extend(&(message.length as u32).to_be_bytes()[1..]);
            body.extend(message.message.to_be_bytes());
            body.extend(&((index * size) as u32).to_be_bytes()[1..]);
            body.extend(&(piece.len() as u32).to_be_bytes()[1..]);
            body.extend(piece);
            let mut record = vec![HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
            record.extend((body.len() as u16).to_be_bytes());
            record.extend(body);
            record::renumber(&mut record, &mut number);
            record
        })
        .collect()
}

#[test]
fn several_messages_in_one_record_are_taken() {
    let (mut client, mut server) = pair(GCM_128, GCM_128);
    let now = std::time::Instant::now();
    client.start(now);
    server.start(now);
    for _ in 0..2 {
        for datagram in client.transmits() {
            server.receive(now, &datagram);
        }
        for datagram in server.transmits() {
            let messages = records(&datagram).flat_map(|record| record.fragments());
            let body: Vec<u8> = messages
                .flat_map(|message| message.bytes.to_vec())
                .collect();
            let mut packed = vec![HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
            packed.extend((body.len() as u16).to_be_bytes());
            packed.extend(body);
            client.receive(now, &packed);
        }
    }
    for datagram in client.transmits() {
        server.receive(now, &datagram);
    }
    assert!(server.dtls.is_connected());
}

#[test]
fn a_client_answers_nothing_before_its_first_path_works() {
    let identity = Identity::generate().unwrap();
    let mut client = Peer::new(&identity, Role::Client, identity.fingerprint(), GCM_128);
    client.receive(
        std::time::Instant::now(),
        &[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    assert!(client.transmits().is_empty());
    assert_eq!(client.next_timeout(), None);
}

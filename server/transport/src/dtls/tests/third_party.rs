//! Handshakes with the DTLS of str0m.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, Output};

use super::network::{End, Faults, Network};
use super::{GCM_128, GCM_THEN_CM, Peer};
use crate::dtls::{Identity, Profile, Role};

struct Str0m {
    dtls: dimpl::Dtls,
    client: bool,
    out: Vec<Vec<u8>>,
    timeout: Option<Instant>,
    material: Option<Vec<u8>>,
    saw_close: bool,
}

impl Str0m {
    /// With the fingerprint of its certificate.
    fn new(client: bool, now: Instant) -> (Self, String) {
        let certificate = generate_self_signed_certificate().unwrap();
        let fingerprint = format!("SHA-256 {}", certificate.fingerprint_str().to_lowercase());
        // As str0m does.
        let config = Config::builder().use_server_cookie(false);
        let config = config.dangerously_set_rng_seed(7);
        // Its own is 1 s, and four attempts: with a fifth lost each way these are lost once in a hundred handshakes. That of
        // libwebrtc is this one.
        let config = config
            .flight_start_rto(Duration::from_millis(50))
            .flight_retries(20);
        let config = Arc::new(config.build().unwrap());
        let mut dtls = dimpl::Dtls::new_12(config, certificate, now);
        dtls.set_active(client);
        let end = Self {
            dtls,
            client,
            out: Vec::new(),
            timeout: Some(now),
            material: None,
            saw_close: false,
        };
        (end, fingerprint)
    }

    fn poll(&mut self) {
        let mut buffer = vec![0; 2048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => self.out.push(packet.to_vec()),
                Output::Timeout(at) => {
                    self.timeout = Some(at);
                    return;
                }
                Output::KeyingMaterial(material, _) => self.material = Some(material.to_vec()),
                Output::CloseNotify => self.saw_close = true,
                _ => {}
            }
        }
    }
}

impl End for Str0m {
    fn start(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
    fn receive(&mut self, _: Instant, datagram: &[u8]) {
        let _fatal = self.dtls.handle_packet(datagram);
        self.poll();
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.timeout = None;
        let _fatal = self.dtls.handle_timeout(now);
        self.poll();
    }
    fn next_timeout(&mut self) -> Option<Instant> {
        self.timeout
    }
    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| self.out.remove(0))
    }
    fn connected(&self) -> bool {
        self.material.is_some()
    }
}

/// Ours in this role, and str0m's in the other, until both have the same keys.
fn connect(
    role: Role,
    profiles: &[Profile],
    faults: Faults,
    seed: u64,
) -> (Network, Peer, Str0m, Option<Duration>) {
    let identity = Identity::generate().unwrap();
    let mut network = Network::new(faults, seed);
    let (mut str0m, fingerprint) = Str0m::new(role == Role::Server, network.now);
    let mut ours = Peer::new(&identity, role, &fingerprint, profiles);
    let limit = Duration::from_secs(5);
    let took = match role {
        Role::Client => network.connect(&mut ours, &mut str0m, limit),
        Role::Server => network.connect(&mut str0m, &mut ours, limit),
    };
    if took.is_some() {
        assert_same_keys(&ours, &str0m);
    }
    (network, ours, str0m, took)
}

fn assert_same_keys(ours: &Peer, str0m: &Str0m) {
    let keys = ours.keys().unwrap();
    // Client key, server key, client salt, server salt.
    let (client, server) = match str0m.client {
        true => (&keys.remote, &keys.local),
        false => (&keys.local, &keys.remote),
    };
    let ours = [client.key(), server.key(), client.salt(), server.salt()].concat();
    assert_eq!(Some(ours), str0m.material);
}

#[test]
fn str0m_has_the_same_keys_in_both_roles_with_each_list_of_profiles() {
    for role in [Role::Client, Role::Server] {
        for profiles in [GCM_128, GCM_THEN_CM, &[Profile::Aes128CmSha1_80]] {
            let (_, ours, _, took) = connect(role, profiles, Faults::default(), 1);
            assert!(took.is_some(), "{role:?} {profiles:?}: {:?}", ours.events);
            assert_eq!(ours.keys().unwrap().local.profile(), profiles[0]);
        }
    }
}

#[test]
fn str0m_sees_our_close_and_we_see_its() {
    for role in [Role::Client, Role::Server] {
        let (network, mut ours, mut str0m, _) = connect(role, GCM_128, Faults::default(), 1);
        ours.dtls.close(network.now);
        for datagram in ours.transmits() {
            str0m.receive(network.now, &datagram);
        }
        assert!(str0m.saw_close, "{role:?}");

        let (network, mut ours, mut str0m, _) = connect(role, GCM_128, Faults::default(), 1);
        str0m.dtls.close().unwrap();
        str0m.poll();
        while let Some(datagram) = str0m.poll_transmit() {
            ours.receive(network.now, &datagram);
        }
        assert!(ours.saw_close(), "{role:?}: {:?}", ours.events);
    }
}

#[test]
fn three_hundred_of_three_hundred_with_str0m_are_done_in_five_seconds_with_a_fifth_lost_each_way() {
    three_hundred_with(Faults {
        lost: 20,
        ..Faults::default()
    });
}

#[test]
fn reordering_and_duplication_stall_no_handshake_with_str0m() {
    three_hundred_with(Faults {
        lost: 5,
        twice: 30,
        late: 30,
    });
}

fn three_hundred_with(faults: Faults) {
    for role in [Role::Client, Role::Server] {
        for seed in 0..300 {
            let (_, ours, _, took) = connect(role, GCM_128, faults, seed);
            assert!(took.is_some(), "{role:?} {seed}: {:?}", ours.events);
        }
    }
}

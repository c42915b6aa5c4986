//! Handshakes in simulated time, with ourselves at both ends and with the DTLS of str0m at one.

mod attacks;
mod closing;
mod connecting;
mod fingerprints;
mod losing;
mod network;
mod openssl;
mod repeating;
mod third_party;

use std::time::Instant;

use super::{Dtls, DtlsError, DtlsEvent, DtlsParams, Fingerprint, Identity, Keys, Profile, Role};
use network::End;

const GCM_128: &[Profile] = &[Profile::AeadAes128Gcm];
const GCM_THEN_CM: &[Profile] = &[Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80];

/// One of ours, and what it said.
struct Peer {
    dtls: Dtls,
    events: Vec<DtlsEvent>,
}

impl Peer {
    fn new(identity: &Identity, role: Role, fingerprint: &str, profiles: &[Profile]) -> Self {
        let params = DtlsParams {
            role,
            fingerprints: vec![Fingerprint::parse(fingerprint).unwrap()],
            profiles: profiles.to_vec(),
        };
        Self::with(identity, params)
    }

    fn with(identity: &Identity, params: DtlsParams) -> Self {
        Self {
            dtls: Dtls::new(identity, params).unwrap(),
            events: Vec::new(),
        }
    }

    fn keys(&self) -> Option<&Keys> {
        self.events.iter().find_map(|event| match event {
            DtlsEvent::Connected(keys) => Some(keys),
            _ => None,
        })
    }

    fn error(&self) -> Option<&DtlsError> {
        self.events.iter().find_map(|event| match event {
            DtlsEvent::Failed(error) => Some(error),
            _ => None,
        })
    }

    fn saw_close(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, DtlsEvent::PeerClosed))
    }

    fn transmits(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.dtls.poll_transmit()).collect()
    }
}

impl End for Peer {
    fn start(&mut self, now: Instant) {
        self.dtls.start(now);
    }

    fn receive(&mut self, now: Instant, datagram: &[u8]) {
        self.dtls.receive(now, datagram);
        self.events
            .extend(std::iter::from_fn(|| self.dtls.poll_event()));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.dtls.handle_timeout(now);
        self.events
            .extend(std::iter::from_fn(|| self.dtls.poll_event()));
    }

    fn next_timeout(&mut self) -> Option<Instant> {
        self.dtls.next_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.dtls.poll_transmit()
    }

    fn connected(&self) -> bool {
        self.keys().is_some()
    }
}

/// Client and server that expect each other.
fn pair(client_profiles: &[Profile], server_profiles: &[Profile]) -> (Peer, Peer) {
    let (one, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    (
        Peer::new(&one, Role::Client, other.fingerprint(), client_profiles),
        Peer::new(&other, Role::Server, one.fingerprint(), server_profiles),
    )
}

/// The same keys, of one direction each.
fn assert_matching(one: &Keys, other: &Keys) {
    for (local, remote) in [(&one.local, &other.remote), (&one.remote, &other.local)] {
        assert_eq!(local.profile(), remote.profile());
        assert_eq!(local.key(), remote.key());
        assert_eq!(local.salt(), remote.salt());
    }
    assert_ne!(one.local.key(), one.remote.key());
}

//! What is left of a connection after its handshake: enough to read an alert of the peer, and to send ours. An endpoint of
//! rtc-dtls takes several kB and stays for as long as the viewer does.

use std::fmt;
use std::time::Instant;

use bytes::BytesMut;
use rtc_crypto::SecretVec;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;

use super::inbound_limit::InboundLimit;
use super::{DtlsError, Identity, PEER, record};

/// An alert takes 39 bytes with AES-GCM; other ciphers need some more.
const MAX_ALERT: usize = 128;
/// Reading one costs a key derivation.
const ALERTS_PER_SECOND: u32 = 4;

pub(super) struct Settled {
    identity: Identity,
    is_client: bool,
    /// Of `State::marshal_binary`: it holds the master secret.
    state: SecretVec,
    limit: InboundLimit,
}

pub(super) enum Ending {
    Closed,
    Alert,
}

impl Settled {
    pub(super) fn new(identity: &Identity, state: &State) -> Result<Self, DtlsError> {
        let bytes = state.marshal_binary();
        Ok(Self {
            identity: identity.clone(),
            is_client: state.is_client(),
            state: SecretVec::new(bytes.map_err(|error| DtlsError::Crypto(error.to_string()))?),
            limit: InboundLimit::new(ALERTS_PER_SECOND, usize::MAX),
        })
    }

    /// Whether this datagram ends the connection, and what to send in reply. Nothing else may be sent: the record numbers of
    /// this state are used once.
    pub(super) fn read(&mut self, now: Instant, datagram: &[u8]) -> Option<(Ending, Vec<Vec<u8>>)> {
        let alert = record::records(datagram).find(|record| {
            record.epoch() == 1
                && record.content_type() == record::ALERT
                && record.bytes.len() <= MAX_ALERT
        })?;
        if !self.limit.admits(now, alert.bytes.len()) {
            return None;
        }
        let mut endpoint = self.endpoint(now)?;
        match endpoint.read(now, PEER, None, BytesMut::from(alert.bytes)) {
            Ok(events) => events
                .iter()
                .any(|event| matches!(event, EndpointEvent::PeerClosed))
                .then(|| (Ending::Closed, transmits(&mut endpoint))),
            Err(Error::ErrAlertFatalOrClose) => Some((Ending::Alert, Vec::new())),
            Err(_) => None,
        }
    }

    /// Our close_notify.
    pub(super) fn close(self, now: Instant) -> Vec<Vec<u8>> {
        let Some(mut endpoint) = self.endpoint(now) else {
            return Vec::new();
        };
        endpoint.stop(now, PEER);
        transmits(&mut endpoint)
    }

    fn endpoint(&self, now: Instant) -> Option<Endpoint> {
        let mut state = State::new(self.identity.provider(), self.is_client);
        state.unmarshal_binary(self.state.as_ref()).ok()?;
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
        // A state of either role: what it does as "client" is to need no server configuration.
        let config = self.identity.settled();
        endpoint.connect(now, PEER, config, Some(state)).ok()?;
        Some(endpoint)
    }
}

pub(super) fn transmits(endpoint: &mut Endpoint) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| endpoint.poll_transmit())
        .map(|transmit| transmit.message.to_vec())
        .collect()
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled")
            .field("is_client", &self.is_client)
            .finish_non_exhaustive()
    }
}

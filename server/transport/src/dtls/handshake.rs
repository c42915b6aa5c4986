//! One handshake: rtc-dtls' endpoint between a filter, a schedule of retransmissions, and bounds.

mod sending;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;

use super::client_hello;
use super::inbound_limit::InboundLimit;
use super::keys::protection;
use super::loss_filter::LossFilter;
use super::retransmission::Retransmission;
use super::settled::{Settled, transmits};
use super::{DtlsError, DtlsParams, Identity, Keys, PEER, Profile, Role, record};

/// From the first path to the keys.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An alert in clear may be forged, so it ends only a handshake that makes no progress after it.
const ALERT_GRACE: Duration = Duration::from_secs(2);
/// As server: how long the peer may ask for our last flight again.
const LINGER: Duration = Duration::from_secs(10);
/// A handshake takes a dozen; each may come twice in 400 ms.
const DATAGRAMS_PER_SECOND: u32 = 64;
/// Some forty flights with a certificate.
const TOTAL_BYTES: usize = 128 * 1024;
/// As server: copies of our last flight, beside those that rtc-dtls makes.
const MAX_REPEATS: u32 = 16;

const FATAL: u8 = 2;

pub(super) struct Handshake {
    identity: Identity,
    params: DtlsParams,
    endpoint: Option<Endpoint>,
    /// As server, until the ClientHello is whole.
    hello: Vec<Vec<u8>>,
    filter: LossFilter,
    retransmission: Retransmission,
    limit: InboundLimit,
    /// Number of the peer's next record in clear. One forged record with a high number would make all of the peer's look like
    /// replays; what is repeated the filter sees.
    heard: u64,
    /// Set by the verifier: rtc-dtls' error does not tell.
    refused: Arc<AtomicBool>,
    /// A fatal alert in clear.
    alert: Option<(Instant, u8)>,
    /// The end of the handshake; once it is done, that of `LINGER`.
    deadline: Instant,
    renewals: u32,
    repeats: u32,
    done: bool,
}

pub(super) enum Outcome {
    Connected(Keys),
    Closed,
    Failed(DtlsError),
}

impl Handshake {
    /// A client sends its ClientHello now.
    pub(super) fn start(
        identity: Identity,
        params: DtlsParams,
        now: Instant,
        out: &mut impl Extend<Vec<u8>>,
    ) -> Result<Self, DtlsError> {
        let role = params.role;
        let mut handshake = Self {
            identity,
            params,
            endpoint: None,
            hello: Vec::new(),
            filter: LossFilter::new(role),
            retransmission: Retransmission::default(),
            limit: InboundLimit::new(DATAGRAMS_PER_SECOND, TOTAL_BYTES),
            heard: 0,
            refused: Arc::default(),
            alert: None,
            deadline: now + TIMEOUT,
            renewals: 0,
            repeats: 0,
            done: false,
        };
        if role == Role::Client {
            let config = handshake.config(&handshake.params.profiles)?;
            let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
            endpoint
                .connect(now, PEER, config, None)
                .map_err(|error| DtlsError::Crypto(error.to_string()))?;
            handshake.endpoint = Some(endpoint);
            handshake.send(now, out);
        }
        Ok(handshake)
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn next_timeout(&self) -> Instant {
        let alert = self.alert.map(|(since, _)| since + ALERT_GRACE);
        [self.retransmission.next(), alert]
            .into_iter()
            .flatten()
            .fold(self.deadline, Instant::min)
    }

    /// What stays, once the peer has our last flight or had the time to ask for it.
    pub(super) fn settled(&self, now: Instant) -> Option<Result<Settled, DtlsError>> {
        let settles = self.done && (self.params.role == Role::Client || now >= self.deadline);
        let state = self.state().filter(|_| settles)?;
        Some(Settled::new(&self.identity, state))
    }

    fn state(&self) -> Option<&State> {
        self.endpoint.as_ref()?.get_connection_state(PEER)
    }

    pub(super) fn receive(
        &mut self,
        now: Instant,
        datagram: &[u8],
        out: &mut impl Extend<Vec<u8>>,
    ) -> Option<Outcome> {
        if !self.limit.admits(now, datagram.len()) {
            return None;
        }
        let mut admitted = Vec::new();
        let mut repeated = false;
        for record in record::records(datagram) {
            // Each by itself: rtc-dtls believes a length that another message in the record contradicts.
            let fragments = record.fragments();
            let messages = fragments.filter(|fragment| self.filter.admits_fragment(fragment));
            admitted.extend(messages.filter_map(|message| message.to_record()).flatten());
            if self.filter.admits(&record) {
                repeated |= self.done && record.content_type() == record::HANDSHAKE;
                admitted.extend_from_slice(record.bytes);
            } else if record.content_type() == record::ALERT
                && let (0, [FATAL, description]) = (record.epoch(), record.body())
                && !self.done
            {
                self.alert.get_or_insert((now, *description));
            }
        }
        if admitted.is_empty() {
            return None;
        }
        record::renumber(&mut admitted, &mut self.heard);
        if self.endpoint.is_some() {
            return self.read(now, &admitted, repeated, out);
        }
        if !record::records(&admitted).any(|record| record.is_clear_handshake()) {
            return None;
        }
        // Forged fragments may be among them: it begins again.
        if self.hello.len() == client_hello::MAX_DATAGRAMS {
            self.hello.clear();
        }
        self.hello.push(admitted);
        let offered = client_hello::srtp_profiles(&self.hello)?;
        if let Err(error) = self.listen(&offered) {
            return Some(Outcome::Failed(error));
        }
        let hello = std::mem::take(&mut self.hello);
        hello
            .iter()
            .find_map(|datagram| self.read(now, datagram, false, out))
    }

    /// As server: our first profile that the client has, or all of ours, so that it gets the alert.
    fn listen(&mut self, offered: &[u16]) -> Result<(), DtlsError> {
        let ours = &self.params.profiles;
        let mut common = ours.iter();
        let common = common.find(|profile| offered.contains(&(protection(**profile) as u16)));
        let config = self.config(common.map_or(ours, std::slice::from_ref))?;
        self.endpoint = Some(Endpoint::new(PEER, TransportProtocol::UDP, Some(config)));
        Ok(())
    }

    fn config(
        &self,
        profiles: &[Profile],
    ) -> Result<Arc<rtc_dtls::config::HandshakeConfig>, DtlsError> {
        let fingerprints = self.params.fingerprints.clone();
        let refused = Arc::clone(&self.refused);
        let verify = move |certificates: &[Vec<u8>], _: &[_]| {
            let leaf = certificates.first();
            if leaf.is_some_and(|leaf| fingerprints.iter().any(|known| known.matches(leaf))) {
                return Ok(());
            }
            refused.store(true, Ordering::Relaxed);
            Err(Error::ErrInvalidCertificate)
        };
        self.identity
            .config(self.params.role, profiles, Arc::new(verify))
    }

    fn read(
        &mut self,
        now: Instant,
        datagram: &[u8],
        repeated: bool,
        out: &mut impl Extend<Vec<u8>>,
    ) -> Option<Outcome> {
        let endpoint = self.endpoint.as_mut()?;
        let result = endpoint.read(now, PEER, None, BytesMut::from(datagram));
        let events = match result {
            Ok(events) => events,
            // rtc-dtls would send the alert back; two ends of it never stop.
            Err(Error::ErrAlertFatalOrClose) => {
                return Some(Outcome::Failed(DtlsError::PeerAlert(None)));
            }
            // Once it is done, only authenticated records come here, and warnings among them.
            Err(_) if self.done => {
                let _warning_sent_back = transmits(endpoint);
                return None;
            }
            Err(error) => {
                out.extend(self.numbered());
                return Some(Outcome::Failed(self.failure(&error)));
            }
        };
        let sent = self.send(now, out);
        if repeated && !sent && self.repeats < MAX_REPEATS {
            self.repeats += 1;
            out.extend(self.retransmission.copies());
        }
        events.iter().find_map(|event| match event {
            EndpointEvent::HandshakeComplete => Some(self.finish(now)),
            EndpointEvent::PeerClosed => Some(Outcome::Closed),
            _ => None,
        })
    }

    fn finish(&mut self, now: Instant) -> Outcome {
        self.done = true;
        self.filter.finish();
        self.alert = None;
        self.deadline = now + LINGER;
        self.limit = InboundLimit::new(DATAGRAMS_PER_SECOND, TOTAL_BYTES);
        if self.params.role == Role::Client {
            self.retransmission.stop();
        }
        let Some(state) = self.state() else {
            return Outcome::Failed(DtlsError::TimedOut);
        };
        // rtc-dtls asks the verifier only when it has seen a certificate.
        let leaf = state.peer_certificates.first();
        let known = &self.params.fingerprints;
        if !leaf.is_some_and(|leaf| known.iter().any(|known| known.matches(leaf))) {
            return Outcome::Failed(DtlsError::Fingerprint);
        }
        match Keys::export(state, self.params.role, &self.params.profiles) {
            Ok(keys) => Outcome::Connected(keys),
            Err(error) => Outcome::Failed(error),
        }
    }

    fn failure(&self, error: &Error) -> DtlsError {
        match error {
            _ if self.refused.load(Ordering::Relaxed) => DtlsError::Fingerprint,
            Error::ErrServerNoMatchingSrtpProfile
            | Error::ErrClientNoMatchingSrtpProfile
            | Error::ErrRequestedButNoSrtpExtension => DtlsError::NoProfile,
            error => DtlsError::Handshake(error.to_string()),
        }
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("role", &self.params.role)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

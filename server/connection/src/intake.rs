//! The media of a connected publisher: SRTP and SRTCP in; access units to the stream, and RTCP to the publisher, out.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use ingest::connection_receiver::{ConnectionParams, ConnectionReceiver};
use net::datagram::DatagramKind;
use net::routes::Remote;
use rtc_crypto::RTCCrypto;
use srtp::{SrtcpReceiver, SrtcpSender, SrtpError, SrtpReceiver};
use transport::dtls::Keys;

use super::end::End;
use super::published_media::PublishedMedia;
use super::publisher_counters::PublisherCounters;

/// Between two looks at what viewers ask the publisher for.
const REQUEST_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Intake {
    srtp: SrtpReceiver,
    srtcp: SrtcpReceiver,
    sender: SrtcpSender,
    receiver: ConnectionReceiver,
    media: PublishedMedia,
    requests_due: Instant,
    counters: PublisherCounters,
    /// The newest measurement of ICE.
    round_trip: Option<(Remote, Duration)>,
    /// SRTCP, while it is sent.
    sealed: Vec<u8>,
}

impl Intake {
    pub(super) fn new(
        crypto: &dyn RTCCrypto,
        keys: &Keys,
        params: ConnectionParams,
        media: PublishedMedia,
        counters: PublisherCounters,
        now: Instant,
    ) -> Result<Self, SrtpError> {
        counters.set_profile(keys.local.profile());
        Ok(Self {
            srtp: SrtpReceiver::new(crypto, &keys.remote)?,
            srtcp: SrtcpReceiver::new(crypto, &keys.remote)?,
            sender: SrtcpSender::new(crypto, &keys.local)?,
            receiver: ConnectionReceiver::new(params, now),
            media,
            requests_due: now,
            counters,
            round_trip: None,
            sealed: Vec::new(),
        })
    }

    /// Takes a datagram that was read from the socket at this time, and decrypts it in place. False: it is not authentic, or was received before.
    pub(super) fn receive(&mut self, now: Instant, at: Instant, datagram: &mut BytesMut) -> bool {
        let authentic = match DatagramKind::of(datagram) {
            DatagramKind::Rtp => match self.srtp.unprotect(datagram) {
                Some(rtp) => {
                    self.receiver.push_rtp(at, rtp);
                    true
                }
                None => false,
            },
            DatagramKind::Rtcp => match self.srtcp.unprotect(datagram) {
                Some(rtcp) => {
                    self.receiver.push_rtcp(at, &rtcp);
                    true
                }
                None => false,
            },
            _ => return false,
        };
        self.counters.count(datagram.len(), authentic);
        if authentic {
            self.append(now);
        }
        authentic
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.append(now);
        if self.requests_due <= now {
            self.requests_due = now + REQUEST_INTERVAL;
            let received = self.counters.set_received(&self.receiver);
            let health = self.media.health();
            health.on_counters(now, &received);
            self.counters.set_warnings(health.warnings());
            self.counters.set_layers(self.media.layers(now));
            for line in self.media.take_keyframe_requests() {
                self.receiver.request_keyframe(now, line);
            }
        }
    }

    /// The newest round trip of the selected path, which may be the one before.
    pub(super) fn set_round_trip(&mut self, path: Remote, rtt: Duration) {
        if self.round_trip.replace((path, rtt)) != Some((path, rtt)) {
            self.receiver.set_rtt(rtt);
            self.media.health().on_round_trip(path, rtt);
            self.counters.set_rtt(rtt);
        }
    }

    pub(super) fn next_timeout(&self) -> Instant {
        let receiver = self.receiver.next_timeout();
        receiver.map_or(self.requests_due, |at| at.min(self.requests_due))
    }

    /// Hands each datagram that is to be sent to the publisher now to `send`.
    pub(super) fn send_feedback(&mut self, now: Instant, mut send: impl FnMut(&[u8])) {
        for rtcp in self.receiver.feedback(now) {
            self.sealed.clear();
            match self.sender.protect(&rtcp, &mut self.sealed) {
                Ok(()) => send(&self.sealed),
                Err(error) => tracing::debug!("feedback to a publisher was not sent: {error}"),
            }
        }
    }

    /// Why nothing more is received.
    pub(super) fn end(&self) -> Option<End> {
        if let Some(unplayable) = self.media.unplayable() {
            return Some(End::Unplayable(unplayable));
        }
        self.media.is_closed().then_some(End::StreamOver)
    }

    fn append(&mut self, now: Instant) {
        while let Some(unit) = self.receiver.poll(now) {
            self.counters.count_unit();
            self.media.append(unit);
        }
    }
}

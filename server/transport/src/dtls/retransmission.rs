//! Our last flight, and when it is sent again (RFC 6347 4.2.4).

use std::time::{Duration, Instant};

use super::record;

/// RFC 6347 4.2.4.1 recommends to begin with 1 s; what is near a viewer's first picture begins earlier (libwebrtc: 50 ms).
const FIRST_INTERVAL: Duration = Duration::from_millis(100);
/// With a fifth of the datagrams lost each way, 13 attempts in 5 s fail once in 600,000 times. The handshake has a deadline, so
/// the interval needs no further back-off.
const LAST_INTERVAL: Duration = Duration::from_millis(400);

#[derive(Debug, Default)]
pub(super) struct Retransmission {
    flight: Vec<Vec<u8>>,
    attempts: u32,
    most: u32,
    next: Option<Instant>,
    /// Number of our next record in clear. A record that is sent again needs a new one, or the peer takes it for a replay;
    /// rtc-dtls counts its own only.
    record: u64,
}

impl Retransmission {
    /// Numbers the records of a datagram that goes out.
    pub(super) fn number(&mut self, datagram: &mut [u8]) {
        record::renumber(datagram, &mut self.record);
    }

    /// A flight was sent. It is sent again until the next one begins, `most` times at most.
    pub(super) fn begin(&mut self, now: Instant, flight: Vec<Vec<u8>>, most: u32) {
        self.flight = flight;
        self.most = most;
        self.attempts = 0;
        self.next = Some(now + FIRST_INTERVAL);
    }

    pub(super) fn stop(&mut self) {
        self.next = None;
    }

    /// The same flight, encrypted once more; the schedule goes on.
    pub(super) fn replace(&mut self, flight: Vec<Vec<u8>>) {
        self.flight = flight;
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether the flight is to be sent again now: which attempt that is.
    pub(super) fn due(&mut self, now: Instant) -> Option<u32> {
        self.next.filter(|next| *next <= now)?;
        self.attempts += 1;
        let interval = FIRST_INTERVAL * 2_u32.pow(self.attempts.min(8));
        self.next = (self.attempts < self.most).then(|| now + interval.min(LAST_INTERVAL));
        Some(self.attempts)
    }

    /// The flight under new record numbers.
    pub(super) fn copies(&mut self) -> Vec<Vec<u8>> {
        for datagram in &mut self.flight {
            record::renumber(datagram, &mut self.record);
        }
        self.flight.clone()
    }
}

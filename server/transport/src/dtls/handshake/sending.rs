//! What a handshake sends: flights, those that are sent again, and its end.

use std::time::Instant;

use super::super::settled::transmits;
use super::super::{DtlsError, PEER, Role, record};
use super::{ALERT_GRACE, Handshake, Outcome};

/// rtc-dtls fails at the eighth.
const MAX_RENEWALS: u32 = 7;
/// As server: times that a flight is repeated which the client has to ask for. Its timer may be 1 s (OpenSSL, str0m), and the
/// first picture would wait for it.
const MAX_UNASKED: u32 = 2;

impl Handshake {
    /// What the endpoint has to send, with our record numbers.
    pub(super) fn numbered(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = self.endpoint.as_mut().map(transmits).unwrap_or_default();
        for datagram in &mut datagrams {
            self.retransmission.number(datagram);
            self.filter.sent(datagram);
        }
        datagrams
    }

    /// Sends what an answer to the peer is; true if it is a flight.
    pub(super) fn send(&mut self, now: Instant, out: &mut impl Extend<Vec<u8>>) -> bool {
        let datagrams = self.numbered();
        let kind = datagrams
            .first()
            .and_then(|datagram| record::records(datagram).next());
        let Some(first) = kind else {
            return false;
        };
        if first.content_type() == record::ALERT {
            // In clear: rtc-dtls sends a fatal one when the first message that it sees of a server is not the first, and goes on
            // itself. The peer might not.
            if first.epoch() > 0 {
                out.extend(datagrams);
            }
            return false;
        }
        let message = first.fragments().next().map(|fragment| fragment.kind);
        out.extend(datagrams.iter().cloned());
        let attempts = match (self.params.role, message) {
            // Our last flight, again.
            (Role::Server, None) if self.done => {
                self.retransmission.replace(datagrams);
                return true;
            }
            // The client has to ask for them again (RFC 6347 4.2.1, 4.2.4), but its timer may be long.
            (Role::Server, None | Some(record::HELLO_VERIFY_REQUEST)) => MAX_UNASKED,
            _ => u32::MAX,
        };
        self.alert = None;
        self.retransmission.begin(now, datagrams, attempts);
        true
    }

    pub(in super::super) fn handle_timeout(
        &mut self,
        now: Instant,
        out: &mut impl Extend<Vec<u8>>,
    ) -> Option<Outcome> {
        if !self.done && self.is_over(now) {
            let error = self.alert.map_or(DtlsError::TimedOut, |(_, description)| {
                DtlsError::PeerAlert(Some(description))
            });
            return Some(Outcome::Failed(error));
        }
        let attempt = self.retransmission.due(now)?;
        let renewed = match self.renew(now, attempt) {
            Ok(renewed) => renewed,
            Err(error) => return Some(Outcome::Failed(error)),
        };
        match renewed {
            Some(flight) => {
                out.extend(flight.iter().cloned());
                self.retransmission.replace(flight);
            }
            None => out.extend(self.retransmission.copies()),
        }
        None
    }

    fn is_over(&self, now: Instant) -> bool {
        let refused = self
            .alert
            .is_some_and(|(since, _)| now >= since + ALERT_GRACE);
        refused || now >= self.deadline
    }

    /// A flight with our Finished, encrypted once more: a server that has it, and whose answer was lost, takes a copy for a
    /// replay. rtc-dtls does so a few times; every other attempt is a copy, which is enough when ours was lost.
    fn renew(&mut self, now: Instant, attempt: u32) -> Result<Option<Vec<Vec<u8>>>, DtlsError> {
        if !self.filter.awaits_finished()
            || attempt.is_multiple_of(2)
            || self.renewals >= MAX_RENEWALS
        {
            return Ok(None);
        }
        let Some(endpoint) = &mut self.endpoint else {
            return Ok(None);
        };
        let Some(timer) = endpoint.poll_timeout(&PEER) else {
            return Ok(None);
        };
        self.renewals += 1;
        // Its timer runs for 1 s; ours is up.
        let failed = endpoint.handle_timeout(PEER, now.max(timer));
        failed.map_err(|error| self.failure(&error))?;
        Ok(Some(self.numbered()).filter(|flight| !flight.is_empty()))
    }

    /// Our close_notify, once the handshake is done.
    pub(in super::super) fn close(mut self, now: Instant) -> Vec<Vec<u8>> {
        if let Some(endpoint) = self.endpoint.as_mut().filter(|_| self.done) {
            endpoint.stop(now, PEER);
            return self.numbered();
        }
        Vec::new()
    }
}

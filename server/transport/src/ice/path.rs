//! A path: an address of the peer that has sent an authenticated check, and the socket of ours that it came to.

use std::time::{Duration, Instant};

use net::routes::Remote;

use super::check::{Check, Due};
use super::nomination::Nomination;
use super::stun::{Message, TransactionId};

/// An answer proves a path for this long (RFC 7675 5.1).
const PROOF: Duration = Duration::from_secs(30);
/// After half of that, the peer's next check triggers one of ours again.
const RENEWAL: Duration = Duration::from_secs(15);

/// An unproved address gets at most so many bytes for each one that came from it in authenticated checks: its owner may not be
/// who sent them. RFC 9000 8.1 has the same limit.
const AMPLIFICATION: usize = 3;

/// A path, and the credentials that its newest check used: a generation begins with each ICE restart.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) remote: Remote,
    pub(super) generation: u32,
    /// When the newest authenticated message came.
    pub(super) heard: Instant,
    pub(super) nomination: Nomination,
    answered: Option<Instant>,
    /// From our newest request that was answered to its answer.
    rtt: Option<Duration>,
    check: Option<Check>,
    received: usize,
    sent: usize,
}

impl Path {
    pub(super) fn new(remote: Remote, generation: u32, now: Instant) -> Self {
        Self {
            remote,
            generation,
            heard: now,
            nomination: Nomination::default(),
            answered: None,
            rtt: None,
            check: None,
            received: 0,
            sent: 0,
        }
    }

    /// A check with credentials of another generation came: the path has to be proved with these.
    pub(super) fn change_generation(&mut self, generation: u32) {
        self.generation = generation;
        self.nomination = Nomination::default();
        self.answered = None;
        self.check = None;
    }

    /// Notes an authenticated check of `bytes` bytes.
    pub(super) fn on_request(&mut self, now: Instant, bytes: usize) {
        self.heard = now;
        self.received = self.received.saturating_add(bytes);
    }

    /// Whether `message`, not yet authenticated, answers our check.
    pub(super) fn awaits(&self, message: &Message<'_>) -> bool {
        let check = self.check.as_ref();
        check.is_some_and(|check| check.awaits(message.transaction))
    }

    /// The check was answered, by an error or a success.
    pub(super) fn on_response(&mut self, now: Instant, answered: TransactionId, success: bool) {
        self.heard = now;
        let check = self.check.take();
        let rtt = check.and_then(|check| check.round_trip(now, answered));
        self.rtt = rtt.or(self.rtt);
        if success {
            self.answered = Some(now);
        }
    }

    /// Whether an answer has shown that the owner of the address wants what we send.
    pub(super) fn is_proved(&self, now: Instant) -> bool {
        self.answered.is_some_and(|at| now < at + PROOF)
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Begins a triggered check, where the path needs one (RFC 8445 7.3.1.4). A check under way begins again, with the same
    /// transaction: a late answer counts.
    pub(super) fn trigger_check(&mut self, now: Instant) {
        match &mut self.check {
            Some(check) => check.begin_again(now),
            None if self.answered.is_some_and(|at| now < at + RENEWAL) => {}
            None => self.check = Some(Check::triggered(now)),
        }
    }

    /// Begins a check for consent, unless one is under way.
    pub(super) fn check_consent(&mut self, now: Instant) {
        self.check.get_or_insert_with(|| Check::of_consent(now));
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.check.as_ref().map(Check::due)
    }

    pub(super) fn poll_check(&mut self, now: Instant) -> Due {
        let Some(check) = self.check.as_mut() else {
            return Due::Nothing;
        };
        let due = check.poll(now);
        if due == Due::Failed {
            self.check = None;
        }
        due
    }

    /// Whether `bytes` bytes may be sent, which it notes.
    pub(super) fn admits(&mut self, bytes: usize) -> bool {
        if self.answered.is_some() {
            return true;
        }
        let sent = self.sent.saturating_add(bytes);
        let admitted = sent <= self.received.saturating_mul(AMPLIFICATION);
        if admitted {
            self.sent = sent;
        }
        admitted
    }
}

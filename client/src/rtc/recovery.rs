//! Decides when the connection to another peer is restarted or replaced. Pure; times are milliseconds of a monotonic clock.
//!
//! Both sides may act at once ([`shared::negotiation`]). The polite side waits longer, so that usually only one side acts.

use shared::retry::{Backoff, Retry};

/// The peer that arrives sends the offer; the others wait this long for it.
const OFFER_WAIT_MS: u64 = 3_000;
/// A path that recovers within this time needs no restart.
const GRACE_MS: u64 = 3_000;
/// Time for an answer to arrive and for its candidates to be checked.
const ATTEMPT_MS: u64 = 10_000;
/// Between attempts, where that is longer.
const BACKOFF: Backoff = Backoff {
    first_ms: 5_000,
    longest_ms: 30_000,
};
/// Every third attempt makes a new connection instead of restarting ICE.
const RECONNECT_EVERY: u32 = 3;
/// After more attempts the health is `Failed`; attempts go on.
const ATTEMPTS_BEFORE_FAILED: u32 = 2;
/// Added to the waits of the polite side.
const POLITE_DELAY_MS: u64 = 1_000;

/// The state of the connection, as the user sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionHealth {
    Connecting,
    Open,
    /// It was open, and attempts to recover it are under way.
    Broken,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryAction {
    /// Restart ICE on the current connection; make the first connection when there is none.
    RestartIce,
    /// Replace the connection by a new one.
    Reconnect,
}

/// The state machine of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    polite: bool,
    /// The server can carry an offer to the other side.
    reachable: bool,
    open: bool,
    was_open: bool,
    /// The connection has ended: an ICE restart cannot help.
    closed: bool,
    retry: Retry,
    /// When the next action is due, unless the connection is open.
    next_at: u64,
}

impl Recovery {
    pub fn new(polite: bool) -> Self {
        Self {
            polite,
            reachable: false,
            open: false,
            was_open: false,
            closed: false,
            retry: Retry::new(BACKOFF, 0),
            next_at: 0,
        }
    }

    /// The server can carry signals to the other side. `offer`: this side arrived later and sends the offer.
    pub fn on_reachable(&mut self, now: u64, offer: bool) {
        self.reachable = true;
        self.retry.reset();
        self.next_at = if offer { now } else { now + OFFER_WAIT_MS };
    }

    pub fn on_unreachable(&mut self) {
        self.reachable = false;
    }

    /// The chat channel is open on a connected path.
    pub fn on_open(&mut self) {
        (self.open, self.was_open, self.closed) = (true, true, false);
        self.retry.reset();
    }

    /// The connection state is `disconnected`.
    pub fn on_disconnected(&mut self, now: u64) {
        self.schedule(now + GRACE_MS);
    }

    /// The connection state is `failed`. During an attempt this does not bring the next one forward: it is how an attempt ends.
    pub fn on_ice_failed(&mut self, now: u64) {
        if self.open || self.retry.failures() == 0 {
            self.schedule(now);
        }
    }

    /// The other side closed the connection or replaced it.
    pub fn on_closed(&mut self, now: u64) {
        self.closed = true;
        // Usually its page was reloaded, and it sends an offer when it is back.
        self.schedule(now + GRACE_MS);
    }

    /// The other side sent an offer.
    pub fn on_offer(&mut self, now: u64) {
        self.next_at = self.next_at.max(now + ATTEMPT_MS);
    }

    /// One of the two sides made a new connection.
    pub fn on_replaced(&mut self, now: u64) {
        self.open = false;
        self.closed = false;
        self.next_at = self.next_at.max(now + ATTEMPT_MS);
    }

    fn schedule(&mut self, next_at: u64) {
        let next_at = if self.polite {
            next_at + POLITE_DELAY_MS
        } else {
            next_at
        };
        // An attempt under way keeps its time.
        if self.open || self.retry.failures() == 0 {
            self.next_at = next_at;
        }
        self.open = false;
    }

    /// The action that is due now. Call about once a second. `jitter`: 0.0 to 1.0, at random.
    pub fn tick(&mut self, now: u64, jitter: f64) -> Option<RecoveryAction> {
        if self.open || !self.reachable || now < self.next_at {
            return None;
        }
        let wait = self.retry.on_failed(now, jitter, ATTEMPT_MS);
        let delay = if self.polite { POLITE_DELAY_MS } else { 0 };
        self.next_at = now + wait + delay;
        let attempts = self.retry.failures();
        Some(if self.closed || attempts.is_multiple_of(RECONNECT_EVERY) {
            RecoveryAction::Reconnect
        } else {
            RecoveryAction::RestartIce
        })
    }

    pub fn health(&self) -> ConnectionHealth {
        match (self.open, self.was_open) {
            (true, _) => ConnectionHealth::Open,
            _ if self.retry.failures() > ATTEMPTS_BEFORE_FAILED => ConnectionHealth::Failed,
            (_, true) => ConnectionHealth::Broken,
            _ => ConnectionHealth::Connecting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(
        recovery: &mut Recovery,
        seconds: std::ops::Range<u64>,
    ) -> Vec<(u64, RecoveryAction)> {
        seconds
            .filter_map(|s| Some((s, recovery.tick(s * 1_000, 1.0)?)))
            .collect()
    }

    fn open() -> Recovery {
        let mut recovery = Recovery::new(false);
        recovery.on_reachable(0, true);
        assert_eq!(recovery.tick(0, 1.0), Some(RecoveryAction::RestartIce));
        recovery.on_open();
        assert_eq!(recovery.health(), ConnectionHealth::Open);
        assert!(actions(&mut recovery, 0..100).is_empty());
        recovery
    }

    #[test]
    fn a_peer_that_arrives_offers_and_the_others_wait() {
        let mut arrived = Recovery::new(true);
        arrived.on_reachable(0, true);
        assert_eq!(
            actions(&mut arrived, 0..5),
            [(0, RecoveryAction::RestartIce)]
        );
        let mut there = Recovery::new(false);
        there.on_reachable(0, false);
        there.on_offer(1_000);
        assert!(actions(&mut there, 0..11).is_empty());
        assert_eq!(there.health(), ConnectionHealth::Connecting);
    }

    #[test]
    fn a_path_that_dies_is_restarted_after_three_seconds() {
        let mut recovery = open();
        recovery.on_disconnected(100_000);
        assert_eq!(recovery.health(), ConnectionHealth::Broken);
        assert_eq!(
            actions(&mut recovery, 100..110),
            [(103, RecoveryAction::RestartIce)]
        );
        recovery.on_open();
        assert_eq!(recovery.health(), ConnectionHealth::Open);
    }

    #[test]
    fn failed_ice_is_restarted_at_once() {
        let mut recovery = open();
        recovery.on_ice_failed(100_000);
        assert_eq!(
            recovery.tick(100_000, 1.0),
            Some(RecoveryAction::RestartIce)
        );
        // A second failure does not bring the next attempt forward.
        recovery.on_ice_failed(101_000);
        assert_eq!(recovery.tick(102_000, 1.0), None);
    }

    #[test]
    fn restarts_that_fail_are_followed_by_a_new_connection_and_failed_health() {
        let mut recovery = open();
        recovery.on_disconnected(0);
        let tried = actions(&mut recovery, 0..60);
        use RecoveryAction::{Reconnect, RestartIce};
        assert_eq!(
            tried,
            [
                (3, RestartIce),
                (13, RestartIce),
                (23, Reconnect),
                (43, RestartIce)
            ]
        );
        assert_eq!(recovery.health(), ConnectionHealth::Failed);
    }

    #[test]
    fn a_connection_that_the_other_side_closed_is_replaced() {
        let mut recovery = open();
        recovery.on_closed(0);
        assert_eq!(
            actions(&mut recovery, 0..5),
            [(3, RecoveryAction::Reconnect)]
        );
        let mut recovery = open();
        recovery.on_closed(0);
        recovery.on_replaced(1_000);
        assert!(actions(&mut recovery, 0..11).is_empty());
    }

    #[test]
    fn nothing_is_attempted_while_the_peer_is_unreachable() {
        let mut recovery = open();
        recovery.on_unreachable();
        recovery.on_disconnected(0);
        assert!(actions(&mut recovery, 0..100).is_empty());
        recovery.on_reachable(100_000, true);
        assert_eq!(
            actions(&mut recovery, 100..105),
            [(100, RecoveryAction::RestartIce)]
        );
    }
}

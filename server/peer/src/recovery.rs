//! Decides when the connection to a peer is made, restarted or replaced. Pure; [`crate::app`] acts.

use std::time::{Duration, Instant};

use shared::retry::Backoff;

/// An attempt that takes longer has failed, and the user sees a message.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A peer that has just arrived sends the offer; this side waits this long for it.
const OFFER_WAIT: Duration = Duration::from_secs(3);
/// Delays of an ICE restart after the path became unresponsive, which takes five seconds to notice. The polite side lets the other act first.
const RESTART_DELAY: Duration = Duration::from_secs(1);
const RESTART_DELAY_POLITE: Duration = Duration::from_secs(4);
/// An ICE restart that takes longer is followed by a new connection.
const RESTART_TIMEOUT: Duration = Duration::from_secs(10);
/// Between attempts.
const BACKOFF: Backoff = Backoff {
    first_ms: 5_000,
    longest_ms: 60_000,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecoveryState {
    /// No connection; an attempt may start at this time.
    Idle {
        from: Instant,
    },
    Connecting {
        since: Instant,
    },
    Connected,
    /// Open, but the other side does not respond.
    Unresponsive {
        since: Instant,
        restarted_at: Option<Instant>,
    },
}

/// The state machine of the module.
#[derive(Clone, Debug)]
pub(crate) struct Recovery {
    polite: bool,
    state: RecoveryState,
    /// Failed attempts in a row.
    failures: u32,
    /// 0.0 to 1.0, at random: spreads the attempts of the peers of a room.
    jitter: f64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecoveryAction {
    Nothing,
    /// Make a new connection in place of the current one.
    Reconnect,
    /// Restart ICE on the current connection.
    RestartIce,
    /// Drop the attempt. `first`: the attempt before it did not fail, so the user sees a message.
    GiveUp {
        first: bool,
    },
}

impl Recovery {
    /// For a peer that was in the room first: this side connects.
    pub(crate) fn connect_now(now: Instant, polite: bool, jitter: f64) -> Self {
        Self {
            polite,
            state: RecoveryState::Idle { from: now },
            failures: 0,
            jitter,
        }
    }

    /// For a peer that has just arrived: it sends the offer; this side connects only when no offer comes.
    pub(crate) fn wait_for_offer(now: Instant, polite: bool, jitter: f64) -> Self {
        Self::connect_now(now + OFFER_WAIT, polite, jitter)
    }

    /// The peer's signaling was restored: earlier signals are lost, so an attempt starts again. False: the connection stays.
    pub(crate) fn on_signaling_restored(&mut self, from: Instant) -> bool {
        if self.is_connected() {
            return false;
        }
        self.state = RecoveryState::Idle { from };
        true
    }

    /// The end of the time in which the peer's offer is expected.
    pub(crate) fn offer_deadline(now: Instant) -> Instant {
        now + OFFER_WAIT
    }

    /// A link was started.
    pub(crate) fn on_connecting(&mut self, now: Instant) {
        self.state = RecoveryState::Connecting { since: now };
    }

    /// The chat channel is open.
    pub(crate) fn on_open(&mut self) {
        self.state = RecoveryState::Connected;
        self.failures = 0;
    }

    /// The other side stopped or resumed responding. True when that changes the state.
    pub(crate) fn on_responsive(&mut self, now: Instant, responsive: bool) -> bool {
        match (self.state, responsive) {
            (RecoveryState::Connected, false) => {
                self.state = RecoveryState::Unresponsive {
                    since: now,
                    restarted_at: None,
                };
                true
            }
            (RecoveryState::Unresponsive { .. }, true) => {
                self.state = RecoveryState::Connected;
                true
            }
            _ => false,
        }
    }

    /// The link closed. True: it was an attempt, the first of a row to fail.
    pub(crate) fn on_closed(&mut self, now: Instant) -> bool {
        let attempt = matches!(self.state, RecoveryState::Connecting { .. });
        let first = attempt && self.failures == 0;
        let wait = if attempt { self.fail() } else { OFFER_WAIT };
        self.state = RecoveryState::Idle { from: now + wait };
        first
    }

    /// There is a connection, responsive or not.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(
            self.state,
            RecoveryState::Connected | RecoveryState::Unresponsive { .. }
        )
    }

    /// There is a connection, and the other side responds.
    pub(crate) fn is_responsive(&self) -> bool {
        matches!(self.state, RecoveryState::Connected)
    }

    /// `reachable`: the server can carry signals to the other side.
    pub(crate) fn update(&mut self, now: Instant, reachable: bool) -> RecoveryAction {
        match self.state {
            RecoveryState::Idle { from } if reachable && now >= from => {
                self.on_connecting(now);
                RecoveryAction::Reconnect
            }
            RecoveryState::Connecting { since } if now >= since + CONNECT_TIMEOUT => {
                let first = self.failures == 0;
                let wait = self.fail();
                self.state = RecoveryState::Idle { from: now + wait };
                RecoveryAction::GiveUp { first }
            }
            RecoveryState::Unresponsive {
                since,
                restarted_at: None,
            } if reachable => {
                let wait = if self.polite {
                    RESTART_DELAY_POLITE
                } else {
                    RESTART_DELAY
                };
                if now < since + wait {
                    return RecoveryAction::Nothing;
                }
                self.state = RecoveryState::Unresponsive {
                    since,
                    restarted_at: Some(now),
                };
                RecoveryAction::RestartIce
            }
            RecoveryState::Unresponsive {
                restarted_at: Some(at),
                ..
            } if reachable && now >= at + RESTART_TIMEOUT => {
                self.on_connecting(now);
                RecoveryAction::Reconnect
            }
            _ => RecoveryAction::Nothing,
        }
    }

    fn fail(&mut self) -> Duration {
        let wait = BACKOFF.wait_ms(self.failures, self.jitter);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_peer_that_arrives_connects_and_the_other_waits() {
        let now = Instant::now();
        assert_eq!(
            Recovery::connect_now(now, true, 1.0).update(now, true),
            RecoveryAction::Reconnect
        );
        let mut waiting = Recovery::wait_for_offer(now, true, 1.0);
        assert_eq!(
            waiting.update(now + seconds(2), true),
            RecoveryAction::Nothing
        );
        assert_eq!(
            waiting.update(now + seconds(3), true),
            RecoveryAction::Reconnect
        );
    }

    #[test]
    fn an_unreachable_peer_is_not_connected_to() {
        let now = Instant::now();
        let mut recovery = Recovery::connect_now(now, true, 1.0);
        assert_eq!(
            recovery.update(now + seconds(60), false),
            RecoveryAction::Nothing
        );
        assert_eq!(
            recovery.update(now + seconds(61), true),
            RecoveryAction::Reconnect
        );
    }

    #[test]
    fn a_failed_attempt_is_reported_once_and_repeated_with_growing_delays() {
        let mut now = Instant::now();
        let mut recovery = Recovery::connect_now(now, true, 1.0);
        for (attempt, wait) in [5, 10, 20, 40, 60, 60].into_iter().enumerate() {
            assert_eq!(
                recovery.update(now, true),
                RecoveryAction::Reconnect,
                "attempt {attempt}"
            );
            now += seconds(20);
            let first = attempt == 0;
            assert_eq!(recovery.update(now, true), RecoveryAction::GiveUp { first });
            assert_eq!(
                recovery.update(now + seconds(wait - 1), true),
                RecoveryAction::Nothing
            );
            now += seconds(wait);
        }
    }

    #[test]
    fn a_failed_attempt_is_reported_once_and_a_closed_connection_is_not() {
        let now = Instant::now();
        let mut recovery = Recovery::connect_now(now, true, 1.0);
        recovery.on_connecting(now);
        assert!(recovery.on_closed(now));
        assert_eq!(
            recovery.update(now + seconds(4), true),
            RecoveryAction::Nothing
        );
        assert_eq!(
            recovery.update(now + seconds(5), true),
            RecoveryAction::Reconnect
        );
        assert!(!recovery.on_closed(now));
        recovery.on_connecting(now);
        recovery.on_open();
        assert!(!recovery.on_closed(now));
        assert_eq!(
            recovery.update(now + seconds(3), true),
            RecoveryAction::Reconnect
        );
    }

    #[test]
    fn an_unresponsive_connection_is_restarted_and_then_replaced() {
        let now = Instant::now();
        for (polite, wait) in [(false, 1), (true, 4)] {
            let mut recovery = Recovery::connect_now(now, polite, 1.0);
            recovery.on_connecting(now);
            recovery.on_open();
            assert!(recovery.on_responsive(now, false));
            assert!(!recovery.on_responsive(now, false));
            assert_eq!(
                recovery.update(now + seconds(wait - 1), true),
                RecoveryAction::Nothing
            );
            let restart = now + seconds(wait);
            assert_eq!(recovery.update(restart, true), RecoveryAction::RestartIce);
            assert_eq!(recovery.update(restart, true), RecoveryAction::Nothing);
            let mut recovered = recovery.clone();
            assert!(recovered.on_responsive(restart, true));
            assert_eq!(
                recovered.update(restart + seconds(60), true),
                RecoveryAction::Nothing
            );
            assert_eq!(
                recovery.update(restart + seconds(10), true),
                RecoveryAction::Reconnect
            );
            assert!(!recovery.is_connected());
        }
    }

    #[test]
    fn a_connection_outlives_the_connection_to_the_server() {
        let now = Instant::now();
        let mut recovery = Recovery::connect_now(now, true, 1.0);
        recovery.on_connecting(now);
        assert!(
            recovery.on_signaling_restored(now),
            "an attempt starts again"
        );
        recovery.on_connecting(now);
        recovery.on_open();
        assert!(!recovery.on_signaling_restored(now), "a connection stays");
        recovery.on_responsive(now, false);
        assert_eq!(
            recovery.update(now + seconds(100), false),
            RecoveryAction::Nothing
        );
    }
}

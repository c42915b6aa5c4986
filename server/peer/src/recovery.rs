//! When something has to be done about the connection to one peer. Pure: it decides, [`crate::app`] effects.

use std::time::{Duration, Instant};

/// A connection that is not there after so long is given up for now, and a person is told.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// To wait for the offer of a peer that has just come back, which is the one to begin.
const OFFER_WAIT: Duration = Duration::from_secs(3);
/// The same for a new path: by then the silence has lasted five seconds already. The polite side gives the other one the first go.
const RESTART_DELAY: Duration = Duration::from_secs(1);
const RESTART_DELAY_POLITE: Duration = Duration::from_secs(4);
/// A new path that has not come by then will not; a new connection is made.
const RESTART_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two attempts, in seconds; the last for ever.
const RETRY_DELAYS_S: [u64; 4] = [5, 10, 20, 60];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No connection; one may be begun from then on.
    Idle {
        from: Instant,
    },
    Connecting {
        since: Instant,
    },
    Connected,
    /// Open, but nothing is heard.
    Unresponsive {
        since: Instant,
        restarted_at: Option<Instant>,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Recovery {
    polite: bool,
    state: State,
    /// Attempts in a row that came to nothing.
    failures: usize,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecoveryAction {
    Nothing,
    /// Make a connection, in place of the one there is.
    Reconnect,
    /// Look for another path for the connection that there is.
    RestartIce,
    /// Drop the attempt. `first`: of a row, so somebody should be told.
    GiveUp {
        first: bool,
    },
}

impl Recovery {
    /// To a peer that is there already when this one comes: this one begins.
    pub(crate) fn connect_now(now: Instant, polite: bool) -> Self {
        Self {
            polite,
            state: State::Idle { from: now },
            failures: 0,
        }
    }

    /// To a peer that has just come: it begins, and this one only if it does not.
    pub(crate) fn wait_for_offer(now: Instant, polite: bool) -> Self {
        Self::connect_now(now + OFFER_WAIT, polite)
    }

    /// The other side's way to the server is new: what was said before is lost, so an attempt begins anew. False: there is none to drop.
    pub(crate) fn on_signaling_restored(&mut self, from: Instant) -> bool {
        if self.is_connected() {
            return false;
        }
        self.state = State::Idle { from };
        true
    }

    /// As long as [`Self::wait_for_offer`] waits.
    pub(crate) fn offer_deadline(now: Instant) -> Instant {
        now + OFFER_WAIT
    }

    /// A link was begun.
    pub(crate) fn on_connecting(&mut self, now: Instant) {
        self.state = State::Connecting { since: now };
    }

    /// The chat is open.
    pub(crate) fn on_open(&mut self) {
        self.state = State::Connected;
        self.failures = 0;
    }

    /// True when the other side has fallen silent, or is heard again.
    pub(crate) fn on_responsive(&mut self, now: Instant, responsive: bool) -> bool {
        match (self.state, responsive) {
            (State::Connected, false) => {
                self.state = State::Unresponsive {
                    since: now,
                    restarted_at: None,
                };
                true
            }
            (State::Unresponsive { .. }, true) => {
                self.state = State::Connected;
                true
            }
            _ => false,
        }
    }

    /// The link is over. True: it was an attempt, the first of a row that comes to nothing.
    pub(crate) fn on_closed(&mut self, now: Instant) -> bool {
        let attempt = matches!(self.state, State::Connecting { .. });
        let first = attempt && self.failures == 0;
        let wait = if attempt { self.fail() } else { OFFER_WAIT };
        self.state = State::Idle { from: now + wait };
        first
    }

    /// There is a connection, even if it is silent just now.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected | State::Unresponsive { .. })
    }

    /// There is a connection, and the other side is heard.
    pub(crate) fn is_responsive(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// `reachable`: what is said to the other side through the server arrives.
    pub(crate) fn update(&mut self, now: Instant, reachable: bool) -> RecoveryAction {
        match self.state {
            State::Idle { from } if reachable && now >= from => {
                self.on_connecting(now);
                RecoveryAction::Reconnect
            }
            State::Connecting { since } if now >= since + CONNECT_TIMEOUT => {
                let first = self.failures == 0;
                let wait = self.fail();
                self.state = State::Idle { from: now + wait };
                RecoveryAction::GiveUp { first }
            }
            State::Unresponsive {
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
                self.state = State::Unresponsive {
                    since,
                    restarted_at: Some(now),
                };
                RecoveryAction::RestartIce
            }
            State::Unresponsive {
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
        let wait = RETRY_DELAYS_S[self.failures.min(RETRY_DELAYS_S.len() - 1)];
        self.failures += 1;
        Duration::from_secs(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_newcomer_begins_and_the_other_waits_for_it() {
        let now = Instant::now();
        assert_eq!(
            Recovery::connect_now(now, true).update(now, true),
            RecoveryAction::Reconnect
        );
        let mut waiting = Recovery::wait_for_offer(now, true);
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
    fn nothing_is_begun_with_somebody_who_cannot_be_reached() {
        let now = Instant::now();
        let mut recovery = Recovery::connect_now(now, true);
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
    fn an_attempt_that_fails_is_told_once_and_tried_again_less_and_less_often() {
        let mut now = Instant::now();
        let mut recovery = Recovery::connect_now(now, true);
        for (attempt, wait) in [5, 10, 20, 60, 60].into_iter().enumerate() {
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
    fn an_attempt_that_dies_is_told_once_and_a_connection_that_ends_is_not() {
        let now = Instant::now();
        let mut recovery = Recovery::connect_now(now, true);
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
    fn a_silent_path_is_searched_anew_and_then_replaced() {
        let now = Instant::now();
        for (polite, wait) in [(false, 1), (true, 4)] {
            let mut recovery = Recovery::connect_now(now, polite);
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
    fn a_connection_outlives_the_way_to_the_server() {
        let now = Instant::now();
        let mut recovery = Recovery::connect_now(now, true);
        recovery.on_connecting(now);
        assert!(
            recovery.on_signaling_restored(now),
            "an attempt begins anew"
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

//! When something has to be done about the connection to one peer. Pure: it decides, [`crate::room`] acts.

use std::time::{Duration, Instant};

/// A connection that is not there after so long is given up for now, and a person is told.
const TO_CONNECT: Duration = Duration::from_secs(20);
/// To wait for the offer of a peer that has just come back, which is the one to begin.
const TO_BEGIN: Duration = Duration::from_secs(3);
/// The same for a new path: by then the silence has lasted five seconds already. The polite side gives the other one the first go.
const TO_RESTART: Duration = Duration::from_secs(1);
const TO_RESTART_POLITE: Duration = Duration::from_secs(4);
/// A new path that has not come by then will not; a new connection is made.
const TO_RECOVER: Duration = Duration::from_secs(10);
/// Between two attempts, in seconds; the last for ever.
const WAITS: [u64; 4] = [5, 10, 20, 60];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No connection; one may be begun from then on.
    None {
        from: Instant,
    },
    Connecting {
        since: Instant,
    },
    Up,
    /// Open, but nothing is heard.
    Silent {
        since: Instant,
        restarted: Option<Instant>,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    polite: bool,
    state: State,
    /// Attempts in a row that came to nothing.
    failures: usize,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    /// Make a connection, in place of the one there is.
    Connect,
    /// Look for another path for the connection that there is.
    Restart,
    /// Drop the attempt. `first`: of a row, so somebody should be told.
    GiveUp {
        first: bool,
    },
}

impl Path {
    /// To a peer that is there already when this one comes: this one begins.
    pub(crate) fn begin_now(now: Instant, polite: bool) -> Self {
        Self {
            polite,
            state: State::None { from: now },
            failures: 0,
        }
    }

    /// To a peer that has just come: it begins, and this one only if it does not.
    pub(crate) fn wait_for_offer(now: Instant, polite: bool) -> Self {
        Self::begin_now(now + TO_BEGIN, polite)
    }

    /// The other side's way to the server is new: what was said before is lost, so an attempt begins anew. False: there is none to drop.
    pub(crate) fn again(&mut self, from: Instant) -> bool {
        if self.is_up() {
            return false;
        }
        self.state = State::None { from };
        true
    }

    /// As long as [`Self::wait_for_offer`] waits.
    pub(crate) fn after_offer(now: Instant) -> Instant {
        now + TO_BEGIN
    }

    /// A link was begun.
    pub(crate) fn connecting(&mut self, now: Instant) {
        self.state = State::Connecting { since: now };
    }

    /// The chat is open.
    pub(crate) fn open(&mut self) {
        self.state = State::Up;
        self.failures = 0;
    }

    /// True when the other side has fallen silent, or is heard again.
    pub(crate) fn heard(&mut self, now: Instant, heard: bool) -> bool {
        match (self.state, heard) {
            (State::Up, false) => {
                self.state = State::Silent {
                    since: now,
                    restarted: None,
                };
                true
            }
            (State::Silent { .. }, true) => {
                self.state = State::Up;
                true
            }
            _ => false,
        }
    }

    /// The link is over. True: it was an attempt, the first of a row that comes to nothing.
    pub(crate) fn dead(&mut self, now: Instant) -> bool {
        let attempt = matches!(self.state, State::Connecting { .. });
        let first = attempt && self.failures == 0;
        let wait = if attempt { self.fail() } else { TO_BEGIN };
        self.state = State::None { from: now + wait };
        first
    }

    /// There is a connection, even if it is silent just now.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up | State::Silent { .. })
    }

    /// There is a connection, and the other side is heard.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// `reachable`: what is said to the other side through the server arrives.
    pub(crate) fn step(&mut self, now: Instant, reachable: bool) -> Step {
        match self.state {
            State::None { from } if reachable && now >= from => {
                self.connecting(now);
                Step::Connect
            }
            State::Connecting { since } if now >= since + TO_CONNECT => {
                let first = self.failures == 0;
                let wait = self.fail();
                self.state = State::None { from: now + wait };
                Step::GiveUp { first }
            }
            State::Silent {
                since,
                restarted: None,
            } if reachable => {
                let wait = if self.polite {
                    TO_RESTART_POLITE
                } else {
                    TO_RESTART
                };
                if now < since + wait {
                    return Step::Nothing;
                }
                self.state = State::Silent {
                    since,
                    restarted: Some(now),
                };
                Step::Restart
            }
            State::Silent {
                restarted: Some(at),
                ..
            } if reachable && now >= at + TO_RECOVER => {
                self.connecting(now);
                Step::Connect
            }
            _ => Step::Nothing,
        }
    }

    fn fail(&mut self) -> Duration {
        let wait = WAITS[self.failures.min(WAITS.len() - 1)];
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
        assert_eq!(Path::begin_now(now, true).step(now, true), Step::Connect);
        let mut waiting = Path::wait_for_offer(now, true);
        assert_eq!(waiting.step(now + seconds(2), true), Step::Nothing);
        assert_eq!(waiting.step(now + seconds(3), true), Step::Connect);
    }

    #[test]
    fn nothing_is_begun_with_somebody_who_cannot_be_reached() {
        let now = Instant::now();
        let mut path = Path::begin_now(now, true);
        assert_eq!(path.step(now + seconds(60), false), Step::Nothing);
        assert_eq!(path.step(now + seconds(61), true), Step::Connect);
    }

    #[test]
    fn an_attempt_that_fails_is_told_once_and_tried_again_less_and_less_often() {
        let mut now = Instant::now();
        let mut path = Path::begin_now(now, true);
        for (attempt, wait) in [5, 10, 20, 60, 60].into_iter().enumerate() {
            assert_eq!(path.step(now, true), Step::Connect, "attempt {attempt}");
            now += seconds(20);
            let first = attempt == 0;
            assert_eq!(path.step(now, true), Step::GiveUp { first });
            assert_eq!(path.step(now + seconds(wait - 1), true), Step::Nothing);
            now += seconds(wait);
        }
    }

    #[test]
    fn an_attempt_that_dies_is_told_once_and_a_connection_that_ends_is_not() {
        let now = Instant::now();
        let mut path = Path::begin_now(now, true);
        path.connecting(now);
        assert!(path.dead(now));
        assert_eq!(path.step(now + seconds(4), true), Step::Nothing);
        assert_eq!(path.step(now + seconds(5), true), Step::Connect);
        assert!(!path.dead(now));
        path.connecting(now);
        path.open();
        assert!(!path.dead(now));
        assert_eq!(path.step(now + seconds(3), true), Step::Connect);
    }

    #[test]
    fn a_silent_path_is_searched_anew_and_then_replaced() {
        let now = Instant::now();
        for (polite, wait) in [(false, 1), (true, 4)] {
            let mut path = Path::begin_now(now, polite);
            path.connecting(now);
            path.open();
            assert!(path.heard(now, false));
            assert!(!path.heard(now, false));
            assert_eq!(path.step(now + seconds(wait - 1), true), Step::Nothing);
            let restart = now + seconds(wait);
            assert_eq!(path.step(restart, true), Step::Restart);
            assert_eq!(path.step(restart, true), Step::Nothing);
            let mut healed = path.clone();
            assert!(healed.heard(restart, true));
            assert_eq!(healed.step(restart + seconds(60), true), Step::Nothing);
            assert_eq!(path.step(restart + seconds(10), true), Step::Connect);
            assert!(!path.is_up());
        }
    }

    #[test]
    fn a_connection_outlives_the_way_to_the_server() {
        let now = Instant::now();
        let mut path = Path::begin_now(now, true);
        path.connecting(now);
        assert!(path.again(now), "an attempt begins anew");
        path.connecting(now);
        path.open();
        assert!(!path.again(now), "a connection stays");
        path.heard(now, false);
        assert_eq!(path.step(now + seconds(100), false), Step::Nothing);
    }
}

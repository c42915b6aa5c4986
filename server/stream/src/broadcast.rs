//! The state of a stream that is published. It outlives its publishers. Pure.

use std::time::{Duration, SystemTime};

use shared::api::{StreamState, UnixTime};

use super::StreamError;

/// Begins as waiting. Then live; from there interrupted and live again, as often as the publisher goes and returns; in the end ended, until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broadcast {
    stage: Stage,
    since: SystemTime,
    /// When it became live, interruptions included.
    began: SystemTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Live,
    Interrupted,
    Ended,
}

impl Broadcast {
    pub(super) fn new(now: SystemTime) -> Self {
        Self {
            stage: Stage::Waiting,
            since: now,
            began: now,
        }
    }

    /// There is something to watch. True: the state has changed.
    pub(super) fn begin(&mut self, now: SystemTime) -> bool {
        let begins = matches!(self.stage, Stage::Waiting | Stage::Ended);
        if begins {
            self.began = now;
            self.set(Stage::Live, now);
        }
        begins
    }

    /// Nothing has come since then.
    pub(super) fn interrupt(&mut self, since: SystemTime) -> bool {
        let interrupts = self.stage == Stage::Live;
        if interrupts {
            self.set(Stage::Interrupted, since);
        }
        interrupts
    }

    /// Something comes again.
    pub(super) fn resume(&mut self, now: SystemTime) -> bool {
        let resumes = self.stage == Stage::Interrupted;
        if resumes {
            self.set(Stage::Live, now);
        }
        resumes
    }

    /// A publisher that has sent nothing to watch leaves the state as it was.
    pub(super) fn end(&mut self, now: SystemTime) -> bool {
        let ends = matches!(self.stage, Stage::Live | Stage::Interrupted);
        if ends {
            self.set(Stage::Ended, now);
        }
        ends
    }

    fn set(&mut self, stage: Stage, since: SystemTime) {
        (self.stage, self.since) = (stage, since);
    }

    /// Why it cannot be watched.
    pub(super) fn error(&self) -> Option<StreamError> {
        match self.stage {
            Stage::Waiting => Some(StreamError::NotBegun),
            Stage::Ended => Some(StreamError::Ended),
            Stage::Live | Stage::Interrupted => None,
        }
    }

    pub(super) fn state(&self) -> StreamState {
        let since = unix_time(self.since);
        match self.stage {
            Stage::Waiting => StreamState::Waiting { since },
            Stage::Live => StreamState::Live {
                since: unix_time(self.began),
            },
            Stage::Interrupted => StreamState::Interrupted { since },
            Stage::Ended => StreamState::Ended { since },
        }
    }
}

fn unix_time(at: SystemTime) -> UnixTime {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_broadcast_is_interrupted_and_resumed_until_it_ends_and_another_one_begins() {
        let mut broadcast = Broadcast::new(at(1));
        assert!(!broadcast.interrupt(at(2)) && !broadcast.resume(at(2)) && !broadcast.end(at(2)));
        assert_eq!(broadcast.state(), StreamState::Waiting { since: 1 });
        assert!(matches!(broadcast.error(), Some(StreamError::NotBegun)));
        assert!(broadcast.begin(at(3)) && !broadcast.begin(at(4)));
        assert_eq!(broadcast.state(), StreamState::Live { since: 3 });
        assert!(broadcast.interrupt(at(5)) && !broadcast.interrupt(at(6)));
        assert_eq!(broadcast.state(), StreamState::Interrupted { since: 5 });
        assert!(broadcast.error().is_none());
        // Its viewers have watched since it began.
        assert!(!broadcast.begin(at(7)) && broadcast.resume(at(7)));
        assert_eq!(broadcast.state(), StreamState::Live { since: 3 });
        assert!(broadcast.interrupt(at(8)) && broadcast.end(at(9)));
        assert_eq!(broadcast.state(), StreamState::Ended { since: 9 });
        assert!(matches!(broadcast.error(), Some(StreamError::Ended)));
        assert!(!broadcast.resume(at(10)) && broadcast.begin(at(10)));
        assert_eq!(broadcast.state(), StreamState::Live { since: 10 });
    }
}

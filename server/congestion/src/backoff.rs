//! A growing pause between answers to one viewer.

use std::time::{Duration, Instant};

/// A viewer that asks now and then is answered at once; for one that goes on asking, the pause between two answers doubles from 1 s to 16 s.
#[derive(Debug, Default)]
pub struct Backoff {
    /// The last request, answered or not.
    asked: Option<Instant>,
    answered: Option<Instant>,
    /// The shortest time from that answer to the next.
    pause: Duration,
}

const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(16);
/// After this long without a request a viewer is answered like one that has never asked.
pub(crate) const FORGIVEN: Duration = Duration::from_secs(30);

impl Backoff {
    /// Notes a request. True: it is the first for a while.
    pub fn on_request(&mut self, now: Instant) -> bool {
        let asked = self.asked.replace(now);
        let first = asked.is_none_or(|asked| now.saturating_duration_since(asked) >= FORGIVEN);
        if first {
            self.pause = Duration::ZERO;
        }
        first
    }

    /// Whether the pause is over.
    pub fn may_answer(&self, now: Instant) -> bool {
        let since = |answered| now.saturating_duration_since(answered);
        self.answered
            .is_none_or(|answered| since(answered) >= self.pause)
    }

    /// Notes an answer.
    pub fn on_answer(&mut self, now: Instant) {
        self.answered = Some(now);
        self.pause = (2 * self.pause).clamp(MIN_PAUSE, MAX_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_16_s_and_is_forgotten_after_30_s_without_a_request() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        let mut answers = |from: u64| {
            let seconds = from..from + 100;
            let answered = seconds.filter(|second| {
                let now = start + Duration::from_secs(*second);
                backoff.on_request(now);
                let answered = backoff.may_answer(now);
                if answered {
                    backoff.on_answer(now);
                }
                answered
            });
            answered.map(|second| second - from).collect::<Vec<_>>()
        };
        let expected = [0, 1, 3, 7, 15, 31, 47, 63, 79, 95];
        assert_eq!(answers(0), expected);
        assert_eq!(answers(130), expected);
    }
}

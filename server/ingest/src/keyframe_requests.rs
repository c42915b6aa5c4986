//! When to ask the sender for a keyframe (PLI).

use std::time::{Duration, Instant};

/// Between two requests. A keyframe is on its way for a round trip, and large.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Limits the requests of one track: the first at once, later ones [`INTERVAL`] apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyframeRequests {
    /// The next request; `None` while no keyframe is needed.
    due: Option<Instant>,
    newest: Option<Instant>,
}

impl KeyframeRequests {
    /// A keyframe is needed, or is not any more.
    pub fn set_wanted(&mut self, now: Instant, wanted: bool) {
        let earliest = self.newest.map_or(now, |newest| now.max(newest + INTERVAL));
        self.due = wanted.then(|| self.due.unwrap_or(earliest));
    }

    /// True when a request is to be sent now; it counts as sent.
    pub fn due(&mut self, now: Instant) -> bool {
        let is_due = self.due.is_some_and(|at| at <= now);
        if is_due {
            self.newest = Some(now);
            self.due = Some(now + INTERVAL);
        }
        is_due
    }

    /// When a request is due next.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_goes_at_once_and_others_a_second_apart() {
        let (mut requests, start) = (KeyframeRequests::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        assert!(!requests.due(start));
        requests.set_wanted(start, true);
        let mut due = |at| requests.due(after(at));
        let times = (0..3000).filter(|at| due(*at));
        assert_eq!(times.collect::<Vec<_>>(), [0, 1000, 2000]);
        requests.set_wanted(after(2400), false);
        assert_eq!(requests.next_timeout(), None);
        // A keyframe came; the next request waits nevertheless.
        requests.set_wanted(after(2500), true);
        assert_eq!(requests.next_timeout(), Some(after(3000)));
    }
}

//! When a log has grown: how long its source is silent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A source that has appended nothing for this long is interrupted.
const SILENCE: Duration = Duration::from_millis(1_500);
/// So many times the usual distance of units: some cameras send a picture every few seconds.
const DISTANCES: u32 = 4;

/// Whether a source appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nothing was ever appended.
    None,
    Appending,
    /// For so long nothing has been appended, which is unusual.
    Silent(Duration),
}

/// Written by the source, read by others without a lock.
#[derive(Debug)]
pub(super) struct AppendTimes {
    origin: Instant,
    /// The newest append, in microseconds after the origin and one; 0: none.
    newest: AtomicU64,
    /// The mean distance of appends, in microseconds.
    distance: AtomicU64,
}

impl AppendTimes {
    pub(super) fn new(origin: Instant) -> Self {
        Self {
            origin,
            newest: AtomicU64::new(0),
            distance: AtomicU64::new(0),
        }
    }

    pub(super) fn note(&self, now: Instant) {
        let at = self.micros(now) + 1;
        let before = self.newest.swap(at, Ordering::Relaxed);
        if before > 0 {
            let mean = self.distance.load(Ordering::Relaxed);
            let mean = (3 * mean + at.saturating_sub(before)) / 4;
            self.distance.store(mean, Ordering::Relaxed);
        }
    }

    pub(super) fn activity(&self, now: Instant) -> Activity {
        let Some(newest) = self.newest.load(Ordering::Relaxed).checked_sub(1) else {
            return Activity::None;
        };
        let silence = Duration::from_micros(self.micros(now).saturating_sub(newest));
        let usual = Duration::from_micros(self.distance.load(Ordering::Relaxed));
        match silence >= SILENCE.max(DISTANCES * usual) {
            true => Activity::Silent(silence),
            false => Activity::Appending,
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.origin).as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_source_is_silent_after_a_while_and_a_slow_one_later() {
        let start = Instant::now();
        let times = AppendTimes::new(start);
        assert_eq!(times.activity(start + 10_000 * MS), Activity::None);
        let note = |first: Instant, distance: u32, count: u32| {
            let appends = (0..count).map(|number| first + distance * number * MS);
            appends.inspect(|at| times.note(*at)).last().unwrap()
        };
        let last = note(start, 40, 100);
        let after = |last: Instant, ms: u32| times.activity(last + ms * MS);
        assert_eq!(after(last, 1_400), Activity::Appending);
        assert_eq!(after(last, 1_500), Activity::Silent(1_500 * MS));
        // An outage does not count for long.
        let last = note(last + 60_000 * MS, 40, 40);
        assert!(matches!(after(last, 1_600), Activity::Silent(_)));
        let last = note(last + 5_000 * MS, 5_000, 20);
        assert_eq!(after(last, 6_000), Activity::Appending);
        assert!(matches!(after(last, 25_000), Activity::Silent(_)));
    }
}

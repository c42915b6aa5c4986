//! A limit on how often one client does something. `now` is passed in.

use std::time::{Duration, Instant};

/// Admits `PER_SECOND` events a second, and bursts of twice as many (the virtual scheduling algorithm of ITU-T I.371).
#[derive(Debug)]
pub struct RateLimit<const PER_SECOND: u32> {
    /// When the events so far would have happened at that rate.
    scheduled: Instant,
}

const BURST: Duration = Duration::from_secs(2);

impl<const PER_SECOND: u32> RateLimit<PER_SECOND> {
    pub fn new(now: Instant) -> Self {
        Self { scheduled: now }
    }

    /// A new one would admit the same.
    pub fn is_unused(&self, now: Instant) -> bool {
        self.scheduled <= now
    }

    /// Whether this event is admitted.
    pub fn try_acquire(&mut self, now: Instant) -> bool {
        let next = self.scheduled.max(now) + Duration::from_secs(1) / PER_SECOND;
        let admitted = next.saturating_duration_since(now) <= BURST;
        if admitted {
            self.scheduled = next;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_admitted_at_the_rate_after_a_burst() {
        let start = Instant::now();
        let mut limit = RateLimit::<40>::new(start);
        let mut admitted = |now| (0..10_000).filter(|_| limit.try_acquire(now)).count();
        assert_eq!(admitted(start), 80);
        assert_eq!(admitted(start + Duration::from_millis(24)), 0);
        assert_eq!(admitted(start + Duration::from_secs(1)), 40);
        assert_eq!(admitted(start + Duration::from_secs(60)), 80);
    }

    #[test]
    fn events_at_the_rate_are_always_admitted() {
        let start = Instant::now();
        let mut limit = RateLimit::<40>::new(start);
        let times = (0..10_000).map(|event| start + event * Duration::from_millis(25));
        assert!(times.into_iter().all(|now| limit.try_acquire(now)));
    }
}

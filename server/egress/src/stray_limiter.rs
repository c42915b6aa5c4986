//! How often a stray datagram may cost more than a look-up.

use std::time::{Duration, Instant};

/// Whoever sends nonsense can have nothing else done but this: so many tries a second, over all of a shard.
#[derive(Debug)]
pub(super) struct StrayLimiter {
    left: u32,
    since: Instant,
}

const A_SECOND: u32 = 40;

impl StrayLimiter {
    /// So many silent viewers are tried for one datagram; a try costs about a microsecond.
    pub(super) const VIEWERS: usize = 32;

    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: A_SECOND,
            since: now,
        }
    }

    /// True: this one may be tried.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_costs_no_more_than_so_many_tries_a_second() {
        let start = Instant::now();
        let mut strays = StrayLimiter::new(start);
        let tried =
            |strays: &mut StrayLimiter, now| (0..10_000).filter(|_| strays.take(now)).count();
        assert_eq!(tried(&mut strays, start), 40);
        assert_eq!(tried(&mut strays, start + Duration::from_millis(999)), 0);
        assert_eq!(tried(&mut strays, start + Duration::from_secs(1)), 40);
    }
}

//! Rate limit for datagrams from unknown addresses.

use std::time::{Duration, Instant};

/// Limits how many stray datagrams a second a shard tries with the keys of its silent viewers: each try costs a decryption, and any host can send
/// such datagrams.
#[derive(Debug)]
pub(super) struct StrayLimiter {
    left: u32,
    since: Instant,
}

const PER_SECOND: u32 = 40;

impl StrayLimiter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: PER_SECOND,
            since: now,
        }
    }

    /// True: this datagram may be tried.
    pub(super) fn try_acquire(&mut self, now: Instant) -> bool {
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
    fn a_flood_is_tried_40_times_a_second() {
        let start = Instant::now();
        let mut limiter = StrayLimiter::new(start);
        let tried = |limiter: &mut StrayLimiter, now| {
            (0..10_000).filter(|_| limiter.try_acquire(now)).count()
        };
        assert_eq!(tried(&mut limiter, start), 40);
        assert_eq!(tried(&mut limiter, start + Duration::from_millis(999)), 0);
        assert_eq!(tried(&mut limiter, start + Duration::from_secs(1)), 40);
    }
}

//! Rate limits by the generic cell rate algorithm (ITU-T I.371, annex A), in one atomic number. Pure.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Admits events up to a rate, with bursts. Times are since any fixed moment.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    /// The theoretical arrival time, in nanoseconds.
    arrival: AtomicU64,
}

impl RateLimiter {
    /// Admits an event that takes `cost` at the allowed rate. False: the limiter is more than `burst` ahead of `now`.
    pub(super) fn take(&self, now: Duration, cost: Duration, burst: Duration) -> bool {
        let [now, cost, burst] = [now, cost, burst].map(nanoseconds);
        let next = |arrival: u64| {
            let arrival = arrival.max(now).saturating_add(cost);
            (arrival - now <= burst).then_some(arrival)
        };
        self.arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }

    /// Counts an event that has happened. Returns the time until the limiter is not more than `burst` ahead.
    pub(super) fn add(&self, now: Duration, cost: Duration, burst: Duration) -> Duration {
        let [now, cost, burst] = [now, cost, burst].map(nanoseconds);
        let next = |arrival: u64| Some(arrival.max(now).saturating_add(cost));
        let before = self
            .arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .unwrap_or_else(|arrival| arrival);
        let ahead = before.max(now).saturating_add(cost) - now;
        Duration::from_nanos(ahead.saturating_sub(burst))
    }

    /// The next event passes, whatever it costs within a burst.
    pub(super) fn is_idle(&self, now: Duration) -> bool {
        self.arrival.load(Ordering::Relaxed) <= nanoseconds(now)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// An address gets 100 unauthenticated responses per second, 200 at once.
const RESPONSE_COST: Duration = Duration::from_millis(10);
const RESPONSE_BURST: Duration = Duration::from_secs(2);
const TABLE_SIZE: usize = 4096;

/// Rate limiters by source address, in a table of fixed size: several addresses may share one.
#[derive(Debug)]
pub(super) struct SourceLimiter {
    seed: RandomState,
    limiters: Box<[RateLimiter]>,
}

impl Default for SourceLimiter {
    fn default() -> Self {
        Self {
            seed: RandomState::new(),
            limiters: (0..TABLE_SIZE).map(|_| RateLimiter::default()).collect(),
        }
    }
}

impl SourceLimiter {
    /// Whether to respond to `source`, an address that may be forged, or one with its port that is not.
    pub(super) fn allows(&self, source: impl Hash, now: Duration) -> bool {
        let slot = self.seed.hash_one(source) as usize % TABLE_SIZE;
        self.limiters[slot].take(now, RESPONSE_COST, RESPONSE_BURST)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_rate_is_limited_and_bursts_pass() {
        let limiter = RateLimiter::default();
        let (cost, burst) = (Duration::from_millis(10), Duration::from_millis(50));
        let taken = |now| (0..100).filter(|_| limiter.take(now, cost, burst)).count();
        assert_eq!(taken(Duration::from_secs(1)), 5);
        assert_eq!(taken(Duration::from_millis(1020)), 2);
        assert_eq!(taken(Duration::from_secs(9)), 5);
    }

    #[test]
    fn a_flood_from_one_address_leaves_others_their_responses() {
        let limiter = SourceLimiter::default();
        let now = Duration::from_secs(1);
        let flood = IpAddr::from([203, 0, 113, 1]);
        let responses = (0..10_000).filter(|_| limiter.allows(flood, now)).count();
        assert_eq!(responses, 200);
        let others = (0..100u8).filter(|n| limiter.allows(IpAddr::from([198, 51, 100, *n]), now));
        assert!(others.count() > 90);
    }
}

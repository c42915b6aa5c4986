//! A rate that is kept, in one atomic number: the generic cell rate algorithm (ITU-T I.371, annex A).

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Says yes as long as what is taken stays below a rate, with bursts. Times are since any fixed moment.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Nanoseconds: when everything taken so far is paid for.
    paid: AtomicU64,
}

impl Meter {
    /// Takes something that costs `cost` of time at the rate allowed; `burst` may be owed.
    pub(super) fn take(&self, now: Duration, cost: Duration, burst: Duration) -> bool {
        let [now, cost, burst] = [now, cost, burst].map(nanoseconds);
        let next = |paid: u64| {
            let paid = paid.max(now).saturating_add(cost);
            (paid - now <= burst).then_some(paid)
        };
        self.paid
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How many answers a source address may provoke without proving anything.
const ANSWERS_EACH: Duration = Duration::from_millis(10);
const ANSWERS_BURST: Duration = Duration::from_secs(2);
const SLOTS: usize = 4096;

/// A meter for everybody who sends, in a table of fixed size: strangers may share one.
#[derive(Debug)]
pub(super) struct Throttle {
    seed: RandomState,
    slots: Box<[Meter]>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            seed: RandomState::new(),
            slots: (0..SLOTS).map(|_| Meter::default()).collect(),
        }
    }
}

impl Throttle {
    /// Whether `source` may be answered, who may be somebody else than it says.
    pub(super) fn allows(&self, source: IpAddr, now: Duration) -> bool {
        let slot = self.seed.hash_one(source) as usize % SLOTS;
        self.slots[slot].take(now, ANSWERS_EACH, ANSWERS_BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_and_bursts_pass() {
        let meter = Meter::default();
        let (cost, burst) = (Duration::from_millis(10), Duration::from_millis(50));
        let taken = |now| (0..100).filter(|_| meter.take(now, cost, burst)).count();
        assert_eq!(taken(Duration::from_secs(1)), 5);
        assert_eq!(taken(Duration::from_millis(1020)), 2);
        assert_eq!(taken(Duration::from_secs(9)), 5);
    }

    #[test]
    fn one_flood_leaves_others_their_answers() {
        let throttle = Throttle::default();
        let now = Duration::from_secs(1);
        let flood = IpAddr::from([203, 0, 113, 1]);
        let answers = (0..10_000).filter(|_| throttle.allows(flood, now)).count();
        assert_eq!(answers, 200);
        let others = (0..100u8).filter(|n| throttle.allows(IpAddr::from([198, 51, 100, *n]), now));
        assert!(others.count() > 90);
    }
}

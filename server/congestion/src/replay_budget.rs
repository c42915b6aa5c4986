//! How much video may be sent again to one viewer because it asks for keyframes.

use std::time::Instant;

use super::backoff::Backoff;

/// A token bucket that is filled by video sent for the first time, and a growing pause between two replays.
///
/// A keyframe request (PLI, FIR) is answered from the log by sending everything from the last keyframe on again, which may be megabytes for a datagram of
/// some 100 bytes. A viewer that asks now and then is answered at once. One that goes on asking gets replays of at most a quarter of what it is sent for
/// the first time.
#[derive(Debug)]
pub struct ReplayBudget {
    /// Negative after a replay that cost more than there was.
    bytes: i64,
    backoff: Backoff,
}

const SHARE: i64 = 4;
/// A small replay is allowed before the budget has grown.
const INITIAL: i64 = 48 << 10;
/// More is not saved: a quarter of 2.5 Mbit/s in half a minute.
const MAX: i64 = 2 << 20;
/// A viewer that has not asked for a while is answered at once up to this cost, whatever it owes: 13 s of 2.5 Mbit/s.
const FREE: i64 = 4 << 20;

impl ReplayBudget {
    pub fn new() -> Self {
        Self {
            bytes: INITIAL,
            backoff: Backoff::default(),
        }
    }

    /// Adds the share of video that was sent for the first time.
    pub fn earn(&mut self, bytes: usize) {
        self.add(i64::try_from(bytes).unwrap_or(i64::MAX) / SHARE);
    }

    /// Takes video that was sent again.
    pub fn spend(&mut self, bytes: usize) {
        self.add(-i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Whether a request of now is answered by a replay of about `cost` bytes.
    pub fn try_replay(&mut self, now: Instant, cost: usize) -> bool {
        let cost = i64::try_from(cost).unwrap_or(i64::MAX);
        let first = self.backoff.on_request(now);
        let affordable = self.bytes >= cost.min(MAX) || first && cost <= FREE;
        let replays = affordable && self.backoff.may_answer(now);
        if replays {
            self.backoff.on_answer(now);
        }
        replays
    }

    fn add(&mut self, bytes: i64) {
        self.bytes = self.bytes.saturating_add(bytes).min(MAX);
    }
}

impl Default for ReplayBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backoff::FORGIVEN;

    /// Bytes a second.
    const RATE: usize = 325_000;

    /// Plays a GOP of `gop` seconds again and again for this long, asks every `every` milliseconds, and returns the times of replays in milliseconds, and
    /// the bytes that they took.
    fn play(seconds: u64, gop: u64, every: u64) -> (Vec<u64>, usize) {
        let start = Instant::now();
        let mut budget = ReplayBudget::new();
        let (mut times, mut replayed) = (Vec::new(), 0);
        for millis in 1..=1000 * seconds {
            budget.earn(RATE / 1000);
            let cost = (millis % (1000 * gop)) as usize * RATE / 1000;
            if millis % every == 0 && budget.try_replay(start + Duration::from_millis(millis), cost)
            {
                budget.spend(cost);
                times.push(millis);
                replayed += cost;
            }
        }
        (times, replayed)
    }

    #[test]
    fn a_viewer_that_asks_now_and_then_is_answered_at_once() {
        let (times, _) = play(200, 10, 35_000);
        assert_eq!(times, [35_000, 70_000, 105_000, 140_000, 175_000]);
    }

    #[test]
    fn replays_for_a_viewer_that_goes_on_asking_are_a_quarter_of_the_video() {
        for (gop, every) in [
            (2, 1000),
            (10, 1000),
            (10, 100),
            (10, 7_000),
            (10_000, 1000),
        ] {
            let (times, replayed) = play(300, gop, every);
            let cost = |at: u64| (at % (1000 * gop)) as usize * RATE / 1000;
            // The first is free of charge, and the last may not be paid for yet.
            let owed = cost(times[times.len() - 1]).saturating_sub(MAX as usize);
            let most = cost(times[0]) + 300 * RATE / 4 + INITIAL as usize + owed;
            assert!(replayed <= most, "{gop} {every}: {replayed} {times:?}");
            assert!(times.len() >= 2, "{gop} {every}: {times:?}");
        }
    }

    #[test]
    fn a_costly_replay_is_paid_for_before_the_next_even_after_a_while() {
        let start = Instant::now();
        let mut budget = ReplayBudget::new();
        let (cost, sent) = (64 << 20, 10 << 20);
        assert!(!budget.try_replay(start, cost), "nothing is saved");
        budget.earn(sent);
        assert!(budget.try_replay(start + FORGIVEN, cost));
        budget.spend(cost);
        for minutes in 1..25 {
            budget.earn(sent);
            let now = start + minutes * Duration::from_secs(60);
            assert!(!budget.try_replay(now, cost), "{minutes}");
        }
        assert!(budget.try_replay(start + Duration::from_secs(3600), 4 << 20));
        budget.earn(sent);
        budget.earn(sent);
        budget.earn(sent);
        assert!(budget.try_replay(start + Duration::from_secs(7200), cost));
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut budget = ReplayBudget::new();
        for _ in 0..3 {
            budget.spend(usize::MAX);
        }
        budget.earn(usize::MAX);
        assert!(!budget.try_replay(Instant::now(), usize::MAX));
    }
}

//! When each viewer is polled next: a timer wheel.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use slotmap::{Key, SecondaryMap};

use congestion::pacer::TICK;

/// Slots of the wheel, one a tick. A deadline further ahead than one turn is clamped to one turn: the key becomes ready early, and its owner schedules it
/// again.
const SLOTS: usize = 512;

/// At most one deadline for each key. Deadlines are rounded up to the end of their tick, so keys with deadlines in one tick are polled together:
/// fewer wake-ups, larger batches. Setting, taking and cancelling a deadline cost the same for any number of keys.
#[derive(Debug)]
pub(super) struct TimerWheel<K: Key> {
    start: Instant,
    /// The newest tick whose keys have been moved to `ready`.
    done: u64,
    wheel: Vec<Vec<K>>,
    /// Empty slots with memory: few slots are in use at once.
    spare: Vec<Vec<K>>,
    /// The current tick of each key; other entries of the key on the wheel are outdated.
    ticks: SecondaryMap<K, u64>,
    /// Keys whose deadline has passed, in the order in which they are polled.
    ready: VecDeque<K>,
    /// Entries on the wheel, outdated ones included.
    entries: usize,
}

/// The tick of the keys in `ready`.
const READY: u64 = 0;

impl<K: Key> TimerWheel<K> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            start: now,
            done: READY + 1,
            wheel: vec![Vec::new(); SLOTS],
            spare: Vec::new(),
            ticks: SecondaryMap::new(),
            ready: VecDeque::new(),
            entries: 0,
        }
    }

    /// Makes `key` ready at the end of the tick that contains `at`, instead of at its earlier deadline.
    pub(super) fn schedule(&mut self, key: K, at: Instant) {
        let ahead = at.saturating_duration_since(self.start).as_nanos() / TICK.as_nanos();
        let tick = u64::try_from(ahead).unwrap_or(u64::MAX).saturating_add(2);
        let tick = tick.clamp(self.done + 1, self.done + SLOTS as u64 - 1);
        if self.tick_of(key) == Some(tick) {
            return;
        }
        self.ticks.insert(key, tick);
        let slot = &mut self.wheel[tick as usize % SLOTS];
        if slot.capacity() == 0 {
            *slot = self.spare.pop().unwrap_or_default();
        }
        slot.push(key);
        self.entries += 1;
    }

    /// Makes `key` ready now.
    pub(super) fn schedule_now(&mut self, key: K) {
        if self.tick_of(key) != Some(READY) {
            self.ticks.insert(key, READY);
            self.ready.push_back(key);
        }
    }

    pub(super) fn cancel(&mut self, key: K) {
        self.ticks.remove(key);
    }

    /// Makes the keys of every tick that has ended by `now` ready.
    pub(super) fn advance(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start).as_nanos() / TICK.as_nanos();
        let ended = u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(1);
        // After a long stop every slot is visited once.
        let from = (self.done + 1).max(ended.saturating_sub(SLOTS as u64 - 1));
        for tick in from..=ended {
            let mut slot = std::mem::take(&mut self.wheel[tick as usize % SLOTS]);
            self.entries -= slot.len();
            for key in slot.drain(..) {
                // `schedule` sets less than one turn ahead, so an entry that is current and not after this tick is due.
                if self
                    .tick_of(key)
                    .is_some_and(|due| due != READY && due <= tick)
                {
                    self.ticks.insert(key, READY);
                    self.ready.push_back(key);
                }
            }
            if slot.capacity() > 0 {
                self.spare.push(slot);
            }
        }
        self.done = self.done.max(ended);
    }

    /// Takes the next ready key.
    pub(super) fn pop(&mut self) -> Option<K> {
        loop {
            let key = self.ready.pop_front()?;
            if self.tick_of(key) == Some(READY) {
                self.ticks.remove(key);
                return Some(key);
            }
        }
    }

    /// The end of the next tick that has entries, in the past while a key is ready; `None` while there is no entry.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if !self.ready.is_empty() {
            return Some(self.start);
        }
        if self.entries == 0 {
            return None;
        }
        let next = (self.done + 1..self.done + SLOTS as u64)
            .find(|tick| !self.wheel[*tick as usize % SLOTS].is_empty())?;
        Some(self.start + Duration::from_millis(TICK.as_millis() as u64 * (next - 1)))
    }

    fn tick_of(&self, key: K) -> Option<u64> {
        self.ticks.get(key).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slotmap::{DefaultKey, SlotMap};

    use super::*;

    fn at(start: Instant, micros: u64) -> Instant {
        start + Duration::from_micros(micros)
    }

    fn keys<const N: usize>() -> [DefaultKey; N] {
        let mut map = SlotMap::new();
        std::array::from_fn(|_| map.insert(()))
    }

    #[test]
    fn deadlines_in_one_tick_are_ready_together_at_its_end() {
        let start = Instant::now();
        let mut timers = TimerWheel::new(start);
        let [first, second, third] = keys();
        timers.schedule(first, at(start, 10_100));
        timers.schedule(second, at(start, 11_900));
        timers.schedule(third, at(start, 12_000));
        assert_eq!(timers.next_deadline(), Some(at(start, 12_000)));
        timers.advance(at(start, 11_999));
        assert_eq!(timers.pop(), None);
        timers.advance(at(start, 12_000));
        assert_eq!(
            (timers.pop(), timers.pop(), timers.pop()),
            (Some(first), Some(second), None)
        );
        assert_eq!(timers.next_deadline(), Some(at(start, 16_000)));
    }

    #[test]
    fn only_the_last_deadline_of_a_key_counts() {
        let start = Instant::now();
        let mut timers = TimerWheel::new(start);
        let [key] = keys();
        timers.schedule(key, at(start, 10_000));
        timers.schedule(key, at(start, 50_000));
        timers.advance(at(start, 40_000));
        assert_eq!(timers.pop(), None);
        timers.schedule_now(key);
        timers.schedule_now(key);
        assert_eq!((timers.pop(), timers.pop()), (Some(key), None));
        timers.advance(at(start, 60_000));
        assert_eq!(timers.pop(), None, "schedule_now replaced the deadline");
        timers.schedule(key, at(start, 70_000));
        timers.cancel(key);
        timers.advance(at(start, 80_000));
        assert_eq!(timers.pop(), None);
    }

    #[test]
    fn a_key_of_a_reused_slot_does_not_get_the_deadline_of_the_key_before() {
        let start = Instant::now();
        let mut timers = TimerWheel::new(start);
        let mut map = SlotMap::new();
        let old: DefaultKey = map.insert(());
        timers.schedule(old, at(start, 10_000));
        timers.cancel(old);
        map.remove(old);
        let new = map.insert(());
        timers.schedule(new, at(start, 30_000));
        timers.advance(at(start, 20_000));
        assert_eq!(timers.pop(), None);
        timers.advance(at(start, 32_000));
        assert_eq!((timers.pop(), timers.pop()), (Some(new), None));
    }

    proptest! {
        /// No key is ready before its deadline, nor two ticks after it. Deadlines are less than one turn ahead.
        #[test]
        fn every_key_is_ready_in_time(
            steps in prop::collection::vec((0_usize..20, 0_u64..1_900_000, 0_u64..300_000), 1..200),
        ) {
            let start = Instant::now();
            let (mut timers, mut now) = (TimerWheel::new(start), 0);
            let keys = keys::<20>();
            let mut expected = [None::<u64>; 20];
            for (index, ahead, wait) in steps {
                timers.schedule(keys[index], at(start, now + ahead));
                expected[index] = Some(now + ahead);
                let until = now + wait;
                while now < until {
                    let next = timers.next_deadline().map_or(until, |next| (next - start).as_micros() as u64);
                    now = next.clamp(now, until).max(now + 1);
                    timers.advance(at(start, now));
                    while let Some(key) = timers.pop() {
                        let index = keys.iter().position(|other| *other == key);
                        let due = expected[index.expect("one of them")].take();
                        prop_assert!(due.is_some_and(|due| due <= now), "too early, or never set");
                    }
                    let tick = TICK.as_micros() as u64;
                    prop_assert!(expected.iter().flatten().all(|due| now < due + 2 * tick), "too late");
                }
            }
        }
    }
}

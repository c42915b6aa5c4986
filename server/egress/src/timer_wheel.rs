//! When whom is to be looked at: a wheel of ticks.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is due within one tick is done together at its end: fewer wake-ups, larger batches. It is also the most that a packet is late by plan.
const TICK: Duration = Duration::from_millis(4);
/// Places on the wheel; what is further ahead is looked at after one turn, and set again.
const SPOKES: usize = 512;

/// For each place (a small number) at most one time at which it is to be looked at. Setting, taking and forgetting cost the same for any number of places.
#[derive(Debug)]
pub(super) struct TimerWheel {
    began: Instant,
    /// The tick that is done: all of it and of those before has been taken over into `ready`.
    done: u64,
    wheel: Vec<Vec<usize>>,
    /// For each place the tick that counts; other entries of it on the wheel are out of date.
    valid: Vec<Option<u64>>,
    /// Places whose time has come.
    ready: VecDeque<usize>,
    /// How many entries are on the wheel.
    set: usize,
}

/// The tick of what is ready: no other counts until it is set again.
const READY: u64 = 0;

impl TimerWheel {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            done: READY + 1,
            wheel: vec![Vec::new(); SPOKES],
            valid: Vec::new(),
            ready: VecDeque::new(),
            set: 0,
        }
    }

    /// `place` is looked at at the end of the tick that `at` is in; no other time of it counts any more.
    pub(super) fn set(&mut self, place: usize, at: Instant) {
        let ahead = at.saturating_duration_since(self.began).as_nanos() / TICK.as_nanos();
        let tick = u64::try_from(ahead).unwrap_or(u64::MAX).saturating_add(2);
        let tick = tick.clamp(self.done + 1, self.done + SPOKES as u64 - 1);
        if self.valid(place) == Some(tick) {
            return;
        }
        *self.slot(place) = Some(tick);
        self.wheel[tick as usize % SPOKES].push(place);
        self.set += 1;
    }

    /// `place` is looked at at once.
    pub(super) fn soon(&mut self, place: usize) {
        if self.valid(place) != Some(READY) {
            *self.slot(place) = Some(READY);
            self.ready.push_back(place);
        }
    }

    /// What [`TimerWheel::pop`] has just given is given again, first of all.
    pub(super) fn again(&mut self, place: usize) {
        *self.slot(place) = Some(READY);
        self.ready.push_front(place);
    }

    pub(super) fn forget(&mut self, place: usize) {
        *self.slot(place) = None;
    }

    /// Takes over every tick that has ended by `now`.
    pub(super) fn turn(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.began).as_nanos() / TICK.as_nanos();
        let ended = u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(1);
        // After a long stop every spoke is visited once.
        let from = (self.done + 1).max(ended.saturating_sub(SPOKES as u64 - 1));
        for tick in from..=ended {
            let mut spoke = std::mem::take(&mut self.wheel[tick as usize % SPOKES]);
            self.set -= spoke.len();
            for place in spoke.drain(..) {
                // `set` keeps to less than one turn ahead, so what is valid and not after this tick is due.
                if self
                    .valid(place)
                    .is_some_and(|valid| valid != READY && valid <= tick)
                {
                    self.valid[place] = Some(READY);
                    self.ready.push_back(place);
                }
            }
            // Its memory is for the next turn.
            self.wheel[tick as usize % SPOKES] = spoke;
        }
        self.done = self.done.max(ended);
    }

    /// The next place whose time has come.
    pub(super) fn pop(&mut self) -> Option<usize> {
        loop {
            let place = self.ready.pop_front()?;
            if self.valid(place) == Some(READY) {
                self.valid[place] = None;
                return Some(place);
            }
        }
    }

    /// When the next tick with something in it ends; `None` when there is nothing to wait for.
    pub(super) fn next(&self) -> Option<Instant> {
        if !self.ready.is_empty() {
            return Some(self.began);
        }
        if self.set == 0 {
            return None;
        }
        let next = (self.done + 1..self.done + SPOKES as u64)
            .find(|tick| !self.wheel[*tick as usize % SPOKES].is_empty())?;
        Some(self.began + Duration::from_millis(TICK.as_millis() as u64 * (next - 1)))
    }

    fn valid(&self, place: usize) -> Option<u64> {
        self.valid.get(place).copied().flatten()
    }

    fn slot(&mut self, place: usize) -> &mut Option<u64> {
        if place >= self.valid.len() {
            self.valid.resize(place + 1, None);
        }
        &mut self.valid[place]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(began: Instant, micros: u64) -> Instant {
        began + Duration::from_micros(micros)
    }

    #[test]
    fn what_is_due_in_one_tick_is_done_together_at_its_end() {
        let began = Instant::now();
        let mut ticks = TimerWheel::new(began);
        ticks.set(0, at(began, 10_100));
        ticks.set(1, at(began, 11_900));
        ticks.set(2, at(began, 12_000));
        assert_eq!(ticks.next(), Some(at(began, 12_000)));
        ticks.turn(at(began, 11_999));
        assert_eq!(ticks.pop(), None);
        ticks.turn(at(began, 12_000));
        assert_eq!(
            (ticks.pop(), ticks.pop(), ticks.pop()),
            (Some(0), Some(1), None)
        );
        assert_eq!(ticks.next(), Some(at(began, 16_000)));
    }

    #[test]
    fn only_the_last_time_counts() {
        let began = Instant::now();
        let mut ticks = TimerWheel::new(began);
        ticks.set(7, at(began, 10_000));
        ticks.set(7, at(began, 50_000));
        ticks.turn(at(began, 40_000));
        assert_eq!(ticks.pop(), None);
        ticks.soon(7);
        ticks.soon(7);
        assert_eq!((ticks.pop(), ticks.pop()), (Some(7), None));
        ticks.turn(at(began, 60_000));
        assert_eq!(ticks.pop(), None, "soon took the place of the other time");
        ticks.set(7, at(began, 70_000));
        ticks.forget(7);
        ticks.turn(at(began, 80_000));
        assert_eq!(ticks.pop(), None);
    }

    proptest! {
        /// Nobody is looked at before the time, nor later than a tick after it, save for what is further ahead than a turn.
        #[test]
        fn everybody_is_looked_at_in_time(
            steps in prop::collection::vec((0_usize..20, 0_u64..1_900_000, 0_u64..300_000), 1..200),
        ) {
            let began = Instant::now();
            let (mut ticks, mut now) = (TimerWheel::new(began), 0);
            let mut expected = [None::<u64>; 20];
            for (place, ahead, wait) in steps {
                ticks.set(place, at(began, now + ahead));
                expected[place] = Some(now + ahead);
                let until = now + wait;
                while now < until {
                    let next = ticks.next().map_or(until, |next| (next - began).as_micros() as u64);
                    now = next.clamp(now, until).max(now + 1);
                    ticks.turn(at(began, now));
                    while let Some(place) = ticks.pop() {
                        let due = expected[place].take();
                        prop_assert!(due.is_some_and(|due| due <= now), "too early, or never set");
                    }
                    let tick = TICK.as_micros() as u64;
                    prop_assert!(expected.iter().flatten().all(|due| now < due + 2 * tick), "too late");
                }
            }
        }
    }
}

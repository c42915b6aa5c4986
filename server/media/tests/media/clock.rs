//! A clock for tests.

use std::cell::Cell;
use std::time::{Duration, Instant};

use media::control::Control;
use media::source::Clock;

/// Skips ahead instead of sleeping, and stops the source after some time of its own.
pub(crate) struct TestClock<'a> {
    control: &'a Control,
    now: Cell<Instant>,
    /// How long a reading of the clock takes: on a slow machine every step of work does.
    step: Duration,
    end: Instant,
    sleeps: Cell<u32>,
}

impl<'a> TestClock<'a> {
    /// Every reading of the clock takes `step`; after `length` `control` requests a stop.
    pub(crate) fn new(control: &'a Control, step: Duration, length: Duration) -> Self {
        let start = Instant::now();
        Self {
            control,
            now: Cell::new(start),
            step,
            end: start + length,
            sleeps: Cell::new(0),
        }
    }

    /// The time, without letting any pass.
    pub(crate) fn peek(&self) -> Instant {
        self.now.get()
    }

    /// How often the source has slept.
    pub(crate) fn sleeps(&self) -> u32 {
        self.sleeps.get()
    }

    fn set(&self, now: Instant) {
        self.now.set(now);
        if now > self.end {
            self.control.stop();
        }
    }
}

impl Clock for TestClock<'_> {
    fn now(&self) -> Instant {
        self.set(self.now.get() + self.step);
        self.now.get()
    }

    fn sleep(&self, _: &Control, until: Instant) {
        self.sleeps.set(self.sleeps.get() + 1);
        self.set(self.now.get().max(until));
    }
}

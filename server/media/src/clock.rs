//! The wall clock of a running source, replaceable in tests.

use std::time::Instant;

use super::control::Control;

/// Reads the time and sleeps. Tests pass a clock that does not wait.
pub trait Clock {
    fn now(&self) -> Instant;
    /// Sleeps until `until`, or until the requests in `control` change.
    fn sleep(&self, control: &Control, until: Instant);
}

/// The system's monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, control: &Control, until: Instant) {
        control.sleep_until(until);
    }
}

//! Detects that the machine has slept, from the clocks at ticks: browsers have no event for it.

/// A tick that is later than this by the clock on the wall.
const LATE_MS: u64 = 10_000;

/// Times are in milliseconds: `wall` since 1970, `mono` of the monotonic clock, which stands still during sleep on some systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepDetector {
    wall: u64,
    mono: u64,
}

impl SleepDetector {
    pub const fn new(wall: u64, mono: u64) -> Self {
        Self { wall, mono }
    }

    /// Call every few seconds. True: the machine has slept since the last call. `visible`: the page was visible all the time, so that
    /// its timers were not delayed by the browser.
    pub fn on_tick(&mut self, wall: u64, mono: u64, visible: bool) -> bool {
        let passed = wall.saturating_sub(self.wall);
        let awake = mono.saturating_sub(self.mono);
        (self.wall, self.mono) = (wall, mono);
        passed.saturating_sub(awake) > LATE_MS || (visible && awake > LATE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clocks after these milliseconds awake, asleep and awake, from another tick on.
    fn slept(asleep: u64, counts_sleep: bool, visible: bool) -> bool {
        let mut detector = SleepDetector::new(1_700_000_000_000, 500);
        let mono = 500 + 5_000 + if counts_sleep { asleep } else { 0 };
        detector.on_tick(1_700_000_005_000 + asleep, mono, visible)
    }

    #[test]
    fn sleep_is_detected_whether_the_monotonic_clock_counts_it_or_not() {
        assert!(slept(600_000, false, true));
        assert!(slept(600_000, true, true));
        assert!(slept(600_000, false, false));
    }

    #[test]
    fn delayed_timers_of_a_hidden_page_are_no_sleep() {
        assert!(!slept(60_000, true, false));
    }

    #[test]
    fn ticks_in_time_and_a_clock_that_is_set_back_are_no_sleep() {
        assert!(!slept(0, false, true));
        assert!(!slept(1_000, false, true));
        let mut detector = SleepDetector::new(1_700_000_000_000, 500);
        assert!(!detector.on_tick(1_600_000_000_000, 5_500, true));
        assert!(!detector.on_tick(1_600_000_005_000, 10_500, true));
    }

    #[test]
    fn a_sleep_is_reported_once() {
        let mut detector = SleepDetector::new(0, 0);
        assert!(detector.on_tick(600_000, 5_000, true));
        assert!(!detector.on_tick(605_000, 10_000, true));
    }
}

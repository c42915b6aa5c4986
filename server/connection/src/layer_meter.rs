//! Pictures and bits of one layer in a second. Pure.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(super) struct LayerMeter {
    began: Instant,
    units: u32,
    bytes: u64,
    /// Of the window before.
    rates: (u32, u64),
}

impl LayerMeter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            units: 0,
            bytes: 0,
            rates: (0, 0),
        }
    }

    pub(super) fn add(&mut self, now: Instant, bytes: usize) {
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed >= WINDOW {
            let millis = elapsed.as_millis() as u64;
            let per_second = |count: u64| (count * 1_000 + millis / 2) / millis;
            let fps = per_second(u64::from(self.units));
            *self = Self {
                rates: (fps as u32, per_second(8 * self.bytes)),
                ..Self::new(now)
            };
        }
        self.units += 1;
        self.bytes += bytes as u64;
    }

    /// Pictures and bits per second; nothing once none has come for two seconds.
    pub(super) fn rates(&self, now: Instant) -> (u32, u64) {
        match now.saturating_duration_since(self.began) < 3 * WINDOW {
            true => self.rates,
            false => (0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_second_and_end_with_the_pictures() {
        let start = Instant::now();
        let at = |ms: u32| start + ms * Duration::from_millis(1);
        let mut meter = LayerMeter::new(start);
        for picture in 0..=25 {
            meter.add(at(40 * picture), 1_000);
        }
        assert_eq!(meter.rates(at(1_000)), (25, 200_000));
        for picture in 26..=50 {
            meter.add(at(40 * picture), 500);
        }
        // The last picture of the second before counts with this one.
        assert_eq!(meter.rates(at(2_100)), (25, 104_000));
        assert_eq!(meter.rates(at(4_999)), (25, 104_000));
        assert_eq!(meter.rates(at(5_000)), (0, 0));
    }
}

//! How much more is sent than the renditions of the viewers have: retransmissions, replays from a keyframe, bursts at a join. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time over which it is measured.
const WINDOW: Duration = Duration::from_secs(10);
/// Nothing is known before: one keyframe must not count as a rate.
const SHORTEST: Duration = Duration::from_secs(5);

/// Compares what is sent with what is reserved.
#[derive(Debug, Default)]
pub(super) struct EgressMeter {
    /// Oldest first.
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    /// Bits since the start of the server.
    sent: u64,
    /// The rates of all viewers, in bits per second.
    reserved: u64,
}

impl EgressMeter {
    /// Adds a sample: what has been sent since the start, in bits, and what is reserved now, in bits per second.
    pub(super) fn sample(&mut self, at: Instant, sent: u64, reserved: u64) {
        if reserved == 0 {
            self.samples.clear();
            return;
        }
        self.samples.push_back(Sample { at, sent, reserved });
        while self
            .samples
            .get(1)
            .is_some_and(|second| second.at + WINDOW <= at)
        {
            self.samples.pop_front();
        }
    }

    /// A reserved rate, raised by as much as more was sent than was reserved.
    pub(super) fn scaled(&self, rate: u64) -> u64 {
        let Some((sent, reserved)) = self.measured().filter(|(sent, reserved)| sent > reserved)
        else {
            return rate;
        };
        let scaled = u128::from(rate).saturating_mul(sent) / reserved.max(1);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// The bits that were sent in the window, and those that were reserved.
    fn measured(&self) -> Option<(u128, u128)> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        if last.at.saturating_duration_since(first.at) < SHORTEST {
            return None;
        }
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        let reserved = pairs.map(|(before, after)| {
            let span = after.at.saturating_duration_since(before.at);
            // A viewer that came or left in between has been sent something.
            u128::from(before.reserved.max(after.reserved)).saturating_mul(span.as_millis())
        });
        let reserved = reserved.fold(0, u128::saturating_add) / 1000;
        Some((last.sent.saturating_sub(first.sent).into(), reserved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 2_000_000;

    /// A meter after so many seconds, in each of which `sent` bits were sent while `reserved` were reserved.
    fn metered(seconds: impl IntoIterator<Item = (u64, u64)>) -> EgressMeter {
        let (start, mut meter, mut total) = (Instant::now(), EgressMeter::default(), 0);
        for (second, (sent, reserved)) in (0..).zip(seconds) {
            total += sent;
            meter.sample(start + Duration::from_secs(second), total, reserved);
        }
        meter
    }

    #[test]
    fn what_is_sent_again_raises_the_rate_of_every_viewer() {
        let meter = metered([(3_000_000, RATE); 20]);
        assert_eq!(meter.scaled(RATE), 3_000_000);
        assert_eq!(meter.scaled(2 * RATE), 6_000_000);
    }

    #[test]
    fn a_viewer_that_is_sent_less_counts_with_the_rate_of_its_stream() {
        let meter = metered([(100_000, RATE); 20]);
        assert_eq!(meter.scaled(RATE), RATE);
    }

    #[test]
    fn a_burst_at_the_beginning_is_no_rate() {
        let meter = metered([(9_000_000, RATE), (9_000_000, RATE), (RATE, RATE)]);
        assert_eq!(meter.scaled(RATE), RATE);
    }

    #[test]
    fn viewers_that_come_and_leave_are_no_overhead() {
        let some = [(2 * RATE, 2 * RATE); 8];
        let fewer = [(RATE, RATE); 3];
        let meter = metered(some.into_iter().chain(fewer));
        assert_eq!(meter.scaled(RATE), RATE);
        let meter = metered(some.into_iter().chain([(RATE / 2, 0)]));
        assert_eq!(meter.scaled(RATE), RATE, "nobody is left");
    }

    #[test]
    fn old_overhead_is_forgotten() {
        let lossy = [(3 * RATE, RATE); 20];
        let clean = [(RATE, RATE); 11];
        let meter = metered(lossy.into_iter().chain(clean));
        assert_eq!(meter.scaled(RATE), RATE);
    }
}

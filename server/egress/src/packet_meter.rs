//! Rate limit for the datagrams of one viewer.

use std::time::{Duration, Instant};

/// Lets `PER_SECOND` packets a second pass, and bursts of twice as many (the virtual scheduling algorithm of ITU-T I.371).
#[derive(Debug)]
pub(super) struct PacketMeter<const PER_SECOND: u32> {
    /// When the packets so far would have arrived at that rate.
    scheduled: Instant,
}

const BURST: Duration = Duration::from_secs(2);

impl<const PER_SECOND: u32> PacketMeter<PER_SECOND> {
    pub(super) fn new(now: Instant) -> Self {
        Self { scheduled: now }
    }

    /// True: this packet may pass.
    pub(super) fn try_acquire(&mut self, now: Instant) -> bool {
        let next = self.scheduled.max(now) + Duration::from_secs(1) / PER_SECOND;
        let passes = next.saturating_duration_since(now) <= BURST;
        if passes {
            self.scheduled = next;
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_passes_at_the_rate_after_a_burst() {
        let start = Instant::now();
        let mut meter = PacketMeter::<40>::new(start);
        let mut passed = |now| (0..10_000).filter(|_| meter.try_acquire(now)).count();
        assert_eq!(passed(start), 80);
        assert_eq!(passed(start + Duration::from_millis(24)), 0);
        assert_eq!(passed(start + Duration::from_secs(1)), 40);
        assert_eq!(passed(start + Duration::from_secs(60)), 80);
    }

    #[test]
    fn packets_at_the_rate_always_pass() {
        let start = Instant::now();
        let mut meter = PacketMeter::<40>::new(start);
        let times = (0..10_000).map(|packet| start + packet * Duration::from_millis(25));
        assert!(times.into_iter().all(|now| meter.try_acquire(now)));
    }
}

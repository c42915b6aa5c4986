//! A publisher's RTP clock that is faster or slower than ours.

use std::collections::VecDeque;
use std::time::Instant;

use ingest::connection_receiver::LineUnit;

/// In microseconds: the newest of these are compared.
const KEPT: i64 = 60_000_000;
/// What encoders send first does not come evenly.
const START: i64 = 3_000_000;
/// The time that is compared has so many parts, which are not shorter.
const PARTS: usize = 4;
const SHORTEST: i64 = 2_000_000;
/// Microseconds that the clock moves in each part, at least.
const LARGE: i64 = 25_000;

/// Of one m-line. The network only makes packets later, so in each second the unit that came soonest tells where the clock of the publisher stands. Where it
/// moves away steadily, it is not the network: a queue fills and is full.
#[derive(Debug)]
pub(super) struct ClockDrift {
    start: Instant,
    ssrc: Option<u32>,
    /// When its first unit came, in microseconds.
    began: i64,
    /// Of each second, the newest last: when it began, and the least difference between arrival and RTP time.
    seconds: VecDeque<(i64, i64)>,
}

impl ClockDrift {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            start: now,
            ssrc: None,
            began: 0,
            seconds: VecDeque::new(),
        }
    }

    pub(super) fn on_unit(&mut self, received: &LineUnit) {
        let unit = &received.unit;
        let now = unit
            .arrived
            .saturating_duration_since(self.start)
            .as_micros() as i64;
        if self.ssrc.replace(received.ssrc) != Some(received.ssrc) {
            self.began = now;
            self.seconds.clear();
        }
        if now < self.began + START {
            return;
        }
        let rtp = i128::from(unit.rtp_time) * 1_000_000 / i128::from(unit.codec.clock_rate());
        let difference = now.saturating_sub(rtp as i64);
        match self.seconds.back_mut() {
            Some((began, least)) if now < *began + 1_000_000 => *least = difference.min(*least),
            _ => self.seconds.push_back((now, difference)),
        }
        while self
            .seconds
            .front()
            .is_some_and(|(began, _)| began + KEPT < now)
        {
            self.seconds.pop_front();
        }
    }

    pub(super) fn is_large(&self) -> bool {
        // The newest second is not over.
        let Some(end) = self.seconds.len().checked_sub(2) else {
            return false;
        };
        let (first, last) = (self.seconds[0], self.seconds[end]);
        let part = (last.0 - first.0) / PARTS as i64;
        if part < SHORTEST {
            return false;
        }
        let ends: [i64; PARTS + 1] = std::array::from_fn(|count| {
            let time = first.0 + count as i64 * part;
            let index = self.seconds.partition_point(|(began, _)| *began < time);
            self.seconds[index.min(end)].1
        });
        let moved = ends.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        let (least, most) = moved.fold((i64::MAX, i64::MIN), |(least, most), moved| {
            (least.min(moved), most.max(moved))
        });
        // All in one direction, and about as far.
        let (near, far) = match least > 0 {
            true => (least, most),
            false => (most.saturating_neg(), least.saturating_neg()),
        };
        near >= LARGE && near >= far / 2
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use ingest::unit::ReceivedUnit;
    use shared::api::Codec;

    use super::*;

    struct Sender {
        start: Instant,
        drift: ClockDrift,
        /// When a unit that is taken now comes, in milliseconds after it was taken; and how fast its clock is.
        delay: fn(u64) -> u64,
        ppm: i64,
    }

    impl Sender {
        fn new(ppm: i64, delay: fn(u64) -> u64) -> Self {
            let start = Instant::now();
            Self {
                start,
                drift: ClockDrift::new(start),
                delay,
                ppm,
            }
        }

        /// Sends until this second; returns in which seconds before it the drift was large.
        fn run(mut self, seconds: u64) -> Vec<u64> {
            let mut large = Vec::new();
            for picture in 0..25 * seconds {
                let taken = 40 * picture;
                let rtp_time = 90 * (taken as i64 * (1_000_000 + self.ppm) / 1_000_000);
                let arrived = self.start + Duration::from_millis(taken + (self.delay)(taken));
                self.drift.on_unit(&unit(1, rtp_time, arrived));
                if picture % 25 == 0 && self.drift.is_large() {
                    large.push(picture / 25);
                }
            }
            large
        }
    }

    fn unit(ssrc: u32, rtp_time: i64, arrived: Instant) -> LineUnit {
        LineUnit {
            line: 0,
            ssrc,
            time: arrived,
            unit: ReceivedUnit {
                codec: Codec::H264,
                rtp_time,
                arrived,
                keyframe: true,
                data: Bytes::new(),
                sps: None,
            },
        }
    }

    const NEVER: [u64; 0] = [];

    /// Up to 60 ms late.
    fn jitter(taken: u64) -> u64 {
        taken.wrapping_mul(0x9e37_79b9) >> 7 & 0x3f
    }

    #[test]
    fn a_clock_that_is_two_percent_wrong_is_found_soon_and_stays_found() {
        for ppm in [-20_000, 20_000] {
            let large = Sender::new(ppm, jitter).run(120);
            assert!(large[0] <= 15, "{large:?}");
            assert_eq!(large, (large[0]..120).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_clock_that_is_three_thousandths_wrong_is_found_within_a_minute() {
        for ppm in [-3_000, 3_000] {
            let large = Sender::new(ppm, jitter).run(120);
            assert!(large[0] <= 60 && large.len() >= 50, "{large:?}");
        }
    }

    #[test]
    fn clocks_of_sound_cards_and_jitter_are_not_found() {
        for ppm in [-300, 0, 300] {
            assert_eq!(Sender::new(ppm, jitter).run(200), NEVER);
        }
    }

    #[test]
    fn queues_that_fill_and_paths_that_change_are_not_found() {
        // A second of queue, within four; one that fills and empties; a longer path; encoders that begin late.
        let delays: [fn(u64) -> u64; 4] = [
            |taken| taken.saturating_sub(20_000).min(4_000) / 4,
            |taken| taken % 8_000 / 20,
            |taken| if taken > 30_000 { 250 } else { 20 },
            |taken| 800_u64.saturating_sub(taken / 3),
        ];
        for (index, delay) in delays.into_iter().enumerate() {
            assert_eq!(Sender::new(0, delay).run(120), NEVER, "{index}");
        }
    }

    #[test]
    fn times_of_any_kind_are_bounded_and_another_ssrc_begins_anew() {
        let start = Instant::now();
        let mut drift = ClockDrift::new(start);
        for count in 0..100_000_i64 {
            let rtp_time = [i64::MAX, i64::MIN, count, -count][count as usize % 4];
            let arrived = start + Duration::from_millis(10 * count.unsigned_abs());
            drift.on_unit(&unit(1, rtp_time, arrived));
            drift.is_large();
        }
        assert!(drift.seconds.len() <= 62);
        drift.on_unit(&unit(2, 0, start));
        assert!(drift.seconds.is_empty() && !drift.is_large());
    }
}

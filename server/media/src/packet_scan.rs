//! Facts about a video track that follow from the times, sizes and keyframes of its packets. Pure.

use serde::{Deserialize, Serialize};

/// In microseconds. With longer GOPs, a viewer that joins would start too far behind live.
pub const MAX_GOP: i64 = 20_000_000;
/// The largest GOP that the log keeps, in bytes.
pub const MAX_GOP_BYTES: u64 = 32 << 20;
/// A gap between frames is irregular above this, in microseconds, and above four median gaps. Browsers count a freeze at
/// three average gaps, or 150 ms above the average; the jitter of a phone's camera is far below either.
const IRREGULAR_GAP: i64 = 250_000;

/// Facts from a video track's packets, or from its container's index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PacketFacts {
    /// Decoding order differs from presentation order.
    pub reordered: bool,
    /// Timestamps are missing, or frames are to be decoded but not displayed.
    pub bad_timestamps: bool,
    /// The track has exactly one frame.
    pub still: bool,
    /// The track has frames, but no keyframe.
    pub no_keyframe: bool,
    /// The longest time from keyframe to keyframe (or to the end of the track), in microseconds.
    pub longest_gop: i64,
    /// The same in bytes.
    pub largest_gop: u64,
    /// The median time between frames, in microseconds; zero when unknown.
    pub median_gap: i64,
    /// More than 1 % of the times between frames are irregular.
    pub irregular: bool,
    /// Frames per second while frames come regularly, measured from presentation times. `None` when unknown.
    pub measured_rate: Option<f64>,
}

impl PacketFacts {
    /// GOPs are longer or larger than the log keeps, or there are no keyframes.
    pub fn has_sparse_keyframes(&self) -> bool {
        self.no_keyframe || self.longest_gop > MAX_GOP || self.largest_gop > MAX_GOP_BYTES
    }

    /// The frame rate, given those that the container names. A container without one makes FFmpeg report its time
    /// base or a guess, so a rate counts only when the packets agree with it; else the measured one does. The average
    /// of an irregular track may be lower than the rate measured between its gaps.
    pub fn frame_rate(&self, named: impl IntoIterator<Item = f64>) -> Option<f64> {
        let measured = self.measured_rate?;
        named
            .into_iter()
            .find(|named| {
                let ratio = named / measured;
                ratio <= 1.1 && (self.irregular || ratio >= 0.9)
            })
            .or((!self.irregular).then_some(measured))
    }
}

/// Collects [`PacketFacts`] from packets in decoding order.
#[derive(Clone, Debug, Default)]
pub struct PacketScan {
    facts: PacketFacts,
    frames: u64,
    keyframes: u64,
    /// The latest presentation time, in microseconds.
    newest: Option<i64>,
    gop_start: Option<i64>,
    gop_bytes: u64,
    gaps: Vec<i64>,
    times: Vec<i64>,
}

/// Enough for the median gap and the frame rate.
const MAX_GAPS: usize = 4096;

impl PacketScan {
    /// Adds a frame with the presentation time `time`, in microseconds.
    pub fn frame(&mut self, time: i64, keyframe: bool, bytes: u64) {
        self.frames += 1;
        if self.times.len() < MAX_GAPS {
            self.times.push(time);
        }
        if let Some(newest) = self.newest {
            if time < newest {
                self.facts.reordered = true;
            } else if self.gaps.len() < MAX_GAPS {
                self.gaps.push(time.saturating_sub(newest));
            }
        }
        if keyframe {
            self.keyframes += 1;
            self.gop_start = Some(time);
            self.gop_bytes = 0;
        }
        self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        self.gop_bytes = self.gop_bytes.saturating_add(bytes);
        if let Some(start) = self.gop_start {
            self.facts.longest_gop = self.facts.longest_gop.max(time.saturating_sub(start));
            self.facts.largest_gop = self.facts.largest_gop.max(self.gop_bytes);
        }
    }

    /// The timestamps of the track cannot be relied on.
    pub fn mark_bad_timestamps(&mut self) {
        self.facts.bad_timestamps = true;
    }

    pub fn frames(&self) -> u64 {
        self.frames
    }

    pub fn keyframes(&self) -> u64 {
        self.keyframes
    }

    /// `complete`: the track has no frames beyond those scanned.
    pub fn finish(mut self, complete: bool) -> PacketFacts {
        self.facts.still = complete && self.frames == 1;
        self.facts.no_keyframe = self.frames > 0 && self.keyframes == 0;
        self.gaps.sort_unstable();
        let median = self.gaps.get(self.gaps.len() / 2).copied().unwrap_or(0);
        let limit = IRREGULAR_GAP.max(median.saturating_mul(4));
        let irregular = self
            .gaps
            .iter()
            .rev()
            .take_while(|gap| **gap > limit)
            .count();
        self.facts.median_gap = median;
        self.facts.irregular = irregular * 100 > self.gaps.len();
        self.facts.measured_rate = measured_rate(self.times);
        self.facts
    }
}

/// From the average of the gaps near the median: many containers round times to milliseconds, and a gap is no rate.
fn measured_rate(mut times: Vec<i64>) -> Option<f64> {
    times.sort_unstable();
    let mut gaps: Vec<i64> = times
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .filter(|gap| *gap > 0)
        .collect();
    gaps.sort_unstable();
    let median = *gaps.get(gaps.len() / 2)?;
    let near = gaps
        .iter()
        .filter(|gap| (median / 2..=median.saturating_mul(3) / 2).contains(*gap));
    let (count, sum) = near.fold((0.0, 0.0), |(count, sum), gap| {
        (count + 1.0, sum + *gap as f64)
    });
    Some(count * 1e6 / sum).filter(|rate| rate.is_finite() && *rate <= 1000.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_steady_or_slightly_unsteady_rate_is_regular_and_a_slide_show_is_not() {
        let scan = |gaps: &[i64]| {
            let mut scan = PacketScan::default();
            let mut time = 0;
            scan.frame(time, true, 1);
            for gap in gaps {
                time += gap;
                scan.frame(time, false, 1);
            }
            scan.finish(true)
        };
        let phone: Vec<i64> = (0..300).map(|n| 33_000 + n % 7 * 2000).collect();
        assert!(!scan(&phone).irregular);
        let mut one_hitch = vec![40_000; 300];
        one_hitch[7] = 2_000_000;
        assert!(!scan(&one_hitch).irregular);
        let screen: Vec<i64> = (0..300)
            .map(|n| if n % 10 == 0 { 1_000_000 } else { 16_000 })
            .collect();
        assert!(scan(&screen).irregular);
        // A frame every two seconds is slow, but regular.
        assert!(!scan(&[2_000_000; 20]).irregular);
    }

    #[test]
    fn a_frame_shown_before_an_earlier_one_is_reordering() {
        let mut scan = PacketScan::default();
        for (time, keyframe) in [
            (0, true),
            (120_000, false),
            (40_000, false),
            (80_000, false),
        ] {
            scan.frame(time, keyframe, 1);
        }
        assert!(scan.finish(true).reordered);
    }

    #[test]
    fn a_frame_rate_that_the_packets_contradict_is_not_claimed() {
        let facts = |times: &[i64]| {
            let mut scan = PacketScan::default();
            for time in times {
                scan.frame(*time, *time == 0, 1);
            }
            scan.finish(true)
        };
        // 30 fps in milliseconds.
        let steady: Vec<i64> = (0..300).map(|n| n * 100 / 3 * 1000).collect();
        for echo in [1000.0, 90_000.0, 60.0, 1.0] {
            let rate = facts(&steady).frame_rate([echo]).unwrap();
            assert!((rate - 30.0).abs() < 0.1, "{echo}: {rate}");
        }
        assert_eq!(facts(&steady).frame_rate([1000.0, 30.0]), Some(30.0));
        assert_eq!(facts(&steady).frame_rate([29.97]), Some(29.97));
        // B-frames do not change it.
        let reordered: Vec<i64> = (0..100)
            .flat_map(|n| [n * 3 + 3, n * 3 + 1, n * 3 + 2])
            .map(|n| n * 40_000)
            .collect();
        assert_eq!(facts(&reordered).frame_rate([]), Some(25.0));
        let screen: Vec<i64> = (0..300).map(|n| n * 16_000 + n / 10 * 900_000).collect();
        assert_eq!(facts(&screen).frame_rate([1000.0]), None);
        assert_eq!(facts(&screen).frame_rate([1000.0, 9.5]), Some(9.5));
        assert_eq!(facts(&[0]).frame_rate([25.0]), None);
    }

    #[test]
    fn the_longest_gop_may_be_the_last_one() {
        let mut scan = PacketScan::default();
        for n in 0..100 {
            scan.frame(n * 1_000_000, n == 0 || n == 10, 1000);
        }
        let facts = scan.finish(true);
        assert_eq!((facts.longest_gop, facts.largest_gop), (89_000_000, 90_000));
        assert!(facts.has_sparse_keyframes());
    }

    proptest! {
        #[test]
        fn a_scan_never_panics(packets in prop::collection::vec((any::<i64>(), any::<bool>(), any::<u64>()), 0..200)) {
            let mut scan = PacketScan::default();
            for (time, keyframe, bytes) in packets {
                scan.frame(time, keyframe, bytes);
            }
            scan.finish(true);
        }
    }
}

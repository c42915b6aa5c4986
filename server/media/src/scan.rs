//! What the packets of a picture track, one after another, tell about it. Pure.

/// Keyframes further apart than this, in microseconds, cost a late joiner too much.
pub const MAX_GOP: i64 = 20_000_000;
/// Bytes from one keyframe to the next that the log keeps.
pub const MAX_GOP_BYTES: u64 = 32 << 20;
/// A gap between pictures is irregular above four usual gaps and this, in microseconds. Browsers count
/// a freeze at three usual gaps or 150 ms more than usual; a phone's clock, which wanders by some
/// ms, stays far below either.
const IRREGULAR_GAP: i64 = 250_000;
/// What the packets of a picture track, or its container's index, tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketFacts {
    /// A picture is shown before one that is stored before it.
    pub reordered: bool,
    /// Times are missing, run backwards, or pictures are to be hidden.
    pub bad_times: bool,
    /// There is exactly one picture.
    pub still: bool,
    /// A picture was seen, but none where decoding can begin.
    pub no_keyframe: bool,
    /// From keyframe to keyframe at most, in microseconds and bytes; to the end where there is no other.
    pub longest_gop: i64,
    pub biggest_gop: u64,
    /// The middle one of the times between pictures, in microseconds; zero when unknown.
    pub usual_gap: i64,
    /// More than one in a hundred of the times between pictures is irregular.
    pub irregular: bool,
}

impl PacketFacts {
    /// Keyframes are further apart than the log keeps, or there are none.
    pub fn has_sparse_keyframes(&self) -> bool {
        self.no_keyframe || self.longest_gop > MAX_GOP || self.biggest_gop > MAX_GOP_BYTES
    }
}

/// Gathers [`PacketFacts`] from packets in the order of decoding.
#[derive(Clone, Debug, Default)]
pub struct PacketScan {
    facts: PacketFacts,
    pictures: u64,
    keyframes: u64,
    /// Newest time shown, and decoded, microseconds.
    newest: Option<i64>,
    gop_start: Option<i64>,
    gop_bytes: u64,
    gaps: Vec<i64>,
}

/// Enough to know the usual gap.
const MAX_GAPS: usize = 4096;

impl PacketScan {
    /// One picture, shown at `time` (microseconds).
    pub fn picture(&mut self, time: i64, keyframe: bool, bytes: u64) {
        self.pictures += 1;
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
            self.facts.biggest_gop = self.facts.biggest_gop.max(self.gop_bytes);
        }
    }

    /// The file's times cannot be relied on.
    pub fn bad_time(&mut self) {
        self.facts.bad_times = true;
    }

    pub fn pictures(&self) -> u64 {
        self.pictures
    }

    pub fn keyframes(&self) -> u64 {
        self.keyframes
    }

    /// `complete`: the track has no more pictures than were scanned.
    pub fn finish(mut self, complete: bool) -> PacketFacts {
        self.facts.still = complete && self.pictures == 1;
        self.facts.no_keyframe = self.pictures > 0 && self.keyframes == 0;
        self.gaps.sort_unstable();
        let usual = self.gaps.get(self.gaps.len() / 2).copied().unwrap_or(0);
        let limit = IRREGULAR_GAP.max(usual.saturating_mul(4));
        let irregular = self
            .gaps
            .iter()
            .rev()
            .take_while(|gap| **gap > limit)
            .count();
        self.facts.usual_gap = usual;
        self.facts.irregular = irregular * 100 > self.gaps.len();
        self.facts
    }
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
            scan.picture(time, true, 1);
            for gap in gaps {
                time += gap;
                scan.picture(time, false, 1);
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
        // One picture in two seconds, always: slow, but regular.
        assert!(!scan(&[2_000_000; 20]).irregular);
    }

    #[test]
    fn a_picture_shown_before_an_earlier_one_is_reordering() {
        let mut scan = PacketScan::default();
        for (time, keyframe) in [
            (0, true),
            (120_000, false),
            (40_000, false),
            (80_000, false),
        ] {
            scan.picture(time, keyframe, 1);
        }
        assert!(scan.finish(true).reordered);
    }

    #[test]
    fn the_longest_way_between_keyframes_reaches_to_the_end() {
        let mut scan = PacketScan::default();
        for n in 0..100 {
            scan.picture(n * 1_000_000, n == 0 || n == 10, 1000);
        }
        let facts = scan.finish(true);
        assert_eq!((facts.longest_gop, facts.biggest_gop), (89_000_000, 90_000));
        assert!(facts.has_sparse_keyframes());
    }

    proptest! {
        #[test]
        fn a_scan_never_panics(packets in prop::collection::vec((any::<i64>(), any::<bool>(), any::<u64>()), 0..200)) {
            let mut scan = PacketScan::default();
            for (time, keyframe, bytes) in packets {
                scan.picture(time, keyframe, bytes);
            }
            scan.finish(true);
        }
    }
}

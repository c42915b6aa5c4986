//! Compares the access units that a probe received with the source. Pure.

use std::rc::Rc;

use super::source::SourceTrack;

/// Two roundings, of up to one tick each.
const TICKS: i64 = 2;

/// The position of a probe in a track that repeats.
#[derive(Debug)]
pub(crate) struct UnitCheck {
    track: Rc<SourceTrack>,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    index: usize,
    timestamp: i64,
}

/// Numbers of access units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnitCounts {
    /// Equal to the source.
    pub(crate) whole: u64,
    /// Absent between two received ones.
    pub(crate) missing: u64,
    /// Received after a later one, or twice.
    pub(crate) disordered: u64,
    /// Not in the source.
    pub(crate) damaged: u64,
    /// With another distance from the previous unit than in the source.
    pub(crate) mistimed: u64,
}

impl UnitCounts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.whole += other.whole;
        self.missing += other.missing;
        self.disordered += other.disordered;
        self.damaged += other.damaged;
        self.mistimed += other.mistimed;
    }

    pub(crate) fn wrong(&self) -> u64 {
        self.missing + self.disordered + self.damaged + self.mistimed
    }
}

impl UnitCheck {
    pub(crate) fn new(track: Rc<SourceTrack>) -> Self {
        Self { track, last: None }
    }

    /// Checks a received unit. `timestamp`: the unwrapped RTP timestamp.
    pub(crate) fn unit(&mut self, fingerprint: u64, timestamp: i64, counts: &mut UnitCounts) {
        let units = &self.track.units;
        let Some(last) = self.last else {
            // A unit that occurs once in the source gives the position at which this viewer started.
            let found = self.track.only(fingerprint);
            self.last = found.map(|index| Last { index, timestamp });
            counts.whole += u64::from(found.is_some());
            return;
        };
        let next = (last.index + 1) % units.len();
        let index = if units[next].fingerprint == fingerprint {
            Some(next)
        } else {
            self.track.only(fingerprint)
        };
        let Some(index) = index else {
            counts.damaged += 1;
            return;
        };
        let ahead = (index + units.len() - last.index) % units.len();
        if ahead == 0 || ahead > units.len() / 2 {
            counts.disordered += 1;
            return;
        }
        counts.whole += 1;
        counts.missing += ahead as u64 - 1;
        let passes = i64::from(index < last.index);
        let distance = units[index].time + passes * self.track.length - units[last.index].time;
        let expected = distance * self.track.rate / 1_000_000;
        if (timestamp - last.timestamp - expected).abs() > TICKS {
            counts.mistimed += 1;
        }
        self.last = Some(Last { index, timestamp });
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::SourceUnit;
    use super::*;

    /// 25 frames a second for 0.4 s; the third and the seventh are equal.
    fn check() -> UnitCheck {
        let unit = |n: i64| SourceUnit {
            fingerprint: if n == 6 { 2 } else { n as u64 },
            time: n * 40_000,
            payloads: vec![1],
            data: Vec::new(),
        };
        UnitCheck::new(Rc::new(SourceTrack::new(
            (0..10).map(unit).collect(),
            0,
            400_000,
            90_000,
        )))
    }

    fn counts_of(units: &[(u64, i64)]) -> UnitCounts {
        let (mut check, mut counts) = (check(), UnitCounts::default());
        for (fingerprint, frame) in units {
            check.unit(*fingerprint, 77 + frame * 3600, &mut counts);
        }
        counts
    }

    #[test]
    fn a_video_that_repeats_is_whole() {
        let fingerprints = [0, 1, 2, 3, 4, 5, 2, 7, 8, 9];
        let units: Vec<_> = (0..35).map(|n| (fingerprints[n % 10], n as i64)).collect();
        // The third frame equals the seventh, so it does not give the position.
        let counts = counts_of(&units[2..]);
        assert_eq!(
            counts,
            UnitCounts {
                whole: 32,
                ..UnitCounts::default()
            }
        );
    }

    #[test]
    fn missing_units_are_counted() {
        let counts = counts_of(&[(0, 0), (1, 1), (4, 4)]);
        assert_eq!(
            counts,
            UnitCounts {
                whole: 3,
                missing: 2,
                ..UnitCounts::default()
            }
        );
        // Also across the end of the video.
        let counts = counts_of(&[(8, 8), (1, 11)]);
        assert_eq!(
            counts,
            UnitCounts {
                whole: 2,
                missing: 2,
                ..UnitCounts::default()
            }
        );
    }

    #[test]
    fn late_duplicate_and_foreign_units_are_counted() {
        let counts = counts_of(&[(0, 0), (1, 1), (0, 0), (1, 1), (99, 2), (4, 4)]);
        let expected = UnitCounts {
            whole: 3,
            missing: 2,
            disordered: 2,
            damaged: 1,
            mistimed: 0,
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_wrong_timestamp_is_counted_once() {
        let (mut check, mut counts) = (check(), UnitCounts::default());
        for (fingerprint, timestamp) in [(0, 0), (1, 3602), (2, 7200), (3, 10_900), (4, 14_500)] {
            check.unit(fingerprint, timestamp, &mut counts);
        }
        assert_eq!(
            counts,
            UnitCounts {
                whole: 5,
                mistimed: 1,
                ..UnitCounts::default()
            }
        );
    }
}

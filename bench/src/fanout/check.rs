//! What a probe received, held against the source. Pure.

use std::rc::Rc;

use super::source::Track;

/// A timestamp may be off by one tick for each of two roundings.
const TICKS: i64 = 2;

/// A place in a track that comes again and again.
#[derive(Debug)]
pub(crate) struct Check {
    track: Rc<Track>,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    index: usize,
    timestamp: i64,
}

/// Access units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// As they are in the source.
    pub(crate) whole: u64,
    /// That should have come between two that came.
    pub(crate) missing: u64,
    /// That came after a later one, or twice.
    pub(crate) disordered: u64,
    /// That are not in the source.
    pub(crate) damaged: u64,
    /// Whose distance from the one before is not that of the source.
    pub(crate) mistimed: u64,
}

impl Tally {
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

impl Check {
    pub(crate) fn new(track: Rc<Track>) -> Self {
        Self { track, last: None }
    }

    /// A unit came. `timestamp`: of RTP, without its wraps.
    pub(crate) fn unit(&mut self, fingerprint: u64, timestamp: i64, tally: &mut Tally) {
        let units = &self.track.units;
        let Some(last) = self.last else {
            // Where in the film this viewer began is told by a unit that is there once.
            let found = self.track.only(fingerprint);
            self.last = found.map(|index| Last { index, timestamp });
            tally.whole += u64::from(found.is_some());
            return;
        };
        let next = (last.index + 1) % units.len();
        let index = if units[next].fingerprint == fingerprint {
            Some(next)
        } else {
            self.track.only(fingerprint)
        };
        let Some(index) = index else {
            tally.damaged += 1;
            return;
        };
        let ahead = (index + units.len() - last.index) % units.len();
        if ahead == 0 || ahead > units.len() / 2 {
            tally.disordered += 1;
            return;
        }
        tally.whole += 1;
        tally.missing += ahead as u64 - 1;
        let passes = i64::from(index < last.index);
        let distance = units[index].time + passes * self.track.length - units[last.index].time;
        let expected = distance * self.track.rate / 1_000_000;
        if (timestamp - last.timestamp - expected).abs() > TICKS {
            tally.mistimed += 1;
        }
        self.last = Some(Last { index, timestamp });
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Unit;
    use super::*;

    /// 25 pictures a second for 0.4 s, the third and the seventh alike.
    fn check() -> Check {
        let unit = |n: i64| Unit {
            fingerprint: if n == 6 { 2 } else { n as u64 },
            time: n * 40_000,
            payloads: vec![1],
        };
        Check::new(Rc::new(Track::new(
            (0..10).map(unit).collect(),
            0,
            400_000,
            90_000,
        )))
    }

    fn seen(units: &[(u64, i64)]) -> Tally {
        let (mut check, mut tally) = (check(), Tally::default());
        for (fingerprint, picture) in units {
            check.unit(*fingerprint, 77 + picture * 3600, &mut tally);
        }
        tally
    }

    #[test]
    fn a_film_that_begins_again_and_again_is_whole() {
        let fingerprints = [0, 1, 2, 3, 4, 5, 2, 7, 8, 9];
        let units: Vec<_> = (0..35).map(|n| (fingerprints[n % 10], n as i64)).collect();
        // The third picture may be the seventh, so it does not tell where the viewer began.
        let tally = seen(&units[2..]);
        assert_eq!(
            tally,
            Tally {
                whole: 32,
                ..Tally::default()
            }
        );
    }

    #[test]
    fn what_is_missing_is_counted() {
        let tally = seen(&[(0, 0), (1, 1), (4, 4)]);
        assert_eq!(
            tally,
            Tally {
                whole: 3,
                missing: 2,
                ..Tally::default()
            }
        );
        // Across the end of the film, too.
        let tally = seen(&[(8, 8), (1, 11)]);
        assert_eq!(
            tally,
            Tally {
                whole: 2,
                missing: 2,
                ..Tally::default()
            }
        );
    }

    #[test]
    fn what_comes_late_or_twice_or_is_not_of_the_film_is_counted() {
        let tally = seen(&[(0, 0), (1, 1), (0, 0), (1, 1), (99, 2), (4, 4)]);
        let expected = Tally {
            whole: 3,
            missing: 2,
            disordered: 2,
            damaged: 1,
            mistimed: 0,
        };
        assert_eq!(tally, expected);
    }

    #[test]
    fn a_timestamp_that_is_off_is_counted_once() {
        let (mut check, mut tally) = (check(), Tally::default());
        for (fingerprint, timestamp) in [(0, 0), (1, 3602), (2, 7200), (3, 10_900), (4, 14_500)] {
            check.unit(fingerprint, timestamp, &mut tally);
        }
        assert_eq!(
            tally,
            Tally {
                whole: 5,
                mistimed: 1,
                ..Tally::default()
            }
        );
    }
}

//! Reads the units of one track in order: for what decodes them.

use std::time::Instant;

use media::track::{TrackId, TrackKind};

use super::chunk::UnitRef;
use super::cursor::{Cursor, Fetched};
use super::index::{Bias, Index};

/// A position in one track. It begins at the newest keyframe.
#[derive(Debug)]
pub struct Reader {
    cursor: Cursor,
}

impl Reader {
    pub fn new(track: TrackId, index: &impl Index) -> Self {
        let mut cursor = Cursor::new(track, TrackKind::Video, Default::default());
        let newest = index.newest(track).unwrap_or_default();
        cursor.seek(newest, Bias::KeyframeBefore);
        Self { cursor }
    }

    /// The next unit: it follows the one before it, or is a keyframe. `None`: it has not been appended yet.
    pub fn read(&mut self, index: &impl Index, now: Instant) -> Option<UnitRef> {
        match self.cursor.fetch(index, now) {
            Fetched::Unit(_) => {
                let unit = self.cursor.unit();
                self.cursor.advance();
                unit
            }
            // The reader was too slow.
            Fetched::Evicted(place) => {
                let next = place.plus_micros(1);
                self.cursor.seek(next, Bias::KeyframeAfter);
                None
            }
            Fetched::NotYet | Fetched::Load(_) | Fetched::End | Fetched::Withdrawn => None,
        }
    }

    /// Goes on with the newest keyframe, if it has not been read yet.
    pub fn skip_to_newest_keyframe(&mut self, index: &impl Index, read: &UnitRef) -> bool {
        let Some(newest) = index.newest(self.cursor.track) else {
            return false;
        };
        let mut ahead = Cursor::new(self.cursor.track, TrackKind::Video, Default::default());
        ahead.seek(newest, Bias::KeyframeBefore);
        let found = ahead.fetch(index, read.unit().appended);
        let is_newer = matches!(found, Fetched::Unit(place) if place > read.place());
        if is_newer {
            self.cursor = ahead;
        }
        is_newer
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use media::time::MediaTime;

    use super::*;
    use crate::index::Pace;
    use crate::log::Log;
    use crate::properties::{VIDEO, unit};
    use crate::retention::Retention;

    /// A picture each 40 ms, a keyframe each second.
    fn append(log: &mut Log, pictures: std::ops::Range<i64>, now: Instant) {
        for picture in pictures {
            let keyframe = picture % 25 == 0;
            assert!(
                log.append(VIDEO, unit(40_000 * picture, keyframe, 0), now)
                    .is_some()
            );
        }
    }

    fn read(reader: &mut Reader, log: &Log, now: Instant) -> Vec<i64> {
        let units = std::iter::from_fn(|| reader.read(log, now));
        units.map(|unit| unit.unit().dts.0 / 40_000).collect()
    }

    #[test]
    fn a_reader_begins_at_the_newest_keyframe_and_reads_everything_in_order() {
        let now = Instant::now();
        let mut log = Log::new(Pace::Edge, Retention::default());
        let mut early = Reader::new(VIDEO, &log);
        assert!(read(&mut early, &log, now).is_empty());
        append(&mut log, 0..60, now);
        assert_eq!(read(&mut early, &log, now), (0..60).collect::<Vec<_>>());
        let mut late = Reader::new(VIDEO, &log);
        assert_eq!(read(&mut late, &log, now), (50..60).collect::<Vec<_>>());
        append(&mut log, 60..80, now);
        for reader in [&mut early, &mut late] {
            assert_eq!(read(reader, &log, now), (60..80).collect::<Vec<_>>());
        }
        // The next publisher.
        log.begin_run(None);
        append(&mut log, 0..3, now);
        assert_eq!(read(&mut early, &log, now), [0, 1, 2]);
    }

    #[test]
    fn a_slow_reader_goes_on_with_a_keyframe() {
        let now = Instant::now();
        let mut log = Log::new(Pace::Edge, Retention::default());
        log.set_anchor(MediaTime::ZERO, now);
        append(&mut log, 0..10, now);
        let mut reader = Reader::new(VIDEO, &log);
        let first = reader.read(&log, now).expect("a keyframe");
        append(&mut log, 10..20, now);
        assert!(!reader.skip_to_newest_keyframe(&log, &first));
        append(&mut log, 20..60, now);
        assert!(reader.skip_to_newest_keyframe(&log, &first));
        assert_eq!(read(&mut reader, &log, now), (50..60).collect::<Vec<_>>());
        // Only the newest GOPs stay in memory.
        append(&mut log, 60..2_000, now + Duration::from_secs(80));
        let rest = read(&mut reader, &log, now);
        let rest = [rest, read(&mut reader, &log, now)].concat();
        // To the end of its chunk, and then from a keyframe on.
        let gaps = rest.windows(2).filter(|pair| pair[1] != pair[0] + 1);
        let after: Vec<_> = gaps.map(|pair| pair[1]).collect();
        assert!(matches!(after[..], [after] if after % 25 == 0), "{rest:?}");
        assert_eq!((rest[0], rest.last()), (60, Some(&1_999)));
    }
}

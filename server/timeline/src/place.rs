//! Places in a log.

use media::time::MediaTime;
use media::track::TrackId;

/// One unbroken decode clock of a source. The loops of a file stay inside one run; the return of a publisher, or another file in place of the
/// first, begins the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u32);

/// A point on the decode clock of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub run: RunId,
    pub time: MediaTime,
}

/// Identifies a chunk of a track: the place of its first unit. Ordered, and never a count: an index may learn of chunks in any order.
pub type ChunkKey = Place;

impl Place {
    pub fn plus_micros(self, micros: i64) -> Self {
        Self {
            time: self.time.plus_micros(micros),
            ..self
        }
    }
}

/// What a cursor at the end of the known units waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    pub track: TrackId,
    /// The chunk at whose end it waits; `None`: for anything new in the track.
    pub chunk: Option<ChunkKey>,
}

//! Looking up chunks.

use std::sync::Arc;
use std::time::Instant;

use media::track::TrackId;

use super::chunk::Chunk;
use super::place::{ChunkKey, Place};

/// Where the chunks of a stream are: in memory, elsewhere, or not known yet. Each answer is about one moment; the next may differ.
pub trait Index {
    /// The first place at or before (after) which `bias` can be met. [`Bias::KeyframeBefore`] falls back to the oldest keyframe, so that a stream
    /// that has just started is played from its beginning.
    fn seek(&self, track: TrackId, place: Place, bias: Bias) -> Found;
    /// What follows a closed chunk.
    fn next(&self, track: TrackId, after: ChunkKey) -> Found;
    /// The newest unit of a track.
    fn newest(&self, track: TrackId) -> Option<Place>;
    /// The place that is live at `now`.
    fn live(&self, now: Instant) -> Place;
    fn pace(&self) -> Pace;
    /// True: every viewer ends now.
    fn is_closed(&self) -> bool;
}

/// What a seek looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// The last keyframe at or before a place.
    KeyframeBefore,
    /// The first keyframe at or after it.
    KeyframeAfter,
    /// The first unit at or after it.
    UnitAfter,
}

/// The answer to a look-up.
#[derive(Clone, Debug)]
pub enum Found {
    /// In memory.
    Here(Arc<Chunk>),
    /// It exists, and must be loaded first.
    Away(ChunkKey),
    /// Nobody has looked yet what is between these places; loading from the first one finds out.
    Unmapped(Place, Place),
    /// There is nothing before this place.
    Gap(Place),
    /// Not yet: the source will append it.
    Live,
    /// Nothing follows, ever.
    End,
    /// The source does not offer this track any more.
    Withdrawn,
}

/// How viewers follow a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// A viewer joins at the newest keyframe, and stays as far behind the source as that is: files, which are appended ahead of time.
    #[default]
    Keyframe,
    /// A viewer catches up with the newest unit: cameras and publishers.
    Edge,
}

/// A chunk that a playhead cannot go on without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    pub track: TrackId,
    /// Where loading begins.
    pub place: Place,
    /// When its first unit is due; the most urgent loads go first.
    pub deadline: Instant,
}

//! A playhead's position in one track.

use media::time::MediaTime;
use shared::api::Codec;

use super::frame::Frame;
use super::track::Track;

/// A position in the track of one codec.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) codec: Codec,
    pub(super) next: Position,
    /// The viewer time of the last frame.
    pub(super) last: MediaTime,
}

/// The next frame of a cursor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Position {
    /// The frame with this number.
    Number(u64),
    /// The first frame at or after this time.
    From(MediaTime),
    /// The first keyframe at or after this time.
    Keyframe(MediaTime),
}

impl Cursor {
    /// The next frame and its number; `None` when it is not in the track.
    pub(super) fn frame<'log>(&mut self, track: &'log Track) -> Option<(u64, &'log Frame)> {
        let number = match self.next {
            Position::Number(number) => number,
            Position::From(time) => track.at_or_after(time)?,
            Position::Keyframe(time) => track.keyframe_at_or_after(time)?,
        };
        self.next = Position::Number(number);
        Some((number, track.get(number)?))
    }
}

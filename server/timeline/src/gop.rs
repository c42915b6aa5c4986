//! A group of pictures (GOP).

use media::time::MediaTime;

use super::frame::Frame;

/// The frames from one keyframe up to the next. Keyframes within [`Gop::MIN_LENGTH`] of the first stay in the same GOP:
/// in audio every packet is a keyframe, and would otherwise be a GOP of its own.
#[derive(Debug)]
pub(super) struct Gop {
    /// The number of `frames[0]` in its track.
    pub(super) first: u64,
    /// Begins with a keyframe. Never empty.
    pub(super) frames: Vec<Frame>,
    pub(super) bytes: usize,
}

impl Gop {
    /// In microseconds.
    pub(super) const MIN_LENGTH: i64 = 500_000;

    pub(super) fn new(first: u64, keyframe: Frame) -> Self {
        let bytes = keyframe.bytes();
        Self {
            first,
            frames: vec![keyframe],
            bytes,
        }
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes();
        self.frames.push(frame);
    }

    pub(super) fn start(&self) -> MediaTime {
        self.frames
            .first()
            .map_or(MediaTime::ZERO, |frame| frame.time)
    }

    /// True when a keyframe at `time` begins the next GOP.
    pub(super) fn is_long_enough(&self, time: MediaTime) -> bool {
        time.micros_since(self.start()) >= Self::MIN_LENGTH
    }
}

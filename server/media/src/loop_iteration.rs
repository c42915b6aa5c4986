//! One reading of a file from its beginning to its end. Pure.

use super::demuxer::DemuxedPacket;
use super::track::TrackKind;

/// The shortest iteration, in microseconds: a nearly empty file must not keep a core busy reopening it.
const MIN_LENGTH: i64 = 100_000;
/// How long a single frame is shown, in microseconds.
const STILL_LENGTH: i64 = 1_000_000;

/// Converts packet times to times since the iteration began, and measures how long the iteration is.
#[derive(Debug)]
pub(super) struct LoopIteration {
    /// Where it begins on the file's clock, in microseconds. `None` until the container or the first packet gives it.
    start: Option<i64>,
    packets: u64,
    frames: u64,
    /// Microseconds since the iteration began.
    end: i64,
    newest_frame: Option<i64>,
    /// Between the two newest frames, in microseconds.
    frame_gap: i64,
}

impl LoopIteration {
    /// `start`: as the container gives it, in microseconds of the file's clock.
    pub(super) fn new(start: Option<i64>) -> Self {
        Self {
            start,
            packets: 0,
            frames: 0,
            end: 0,
            newest_frame: None,
            frame_gap: 0,
        }
    }

    /// Presentation and decoding time of the packet, in microseconds since the iteration began.
    pub(super) fn add(&mut self, demuxed: &DemuxedPacket) -> (i64, i64) {
        if self.packets == 0 {
            let first = if demuxed.discard {
                i64::MAX
            } else {
                demuxed.pts
            };
            self.start = Some(self.start.unwrap_or(demuxed.pts).min(first));
        }
        let start = self.start.unwrap_or(0);
        let (pts, dts) = (demuxed.pts - start, demuxed.dts - start);
        self.packets += 1;
        let mut duration = demuxed.duration;
        if demuxed.kind == TrackKind::Video {
            self.frames += 1;
            if let Some(newest) = self.newest_frame
                && pts > newest
            {
                self.frame_gap = pts - newest;
            }
            self.newest_frame = self.newest_frame.max(Some(pts));
            if duration == 0 {
                duration = self.frame_gap;
            }
        }
        if !demuxed.discard {
            self.end = self.end.max(pts + duration);
        }
        (pts, dts)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// The length of the longer track, in microseconds.
    pub(super) fn length(&self) -> i64 {
        let min = if self.frames == 1 {
            STILL_LENGTH
        } else {
            MIN_LENGTH
        };
        self.end.max(min)
    }
}

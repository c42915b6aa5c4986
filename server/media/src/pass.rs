//! One reading of a file from its beginning to its end. Pure.

use super::demux::{Coded, Kind};

/// The shortest pass, in microseconds: a file of nothing much must not keep a core busy reopening it.
const SHORTEST: i64 = 100_000;
/// A single picture is shown this long, in microseconds.
const STILL: i64 = 1_000_000;

/// Where packets stand in the pass, and how long it was.
#[derive(Debug)]
pub(super) struct Pass {
    /// Where it begins on the file's clock, microseconds. `None` until the first packet tells.
    start: Option<i64>,
    packets: u64,
    pictures: u64,
    /// Microseconds since the pass began.
    end: i64,
    newest_picture: Option<i64>,
    usual_gap: i64,
}

impl Pass {
    /// `start`: what the container says, on the file's clock.
    pub(super) fn new(start: Option<i64>) -> Self {
        Self {
            start,
            packets: 0,
            pictures: 0,
            end: 0,
            newest_picture: None,
            usual_gap: 0,
        }
    }

    /// When the packet is shown and decoded, in microseconds since the pass began.
    pub(super) fn place(&mut self, coded: &Coded) -> (i64, i64) {
        if self.packets == 0 {
            let first = if coded.hidden { i64::MAX } else { coded.time };
            self.start = Some(self.start.unwrap_or(coded.time).min(first));
        }
        let start = self.start.unwrap_or(0);
        let (time, order) = (coded.time - start, coded.order - start);
        self.packets += 1;
        let mut duration = coded.duration;
        if coded.kind == Kind::Video {
            self.pictures += 1;
            if let Some(newest) = self.newest_picture
                && time > newest
            {
                self.usual_gap = time - newest;
            }
            self.newest_picture = self.newest_picture.max(Some(time));
            if duration == 0 {
                duration = self.usual_gap;
            }
        }
        if !coded.hidden {
            self.end = self.end.max(time + duration);
        }
        (time, order)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Of the longer track, in microseconds.
    pub(super) fn length(&self) -> i64 {
        self.end
            .max(if self.pictures == 1 { STILL } else { SHORTEST })
    }
}

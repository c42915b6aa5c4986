//! The GOPs of one codec of a stream.

use std::collections::VecDeque;

use super::frame::Frame;
use super::gop::Gop;
use media::time::MediaTime;

/// Frames in the order in which they were appended, each with a number that is never used again.
///
/// Invariants: every GOP begins with a keyframe; the GOPs' numbers follow each other without a gap;
/// times strictly increase.
#[derive(Debug, Default)]
pub struct Track {
    gops: VecDeque<Gop>,
    /// Number of the frame that will be appended next.
    next: u64,
    bytes: usize,
    /// The longest GOP closed so far, in microseconds.
    longest_gop: i64,
}

impl Track {
    /// False when the frame was not taken: nothing could be decoded from it (no keyframe yet), or its
    /// time does not come after the newest frame's.
    pub fn append(&mut self, frame: Frame) -> bool {
        if self
            .newest_time()
            .is_some_and(|newest| frame.time <= newest)
        {
            return false;
        }
        let bytes = frame.bytes();
        match self.gops.back_mut() {
            None if !frame.keyframe => return false,
            Some(gop) if !(frame.keyframe && gop.is_long_enough(frame.time)) => gop.push(frame),
            previous => {
                if let Some(gop) = previous {
                    self.longest_gop = self.longest_gop.max(frame.time.micros_since(gop.start()));
                }
                self.gops.push_back(Gop::new(self.next, frame));
            }
        }
        self.bytes += bytes;
        self.next += 1;
        true
    }

    /// `None`: not appended yet, or dropped already.
    pub fn get(&self, number: u64) -> Option<&Frame> {
        let after = self.gops.partition_point(|gop| gop.first <= number);
        let gop = self.gops.get(after.checked_sub(1)?)?;
        gop.frames.get(usize::try_from(number - gop.first).ok()?)
    }

    /// The oldest frame that is still here.
    pub fn oldest(&self) -> Option<u64> {
        self.gops.front().map(|gop| gop.first)
    }

    /// The number of the frame that will be appended next.
    pub fn end(&self) -> u64 {
        self.next
    }

    /// How long a GOP lasts here at most, in microseconds, the open one counted as far as it goes.
    pub fn longest_gop(&self) -> i64 {
        let open = match (self.gops.back(), self.newest_time()) {
            (Some(gop), Some(newest)) => newest.micros_since(gop.start()),
            _ => 0,
        };
        self.longest_gop.max(open)
    }

    pub fn newest_time(&self) -> Option<MediaTime> {
        self.gops
            .back()
            .and_then(|gop| gop.frames.last())
            .map(|frame| frame.time)
    }

    /// Where someone who comes at `live` begins: the newest GOP that has begun by then, or else the
    /// oldest there is, so that a stream that has just started is seen from its first picture.
    pub fn entry(&self, live: MediaTime) -> Option<u64> {
        let after = self.gops.partition_point(|gop| gop.start() <= live);
        self.gops.get(after.saturating_sub(1)).map(|gop| gop.first)
    }

    /// The first frame that is shown or heard at `time` or later.
    pub fn at_or_after(&self, time: MediaTime) -> Option<u64> {
        let after = self.gops.partition_point(|gop| gop.start() <= time);
        let Some(gop) = after.checked_sub(1).and_then(|index| self.gops.get(index)) else {
            return self.oldest();
        };
        let within = gop.frames.partition_point(|frame| frame.time < time);
        let number = gop.first + within as u64;
        (number < self.next).then_some(number)
    }

    /// The first GOP that begins at `time` or later.
    pub fn keyframe_at_or_after(&self, time: MediaTime) -> Option<u64> {
        let after = self.gops.partition_point(|gop| gop.start() < time);
        self.gops.get(after).map(|gop| gop.first)
    }

    /// The number and the time of the newest place where decoding can begin.
    pub fn newest_keyframe(&self) -> Option<(u64, MediaTime)> {
        self.gops.back().map(|gop| (gop.first, gop.start()))
    }

    /// Drops the oldest GOPs that end before `horizon`, and more while the track holds over
    /// `max_bytes`; never the newest one that has begun by `live`, nor what follows it.
    pub fn trim(&mut self, horizon: MediaTime, live: MediaTime, max_bytes: usize) {
        while let Some(next) = self.gops.get(1).map(Gop::start) {
            let over = self.bytes > max_bytes;
            if next > live || !(over || next < horizon) {
                break;
            }
            if let Some(gop) = self.gops.pop_front() {
                self.bytes -= gop.bytes;
            }
        }
    }

    /// Forgets every frame; numbers go on.
    pub fn clear(&mut self) {
        self.gops.clear();
        self.bytes = 0;
        self.longest_gop = 0;
    }
}

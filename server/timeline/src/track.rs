//! The frames of one codec of a stream.

use std::collections::VecDeque;

use super::frame::Frame;
use super::gop::Gop;
use media::time::MediaTime;

/// Frames in the order in which they were appended. Each has a number that is never reused.
///
/// Invariants: every GOP begins with a keyframe; numbers have no gap from one GOP to the next; times strictly increase.
#[derive(Debug, Default)]
pub struct Track {
    gops: VecDeque<Gop>,
    /// The number of the next frame to be appended.
    next: u64,
    bytes: usize,
    /// The longest complete GOP so far, in microseconds.
    longest_gop: i64,
}

impl Track {
    /// False when the frame was refused: there is no keyframe yet to decode it from, or its time is not after the newest
    /// frame's.
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

    /// `None` when the frame is not appended yet, or dropped.
    pub fn get(&self, number: u64) -> Option<&Frame> {
        let after = self.gops.partition_point(|gop| gop.first <= number);
        let gop = self.gops.get(after.checked_sub(1)?)?;
        gop.frames.get(usize::try_from(number - gop.first).ok()?)
    }

    /// The number of the oldest frame.
    pub fn oldest(&self) -> Option<u64> {
        self.gops.front().map(|gop| gop.first)
    }

    /// The number of the next frame to be appended.
    pub fn end(&self) -> u64 {
        self.next
    }

    /// The longest GOP in microseconds, including the incomplete one.
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

    /// Where a viewer that joins at `live` begins: the newest GOP that starts by then, otherwise the oldest one, so that a
    /// stream that has just started is played from its first frame.
    pub fn entry(&self, live: MediaTime) -> Option<u64> {
        let after = self.gops.partition_point(|gop| gop.start() <= live);
        self.gops.get(after.saturating_sub(1)).map(|gop| gop.first)
    }

    /// The first frame with a presentation time at or after `time`.
    pub fn at_or_after(&self, time: MediaTime) -> Option<u64> {
        let after = self.gops.partition_point(|gop| gop.start() <= time);
        let Some(gop) = after.checked_sub(1).and_then(|index| self.gops.get(index)) else {
            return self.oldest();
        };
        let within = gop.frames.partition_point(|frame| frame.time < time);
        let number = gop.first + within as u64;
        (number < self.next).then_some(number)
    }

    /// The first keyframe at or after `time`.
    pub fn keyframe_at_or_after(&self, time: MediaTime) -> Option<u64> {
        let after = self.gops.partition_point(|gop| gop.start() < time);
        self.gops.get(after).map(|gop| gop.first)
    }

    /// The number and the time of the newest keyframe.
    pub fn newest_keyframe(&self) -> Option<(u64, MediaTime)> {
        self.gops.back().map(|gop| (gop.first, gop.start()))
    }

    /// Drops the GOPs that end before `horizon`, and further old ones while the track exceeds `max_bytes`. Keeps the newest
    /// GOP that starts by `live`, and everything after it.
    pub fn trim(&mut self, horizon: MediaTime, live: MediaTime, max_bytes: usize) {
        while let Some(next) = self.gops.get(1).map(Gop::start) {
            let too_large = self.bytes > max_bytes;
            if next > live || !(too_large || next < horizon) {
                break;
            }
            if let Some(gop) = self.gops.pop_front() {
                self.bytes -= gop.bytes;
            }
        }
    }

    /// Drops all frames; numbering continues.
    pub fn clear(&mut self) {
        self.gops.clear();
        self.bytes = 0;
        self.longest_gop = 0;
    }
}

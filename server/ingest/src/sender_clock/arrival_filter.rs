//! How long after its RTP time a unit of a track comes at the earliest.

use std::collections::VecDeque;

/// The units of so many microseconds are considered together.
const WINDOW: i64 = 1_000_000;
/// The least of so many microseconds counts: jitter only makes units later, and what is later for longer is so for good.
const KEPT: i64 = 5_000_000;

/// The least of the differences between arrival and RTP time that were seen lately, all in microseconds.
#[derive(Debug, Default)]
pub(super) struct ArrivalFilter {
    /// When each window began, and the least difference in it.
    windows: VecDeque<(i64, i64)>,
}

impl ArrivalFilter {
    pub(super) fn add(&mut self, arrived: i64, difference: i64) {
        match self.windows.back_mut() {
            Some((began, least)) if arrived < *began + WINDOW => *least = difference.min(*least),
            _ => self.windows.push_back((arrived, difference)),
        }
        while self
            .windows
            .front()
            .is_some_and(|(began, _)| *began + KEPT < arrived)
        {
            self.windows.pop_front();
        }
    }

    pub(super) fn least(&self) -> Option<i64> {
        self.windows.iter().map(|(_, least)| *least).min()
    }
}

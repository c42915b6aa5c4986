//! How long packets wait on the way to a viewer.

use std::time::{Duration, Instant};

/// The delay of the newest packet over the least lately. What the clocks differ by falls out.
#[derive(Debug, Default)]
pub(super) struct QueueDelay {
    start: Option<Start>,
    newest: i64,
    /// The least of this span and of the one before, in microseconds over the first packet's delay.
    least: (i64, i64),
}

#[derive(Clone, Copy, Debug)]
struct Start {
    sent: Instant,
    arrived: i64,
    /// When the span began.
    span: Instant,
}

/// Clocks may drift by a millisecond in the while, and a way that has become longer is taken as it is after two.
const SPAN: Duration = Duration::from_secs(5);

impl QueueDelay {
    pub(super) fn add(&mut self, sent: Instant, arrived: i64) {
        let start = self.start.get_or_insert(Start {
            sent,
            arrived,
            span: sent,
        });
        let left = sent.saturating_duration_since(start.sent).as_micros() as i64;
        self.newest = arrived.wrapping_sub(start.arrived).wrapping_sub(left);
        if sent.saturating_duration_since(start.span) > SPAN {
            start.span = sent;
            self.least = (i64::MAX, self.least.0);
        }
        self.least.0 = self.least.0.min(self.newest);
    }

    pub(super) fn wait(&self) -> Duration {
        let least = self.least.0.min(self.least.1);
        Duration::from_micros(self.newest.saturating_sub(least).try_into().unwrap_or(0))
    }
}

//! How long packets wait in queues on the path to a viewer.

use std::time::{Duration, Instant};

/// The one-way delay of the newest packet over the recent minimum. The unknown offset of the clocks cancels out.
#[derive(Debug, Default)]
pub(super) struct QueueDelay {
    start: Option<Start>,
    /// One-way delay of the newest packet, relative to the first packet.
    newest_us: i64,
    /// The minimum delay in this span and in the previous one, relative to the first packet.
    min_us: (i64, i64),
}

#[derive(Clone, Copy, Debug)]
struct Start {
    sent: Instant,
    arrived_us: i64,
    /// When the current span began.
    span: Instant,
}

/// In this time clocks drift by less than a millisecond. A path that has become longer is accepted after two spans.
const SPAN: Duration = Duration::from_secs(5);

impl QueueDelay {
    pub(super) fn add(&mut self, sent: Instant, arrived_us: i64) {
        let start = self.start.get_or_insert(Start {
            sent,
            arrived_us,
            span: sent,
        });
        let sent_us = sent.saturating_duration_since(start.sent).as_micros() as i64;
        self.newest_us = arrived_us
            .wrapping_sub(start.arrived_us)
            .wrapping_sub(sent_us);
        if sent.saturating_duration_since(start.span) > SPAN {
            start.span = sent;
            self.min_us = (i64::MAX, self.min_us.0);
        }
        self.min_us.0 = self.min_us.0.min(self.newest_us);
    }

    /// How long the newest packet waited.
    pub(super) fn wait(&self) -> Duration {
        let min = self.min_us.0.min(self.min_us.1);
        Duration::from_micros(self.newest_us.saturating_sub(min).try_into().unwrap_or(0))
    }
}

//! A limit on the rate of requests.

use std::time::{Duration, Instant};

/// Requests in a row.
pub(super) const BURST: u32 = 100;
/// 200 requests a second.
const INTERVAL: Duration = Duration::from_millis(5);

/// The generic cell rate algorithm (ITU-T I.371, annex A).
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    /// The theoretical arrival time of the next request.
    arrival: Instant,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self { arrival: now }
    }

    /// Whether one more request may be handled now.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        let next = self.arrival.max(now) + INTERVAL;
        let admitted = next.duration_since(now) <= INTERVAL * BURST;
        if admitted {
            self.arrival = next;
        }
        admitted
    }
}

//! How much of a peer's datagrams is looked at. Nothing of a handshake is authenticated before its end, and rtc-dtls keeps
//! what it cannot use yet.

use std::time::{Duration, Instant};

/// Longer than a datagram of any peer: they keep to the MTU.
const MAX_BYTES: usize = 4096;

#[derive(Debug)]
pub(super) struct InboundLimit {
    per_second: u32,
    /// Bytes that are still let through.
    left: usize,
    second: Option<Instant>,
    count: u32,
}

impl InboundLimit {
    pub(super) fn new(per_second: u32, total_bytes: usize) -> Self {
        Self {
            per_second,
            left: total_bytes,
            second: None,
            count: 0,
        }
    }

    pub(super) fn admits(&mut self, now: Instant, bytes: usize) -> bool {
        let same =
            |second: &Instant| now.saturating_duration_since(*second) < Duration::from_secs(1);
        if !self.second.as_ref().is_some_and(same) {
            self.second = Some(now);
            self.count = 0;
        }
        if bytes > MAX_BYTES || bytes > self.left || self.count >= self.per_second {
            return false;
        }
        self.count += 1;
        self.left -= bytes;
        true
    }
}

//! Counters of events.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only increases.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// As [`Counter::add`], without a locked instruction: for a counter that only one thread writes.
    pub fn add_alone(&self, n: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(n);
        self.0.store(sum, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Events of one viewer, shard or stream since it began. Read by any thread. The counters of a viewer and of a shard are
/// written by one thread, those of a stream by every shard, so preferably once for many events.
#[derive(Debug, Default)]
pub struct Counters {
    /// RTP packets sent, retransmissions among them.
    pub packets: Counter,
    /// Bytes of these and of sender reports, without UDP and IP headers.
    pub bytes: Counter,
    /// Retransmitted packets (RFC 4588).
    pub rtx: Counter,
    /// Packets that receivers reported as lost (generic NACK, RFC 4585 6.2.1).
    pub nacks: Counter,
    /// Keyframe requests: PLI and FIR (RFC 4585 6.3.1, RFC 5104 4.3.1).
    pub plis: Counter,
    /// How often a viewer was too slow and skipped to a later keyframe.
    pub skips: Counter,
    /// Sends that the kernel refused.
    pub send_errors: Counter,
    /// Send calls, each of one datagram or more.
    pub batches: Counter,
}

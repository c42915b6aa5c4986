//! What has happened since something began, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What has happened to one viewer, shard or stream since it began. Read by any thread, and written without waiting: those
/// of a viewer and of a shard by one thread, those of a stream by every shard, so best once a batch.
#[derive(Debug, Default)]
pub struct Counters {
    /// RTP packets sent, retransmissions among them.
    pub packets: Counter,
    /// Octets of these datagrams, without UDP and IP.
    pub bytes: Counter,
    /// Packets sent again (RFC 4588).
    pub rtx: Counter,
    /// Packets that receivers asked for again (RFC 4585 6.2.1).
    pub nacks: Counter,
    /// Requests for a keyframe: PLI and FIR (RFC 4585 6.3.1, RFC 5104 4.3.1).
    pub plis: Counter,
    /// Times that a viewer was too slow and went on at a later keyframe.
    pub skips: Counter,
    /// Sends that the kernel refused.
    pub send_errors: Counter,
    /// Sends to the kernel, each of one datagram or more.
    pub batches: Counter,
}

//! What has happened to viewers and shards since they began, in numbers for machines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub use stream::counters::{Counter, Counters};

/// Of one viewer.
#[derive(Debug, Default)]
pub struct ViewerCounters {
    pub sent: Counters,
    /// Bits a second; 0: none yet.
    estimate: AtomicU64,
    /// 0: none yet.
    rtt_micros: AtomicU64,
    sealed: AtomicBool,
}

impl ViewerCounters {
    /// What the path to the viewer can carry by our estimate, in bits a second.
    pub fn estimate_bps(&self) -> Option<u64> {
        Some(self.estimate.load(Ordering::Relaxed)).filter(|&estimate| estimate > 0)
    }

    pub fn set_estimate_bps(&self, bits_per_second: u64) {
        self.estimate.store(bits_per_second, Ordering::Relaxed);
    }

    /// The newest round rtt (RFC 3550 6.4.1).
    pub fn rtt(&self) -> Option<Duration> {
        let micros = self.rtt_micros.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    pub fn set_rtt(&self, rtt: Duration) {
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        // Within a machine it may be less than one.
        self.rtt_micros.store(micros.max(1), Ordering::Relaxed);
    }

    /// True: its packets are sealed by a shard. False: they go through the webrtc crate.
    pub fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Relaxed)
    }

    pub fn set_sealed(&self, sealed: bool) {
        self.sealed.store(sealed, Ordering::Relaxed);
    }
}

/// Of one shard.
#[derive(Debug, Default)]
pub struct ShardCounters {
    pub sent: Counters,
    pub lateness: Lateness,
    /// Its viewers now.
    pub viewers: AtomicU64,
    /// Datagrams that belong to nobody: the port's own count.
    pub stray: Arc<AtomicU64>,
    /// RTCP datagrams that arrived.
    pub feedback: Counter,
}

/// How late frames are sent: from when a frame could have gone (due, and appended) to its send. A histogram.
#[derive(Debug, Default)]
pub struct Lateness {
    /// The last one: longer than every bound.
    buckets: [Counter; Lateness::BOUNDS_MS.len() + 1],
    micros: Counter,
}

impl Lateness {
    /// Upper bounds of all buckets but the last, in milliseconds; what equals one belongs below it.
    pub const BOUNDS_MS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

    /// Adds one frame.
    pub fn add(&self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let bucket = Self::BOUNDS_MS.partition_point(|bound| bound * 1000 < micros);
        self.buckets[bucket].add(1);
        self.micros.add(micros);
    }

    /// Frames in each bucket.
    pub fn buckets(&self) -> [u64; Self::BOUNDS_MS.len() + 1] {
        std::array::from_fn(|bucket| self.buckets[bucket].get())
    }

    /// The sum over all frames.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_in_the_first_bucket_that_holds_it() {
        let lateness = Lateness::default();
        for micros in [0, 1000, 1001, 9_999, 1_000_000, 1_000_001, 60_000_000] {
            lateness.add(Duration::from_micros(micros));
        }
        assert_eq!(lateness.buckets(), [2, 1, 0, 1, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(lateness.sum(), Duration::from_micros(62_012_001));
    }

    #[test]
    fn what_is_not_known_yet_is_absent() {
        let viewer = ViewerCounters::default();
        assert_eq!((viewer.estimate_bps(), viewer.rtt()), (None, None));
        viewer.set_estimate_bps(1_200_000);
        viewer.set_rtt(Duration::from_nanos(300));
        assert_eq!(viewer.estimate_bps(), Some(1_200_000));
        assert_eq!(viewer.rtt(), Some(Duration::from_micros(1)));
    }
}

//! Counters of viewers and shards, for `/metrics` and `GET /session`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use net::port::PortCounters;
use srtp::Profile;
pub use stream::counters::{Counter, Counters};

/// Counters of one viewer.
#[derive(Debug, Default)]
pub struct ViewerCounters {
    pub sent: Counters,
    /// 0: no estimate yet.
    estimate_bps: AtomicU64,
    /// 0: not measured yet.
    rtt_us: AtomicU64,
    profile: OnceLock<Profile>,
}

impl ViewerCounters {
    /// How its media is encrypted. `None`: it is not connected yet.
    pub fn profile(&self) -> Option<Profile> {
        self.profile.get().copied()
    }

    /// The first call counts: the keys of a viewer do not change.
    pub fn set_profile(&self, profile: Profile) {
        self.profile.get_or_init(|| profile);
    }

    /// The estimated bandwidth of the path to the viewer, in bits a second.
    pub fn estimate_bps(&self) -> Option<u64> {
        Some(self.estimate_bps.load(Ordering::Relaxed)).filter(|&estimate| estimate > 0)
    }

    pub fn set_estimate_bps(&self, bits_per_second: u64) {
        self.estimate_bps.store(bits_per_second, Ordering::Relaxed);
    }

    /// The smoothed round-trip time (RFC 3550 6.4.1).
    pub fn rtt(&self) -> Option<Duration> {
        let micros = self.rtt_us.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    pub fn set_rtt(&self, rtt: Duration) {
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        // On loopback it may be less than a microsecond, and 0 means unknown.
        self.rtt_us.store(micros.max(1), Ordering::Relaxed);
    }
}

/// Counters of one shard.
#[derive(Debug, Default)]
pub struct ShardCounters {
    pub sent: Counters,
    pub lateness: Lateness,
    /// Current viewers.
    pub viewers: AtomicU64,
    /// Of its port.
    pub port: Arc<PortCounters>,
    /// RTCP datagrams that arrived and were authentic.
    pub feedback: Counter,
    /// RTCP datagrams of viewers that were dropped: not authentic, or too many.
    pub feedback_dropped: Counter,
    /// The thread has failed and has not started again yet.
    pub failed: AtomicBool,
    pub restarts: Counter,
    /// The same, of the thread that runs the connections of its viewers.
    pub connection_restarts: Counter,
    /// It does not keep up with its viewers.
    pub overloaded: AtomicBool,
}

/// Histogram of the time from when a frame could have been sent (due, and appended) to when it is sent.
#[derive(Debug, Default)]
pub struct Lateness {
    /// The last bucket counts frames later than every bound.
    buckets: [Counter; Lateness::BOUNDS_MS.len() + 1],
    sum_us: Counter,
}

impl Lateness {
    /// Upper bounds of all buckets but the last, inclusive, in milliseconds.
    pub const BOUNDS_MS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

    /// Adds one frame. One thread calls this.
    pub fn add(&self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let bucket = Self::BOUNDS_MS.partition_point(|bound| bound * 1000 < micros);
        self.buckets[bucket].add_alone(1);
        self.sum_us.add_alone(micros);
    }

    /// Frames in each bucket.
    pub fn buckets(&self) -> [u64; Self::BOUNDS_MS.len() + 1] {
        std::array::from_fn(|bucket| self.buckets[bucket].get())
    }

    /// The sum over all frames.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us.get())
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
    fn an_unknown_estimate_or_rtt_is_absent() {
        let viewer = ViewerCounters::default();
        assert_eq!((viewer.estimate_bps(), viewer.rtt()), (None, None));
        viewer.set_estimate_bps(1_200_000);
        viewer.set_rtt(Duration::from_nanos(300));
        assert_eq!(viewer.estimate_bps(), Some(1_200_000));
        assert_eq!(viewer.rtt(), Some(Duration::from_micros(1)));
    }
}

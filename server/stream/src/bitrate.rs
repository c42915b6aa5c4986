//! The bit rate of a rendition on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use media::time::MediaTime;

/// The bit rate sent to one viewer of a rendition, in bits per second: first estimated, then measured. Shared by all threads.
#[derive(Debug, Default)]
pub struct RenditionBitrate {
    /// Zero while unknown.
    rate: AtomicU64,
}

impl RenditionBitrate {
    pub fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Sets the rate unless it is known already.
    pub fn set_estimate(&self, rate: u64) {
        // Fails when the rate is known already.
        let _ = self
            .rate
            .compare_exchange(0, rate, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Measures one rendition while its source runs. Owned by the source's thread.
#[derive(Debug)]
pub(super) struct BitrateMeter {
    bitrate: Arc<RenditionBitrate>,
    since: Option<MediaTime>,
    bytes: u64,
    measured: bool,
}

/// The length of a measurement, in microseconds: long enough to average keyframes and smaller frames.
const WINDOW: i64 = 4_000_000;
/// The weight of the newest measurement in the moving average.
const WEIGHT: f64 = 0.25;
/// Bytes around each payload: IPv4 20, UDP 8, RTP 12 and 8 of a header extension, the tag of AES-GCM 16 (RFC 7714 13).
const OVERHEAD: u64 = 64;

impl BitrateMeter {
    pub(super) fn new(bitrate: Arc<RenditionBitrate>) -> Self {
        Self {
            bitrate,
            since: None,
            bytes: 0,
            measured: false,
        }
    }

    /// Adds a frame of this many packets and payload bytes.
    pub(super) fn add(&mut self, time: MediaTime, packets: usize, bytes: usize) {
        let since = *self.since.get_or_insert(time);
        let span = time.micros_since(since);
        if !(0..WINDOW).contains(&span) {
            if span > 0 {
                self.update(self.bytes as f64 * 8e6 / span as f64);
            }
            self.since = Some(time);
            self.bytes = 0;
        }
        self.bytes += bytes as u64 + packets as u64 * OVERHEAD;
    }

    fn update(&mut self, newest: f64) {
        let before = self.bitrate.rate() as f64;
        let rate = match self.measured {
            true => before + (newest - before) * WEIGHT,
            false => newest,
        };
        self.measured = true;
        self.bitrate
            .rate
            .store((rate as u64).max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 frames per second. One of 4 packets and 4,744 bytes takes 5,000 bytes on the wire: 1 Mbit/s.
    fn play(meter: &mut BitrateMeter, from: i64, seconds: i64, bytes: usize) {
        for frame in 0..=seconds * 25 {
            meter.add(MediaTime(from + frame * 40_000), 4, bytes);
        }
    }

    #[test]
    fn the_estimate_is_used_until_the_first_measurement() {
        let bitrate = Arc::new(RenditionBitrate::default());
        let mut meter = BitrateMeter::new(bitrate.clone());
        assert_eq!(bitrate.rate(), 0);
        bitrate.set_estimate(3_000_000);
        bitrate.set_estimate(9_000_000);
        play(&mut meter, 0, 3, 4_744);
        assert_eq!(bitrate.rate(), 3_000_000);
        play(&mut meter, 3_000_000, 1, 4_744);
        // The frame at 3 s was added twice.
        assert!(
            (1_000_000..1_020_000).contains(&bitrate.rate()),
            "{}",
            bitrate.rate()
        );
        bitrate.set_estimate(9_000_000);
        assert!(bitrate.rate() < 1_020_000);
    }

    #[test]
    fn a_lasting_change_is_followed_and_a_short_one_is_smoothed() {
        let bitrate = Arc::new(RenditionBitrate::default());
        let mut meter = BitrateMeter::new(bitrate.clone());
        play(&mut meter, 0, 40, 4_744);
        assert_eq!(bitrate.rate(), 1_000_000);
        play(&mut meter, 40_040_000, 4, 9_744);
        assert!(
            (1_200_000..1_300_000).contains(&bitrate.rate()),
            "{}",
            bitrate.rate()
        );
        play(&mut meter, 44_080_000, 60, 9_744);
        assert!(
            (1_950_000..2_010_000).contains(&bitrate.rate()),
            "{}",
            bitrate.rate()
        );
    }

    #[test]
    fn a_clock_that_jumps_back_restarts_the_measurement() {
        let bitrate = Arc::new(RenditionBitrate::default());
        let mut meter = BitrateMeter::new(bitrate.clone());
        play(&mut meter, 1_000_000_000, 2, 4_744);
        play(&mut meter, 0, 4, 4_744);
        assert_eq!(bitrate.rate(), 1_000_000);
    }
}

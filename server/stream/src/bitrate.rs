//! How many bits a second a rendition has on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use media::time::MediaTime;

/// What one viewer of a rendition costs, in bits a second: guessed, then measured. Read by any thread.
#[derive(Debug, Default)]
pub struct RenditionBitrate {
    /// 0: not known.
    rate: AtomicU64,
}

impl RenditionBitrate {
    pub fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Stands until something was measured.
    pub fn guess(&self, rate: u64) {
        // Known already: that is better.
        let _ = self
            .rate
            .compare_exchange(0, rate, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Measures one rendition while its source runs; its end that belongs to the source's thread.
#[derive(Debug)]
pub(super) struct BitrateMeter {
    meter: Arc<RenditionBitrate>,
    since: Option<MediaTime>,
    bytes: u64,
    measured: bool,
}

/// Pictures differ in size, keyframes most: so long is looked at before anything is said, in microseconds...
const WINDOW: i64 = 4_000_000;
/// ...and the newest window counts for so much.
const WEIGHT: f64 = 0.25;
/// Around each payload: IPv4 20, UDP 8, RTP 12 and 8 of a header extension, the tag of AES-GCM 16 (RFC 7714 13).
const OVERHEAD: u64 = 64;

impl BitrateMeter {
    pub(super) fn new(meter: Arc<RenditionBitrate>) -> Self {
        Self {
            meter,
            since: None,
            bytes: 0,
            measured: false,
        }
    }

    /// A frame was appended, in so many packets with so many bytes of payload.
    pub(super) fn add(&mut self, time: MediaTime, packets: usize, bytes: usize) {
        let since = *self.since.get_or_insert(time);
        let span = time.micros_since(since);
        if !(0..WINDOW).contains(&span) {
            if span > 0 {
                self.tell(self.bytes as f64 * 8e6 / span as f64);
            }
            self.since = Some(time);
            self.bytes = 0;
        }
        self.bytes += bytes as u64 + packets as u64 * OVERHEAD;
    }

    fn tell(&mut self, newest: f64) {
        let before = self.meter.rate() as f64;
        let rate = match self.measured {
            true => before + (newest - before) * WEIGHT,
            false => newest,
        };
        self.measured = true;
        self.meter
            .rate
            .store((rate as u64).max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 pictures a second of 4 packets and 4,744 bytes: 5,000 on the wire, so 1 Mbit/s.
    fn play(measure: &mut BitrateMeter, from: i64, seconds: i64, bytes: usize) {
        for picture in 0..=seconds * 25 {
            measure.add(MediaTime(from + picture * 40_000), 4, bytes);
        }
    }

    #[test]
    fn the_guess_stands_until_something_was_measured() {
        let meter = Arc::new(RenditionBitrate::default());
        let mut measure = BitrateMeter::new(meter.clone());
        assert_eq!(meter.rate(), 0);
        meter.guess(3_000_000);
        meter.guess(9_000_000);
        play(&mut measure, 0, 3, 4_744);
        assert_eq!(meter.rate(), 3_000_000);
        play(&mut measure, 3_000_000, 1, 4_744);
        // The picture at 3 s came twice.
        assert!(
            (1_000_000..1_020_000).contains(&meter.rate()),
            "{}",
            meter.rate()
        );
        meter.guess(9_000_000);
        assert!(meter.rate() < 1_020_000);
    }

    #[test]
    fn a_lasting_change_is_followed_and_a_short_one_hardly() {
        let meter = Arc::new(RenditionBitrate::default());
        let mut measure = BitrateMeter::new(meter.clone());
        play(&mut measure, 0, 40, 4_744);
        assert_eq!(meter.rate(), 1_000_000);
        play(&mut measure, 40_040_000, 4, 9_744);
        assert!(
            (1_200_000..1_300_000).contains(&meter.rate()),
            "{}",
            meter.rate()
        );
        play(&mut measure, 44_080_000, 60, 9_744);
        assert!(
            (1_950_000..2_010_000).contains(&meter.rate()),
            "{}",
            meter.rate()
        );
    }

    #[test]
    fn a_clock_that_jumps_back_begins_anew() {
        let meter = Arc::new(RenditionBitrate::default());
        let mut measure = BitrateMeter::new(meter.clone());
        play(&mut measure, 1_000_000_000, 2, 4_744);
        play(&mut measure, 0, 4, 4_744);
        assert_eq!(meter.rate(), 1_000_000);
    }
}

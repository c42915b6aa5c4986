//! The level meter of a microphone: what it shows, and whether nothing is heard.

/// So long without a sound is said.
const SILENT_MS: u64 = 3_000;
/// In percent; below are the noise of a line and a muted microphone.
const SILENT_BELOW: u32 = 12;
/// The bar falls by so much a sample, so that peaks can be seen.
const FALL: u32 = 6;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// In percent.
    pub level: u32,
    /// Nothing has been heard for a while.
    pub is_silent: bool,
    heard_at: u64,
}

impl Meter {
    pub fn new(now: u64) -> Self {
        Self {
            heard_at: now,
            ..Self::default()
        }
    }

    /// Takes samples of 8 bits, silence being 128. `now` in milliseconds.
    pub fn on_samples(&mut self, samples: &[u8], now: u64) {
        let peak = samples.iter().map(|sample| sample.abs_diff(128)).max();
        // The root of the amplitude: speech is in the middle of the bar.
        let level = (u32::from(peak.unwrap_or(0)) * 10_000 / 128).isqrt();
        self.level = level.min(100).max(self.level.saturating_sub(FALL));
        if level >= SILENT_BELOW {
            self.heard_at = now;
        }
        self.is_silent = now.saturating_sub(self.heard_at) >= SILENT_MS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_shown_at_once_and_falls_slowly() {
        let mut meter = Meter::new(0);
        meter.on_samples(&[128, 0, 128], 0);
        assert_eq!(meter.level, 100);
        meter.on_samples(&[128], 100);
        assert_eq!(meter.level, 94);
        meter.on_samples(&[128, 160], 200);
        assert_eq!(meter.level, 88);
        for _ in 0..20 {
            meter.on_samples(&[128], 300);
        }
        assert_eq!(meter.level, 0);
    }

    #[test]
    fn three_seconds_of_silence_are_said_and_a_word_ends_them() {
        let mut meter = Meter::new(1_000);
        meter.on_samples(&[127, 128, 129], 3_900);
        assert!(!meter.is_silent);
        meter.on_samples(&[127, 128, 129], 4_000);
        assert!(meter.is_silent);
        meter.on_samples(&[100, 140], 4_100);
        assert!(!meter.is_silent);
    }
}

//! Bits a second over the last half second.

/// Bytes by the time at which they were seen, in bins.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    bins: [u32; BINS],
    /// Number of the newest bin.
    newest: i64,
    /// Bins since the first, as far as they count.
    filled: usize,
}

const BINS: usize = 10;
/// Microseconds.
const BIN: i64 = 50_000;
const SECONDS: f64 = BIN as f64 / 1e6;
/// A shorter time says little.
const LEAST: usize = 3;

impl RateMeter {
    /// `at`: in microseconds on any clock that goes forward.
    pub(super) fn add(&mut self, at: i64, bytes: u32) {
        let bin = at.div_euclid(BIN);
        let ahead = bin.wrapping_sub(self.newest);
        if self.filled == 0 || ahead.unsigned_abs() > 100 * BINS as u64 {
            *self = Self {
                newest: bin,
                filled: 1,
                ..Self::default()
            };
        } else if ahead > 0 {
            let ahead = usize::try_from(ahead).unwrap_or(BINS);
            for later in 1..=ahead.min(BINS) {
                self.bins[slot(self.newest.wrapping_add(later as i64))] = 0;
            }
            if ahead >= BINS {
                self.bins = [0; BINS];
            }
            self.newest = bin;
            self.filled = (self.filled + ahead).min(BINS);
        } else if ahead <= -(BINS as i64) {
            return;
        }
        let bin = &mut self.bins[slot(bin)];
        *bin = bin.saturating_add(bytes);
    }

    /// `None`: too little was seen.
    pub(super) fn rate(&self) -> Option<f64> {
        let bytes: f64 = self.bins.iter().map(|bytes| f64::from(*bytes)).sum();
        // The newest bin is half over, on average.
        let span = SECONDS * (self.filled as f64 - 0.5);
        (self.filled >= LEAST).then(|| 8.0 * bytes / span)
    }
}

fn slot(bin: i64) -> usize {
    bin.rem_euclid(BINS as i64) as usize
}

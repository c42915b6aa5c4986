//! The rate over the last half second.

/// Bytes in bins of 50 ms.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    bins: [u32; BINS],
    /// The number of the newest bin.
    newest: i64,
    /// Bins since the first packet, at most `BINS`.
    filled: usize,
}

const BINS: usize = 10;
const BIN_US: i64 = 50_000;
const BIN_SECONDS: f64 = BIN_US as f64 / 1e6;
/// A rate over fewer bins is too inaccurate.
const MIN_BINS: usize = 3;

impl RateMeter {
    /// `at_us`: in microseconds, on any clock.
    pub(super) fn add(&mut self, at_us: i64, bytes: u32) {
        let bin = at_us.div_euclid(BIN_US);
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

    /// In bits a second; `None`: too few packets yet.
    pub(super) fn rate_bps(&self) -> Option<f64> {
        let bytes: f64 = self.bins.iter().map(|bytes| f64::from(*bytes)).sum();
        // The newest bin is half over, on average.
        let span = BIN_SECONDS * (self.filled as f64 - 0.5);
        (self.filled >= MIN_BINS).then(|| 8.0 * bytes / span)
    }
}

fn slot(bin: i64) -> usize {
    bin.rem_euclid(BINS as i64) as usize
}

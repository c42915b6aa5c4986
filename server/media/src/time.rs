//! The clock of a stream.

/// A point on a stream's clock, in microseconds. Zero is the beginning of the file's first iteration; the clock
/// continues when the file loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(pub i64);

impl MediaTime {
    pub const ZERO: Self = Self(0);

    /// In units of `clock_rate` a second, rounded to the nearest. Computed from the absolute time, so rounding errors
    /// do not accumulate.
    pub fn to_clock(self, clock_rate: u32) -> i64 {
        let scaled = i128::from(self.0) * i128::from(clock_rate);
        ((scaled + 500_000).div_euclid(1_000_000)) as i64
    }

    /// `self - earlier`, in microseconds; negative when `earlier` is later.
    pub fn micros_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0 + micros)
    }
}

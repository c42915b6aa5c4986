//! The mapping from a stream's clock to the instants at which frames are due for one viewer.

use std::time::{Duration, Instant};

use media::time::MediaTime;

/// A frame of `time` is due at the instant `at`; a frame one second later is due one second later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) time: MediaTime,
    pub(super) at: Instant,
}

impl Origin {
    pub(super) fn instant_of(self, time: MediaTime) -> Instant {
        let micros = time.micros_since(self.time);
        let distance = Duration::from_micros(micros.unsigned_abs());
        if micros >= 0 {
            self.at + distance
        } else {
            self.at.checked_sub(distance).unwrap_or(self.at)
        }
    }

    pub(super) fn time_of(self, instant: Instant) -> MediaTime {
        let ahead = instant.saturating_duration_since(self.at).as_micros() as i64;
        self.time.plus_micros(ahead)
    }
}

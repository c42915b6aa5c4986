//! The mapping from a stream's clock to the instants at which units are due for one viewer.

use std::time::{Duration, Instant};

use media::time::MediaTime;

use super::place::{Place, RunId};

/// A unit of `place` is due at the instant `at`; a unit one second later is due one second later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) place: Place,
    pub(super) at: Instant,
}

impl Origin {
    pub(super) fn run(self) -> RunId {
        self.place.run
    }

    pub(super) fn instant_of(self, time: MediaTime) -> Instant {
        let micros = time.micros_since(self.place.time);
        let distance = Duration::from_micros(micros.unsigned_abs());
        let instant = if micros >= 0 {
            self.at.checked_add(distance)
        } else {
            self.at.checked_sub(distance)
        };
        instant.unwrap_or(self.at)
    }

    pub(super) fn place_at(self, instant: Instant) -> Place {
        let ahead = instant.saturating_duration_since(self.at).as_micros() as i64;
        let behind = self.at.saturating_duration_since(instant).as_micros() as i64;
        self.place.plus_micros(ahead - behind)
    }

    /// The same places later or earlier.
    pub(super) fn delayed(self, by: Duration) -> Self {
        Self {
            at: self.at + by,
            ..self
        }
    }
}

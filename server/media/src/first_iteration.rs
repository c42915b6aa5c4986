//! The units of a file at once, for tests and benchmarks.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::clock::Clock;
use super::control::Control;
use super::error::MediaError;
use super::probe::Probe;
use super::source::{Input, Sink, run_on};
use super::time::MediaTime;
use super::track::TrackId;

/// The units of one codec in a file's first iteration, which ends at `end`. The codec has to be one that the file is passed through in.
///
/// # Errors
/// As [`run_on`].
pub fn first_iteration(
    input: &Input,
    probe: &Probe,
    codec: Codec,
    end: MediaTime,
) -> Result<Vec<AccessUnit>, MediaError> {
    let control = Control::default();
    let clock = Skipping(Cell::new(Instant::now()));
    let units = RefCell::new(Vec::new());
    let mut sink = Collector {
        units: &units,
        control: &control,
        codec,
        end,
    };
    run_on(&clock, input, probe, &control, &mut sink)?;
    Ok(units.into_inner())
}

/// Skips ahead instead of sleeping.
struct Skipping(Cell<Instant>);

impl Clock for Skipping {
    fn now(&self) -> Instant {
        self.0.get()
    }

    fn sleep(&self, _: &Control, until: Instant) {
        let next = self.0.get() + Duration::from_micros(1);
        self.0.set(until.max(next));
    }
}

/// Keeps the units of one codec, and stops the source at the end of its first iteration.
struct Collector<'a> {
    units: &'a RefCell<Vec<AccessUnit>>,
    control: &'a Control,
    codec: Codec,
    end: MediaTime,
}

impl Sink for Collector<'_> {
    fn anchor(&mut self, _: MediaTime, _: Instant) {}

    fn begin_run(&mut self) {}

    fn append(&mut self, _: TrackId, unit: AccessUnit) {
        // The last packet of sound may end a little later than the film.
        if unit.dts.plus_micros(5_000) >= self.end {
            self.control.stop();
        } else if unit.codec == self.codec {
            self.units.borrow_mut().push(unit);
        }
    }

    fn replanned(&mut self, _: &Probe) {}

    fn dropped(&mut self, _: u64) {}
}

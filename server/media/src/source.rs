//! A source: its input, and the sink that it delivers to.

use std::path::PathBuf;
use std::time::Instant;

use super::access_unit::AccessUnit;
pub use super::append_schedule::LEAD;
pub use super::clock::{Clock, WallClock};
use super::control::Control;
pub use super::encoding::track_of;
use super::error::MediaError;
use super::pacer::Pacer;
pub use super::probe::{Probe, probe};
use super::time::MediaTime;
use super::track::TrackId;

/// What a source reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    File(PathBuf),
    /// A generated moving test pattern with a clock, and a tone.
    Test,
}

/// Receives the output of a source. Called on the source's thread.
pub trait Sink {
    /// `time` is live at the instant `at`. Called before the first unit, and again after a stall (slow disk,
    /// suspended machine): the source continues from there without a burst.
    fn anchor(&mut self, time: MediaTime, at: Instant);
    /// Another file has taken the place of the one that was read: another run begins. An anchor follows.
    fn begin_run(&mut self);
    /// A unit of video or Opus. Decode times strictly rise within a track.
    fn append(&mut self, track: TrackId, unit: AccessUnit);
    /// The file differs from its probe; `probe` is the corrected one. A track that is no longer passed through
    /// is encoded while it is requested ([`Control::request_track`]).
    fn replanned(&mut self, probe: &Probe);
    /// `frames` more video frames were dropped because encoding could not keep up.
    fn dropped(&mut self, frames: u64);
}

/// Blocking: runs on the calling thread until `control` requests a stop, or until the source fails.
///
/// A unit of time `t` is appended when `t` is live, or up to [`LEAD`] before. Files are played in an endless loop.
///
/// # Errors
/// The input has disappeared, or nothing in it can be read or decoded.
pub fn run(
    input: &Input,
    probe: &Probe,
    control: &Control,
    sink: &mut dyn Sink,
) -> Result<(), MediaError> {
    run_on(&WallClock, input, probe, control, sink)
}

/// [`run`] on another clock.
///
/// # Errors
/// As [`run`].
pub fn run_on(
    clock: &dyn Clock,
    input: &Input,
    probe: &Probe,
    control: &Control,
    sink: &mut dyn Sink,
) -> Result<(), MediaError> {
    let mut pacer = Pacer::new(clock, input, probe, control, sink)?;
    match input {
        Input::File(path) => pacer.play_file(path),
        Input::Test => pacer.play_test_source(),
    }
}

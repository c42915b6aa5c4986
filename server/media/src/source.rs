//! A source: where it comes from, and what it delivers to.

use std::path::PathBuf;
use std::time::Instant;

use super::access_unit::AccessUnit;
pub use super::clock::{Clock, LEAD, WallClock};
use super::control::Control;
use super::error::MediaError;
use super::player::Player;
pub use super::probe::{Probe, probe};
use super::time::MediaTime;

/// Where pictures and sound come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    File(PathBuf),
    /// A generated moving picture with a clock, and a tone.
    Test,
}

/// What a source's thread delivers to.
pub trait Sink {
    /// `time` is live at wall instant `at`. Called first of all, and again after a stall (slow disk,
    /// suspended machine): the source goes on from there instead of bursting.
    fn anchor(&mut self, time: MediaTime, at: Instant);
    /// A unit of pictures or Opus. Times strictly increase within a codec.
    fn append(&mut self, unit: AccessUnit);
    /// The file turned out to be other than it looked: what to tell people now. When a codec is no longer passed through,
    /// it is encoded for those who [`Control::want`] it.
    fn replanned(&mut self, probe: &Probe);
    /// So many pictures more were left out because encoding could not keep up.
    fn dropped(&mut self, pictures: u64);
}

/// Blocking: runs on the calling thread until `control` says stop, or the source cannot go on.
///
/// A unit whose time is `t` is appended when `t` is live or up to [`LEAD`] before. Files loop for ever.
///
/// # Errors
/// The source is gone, or nothing in it can be read or decoded.
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
    let mut player = Player::new(clock, input, probe, control, sink)?;
    match input {
        Input::File(path) => player.file(path),
        Input::Test => player.test(),
    }
}

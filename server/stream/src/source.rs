//! What fills a stream's log while somebody watches.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use media::access_unit::AccessUnit;
use media::control::Control;
use media::error::MediaError;
use media::probe::{self, Probe};
use media::source::{self, Input, Sink};
use media::time::MediaTime;
use media::track::{Offering, TrackId};

use super::appender::Appender;
use super::helper::Helpers;

/// A source that runs while its stream has viewers. Its functions block, and are called on threads of their own.
pub trait Source: Debug + Send + Sync {
    /// Finds out what it offers.
    ///
    /// # Errors
    /// There is nothing to be watched.
    fn read(&self) -> Result<Offering, MediaError>;

    /// A still of the video, as JPEG.
    ///
    /// # Errors
    /// No picture can be decoded.
    fn poster(&self) -> Result<Bytes, MediaError>;

    /// Appends, at the rate at which its units are live, until `requests` says stop.
    ///
    /// # Errors
    /// It cannot go on. [`MediaError::Changed`]: what [`Source::read`] found is not true any more.
    fn run(&self, requests: &Control, appender: &mut Appender) -> Result<(), MediaError>;
}

/// A file that is played in a loop, or the generated test pattern.
#[derive(Debug)]
pub struct MediaSource {
    input: Input,
    /// Processes that probe files; `None`: this process does.
    helpers: Option<Arc<Helpers>>,
    /// As the newest run has corrected it.
    probe: Mutex<Option<Probe>>,
}

impl MediaSource {
    pub(super) fn new(input: Input, helpers: Option<Arc<Helpers>>) -> Self {
        Self {
            input,
            helpers,
            probe: Mutex::default(),
        }
    }

    fn set_probe(&self, probe: Probe) {
        let mut known = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(probe);
    }
}

impl Source for MediaSource {
    fn read(&self) -> Result<Offering, MediaError> {
        let probe = match (&self.helpers, &self.input) {
            (Some(helpers), Input::File(path)) => helpers.probe(path)?,
            (_, input) => probe::probe(input)?,
        };
        let offering = probe.offering();
        self.set_probe(probe);
        Ok(offering)
    }

    fn poster(&self) -> Result<Bytes, MediaError> {
        let jpeg = match (&self.helpers, &self.input) {
            (Some(helpers), Input::File(path)) => helpers.poster(path)?,
            (_, input) => media::poster::poster(input)?,
        };
        Ok(Bytes::from(jpeg))
    }

    fn run(&self, requests: &Control, appender: &mut Appender) -> Result<(), MediaError> {
        let known = {
            let known = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
            known.clone()
        };
        let probe = match known {
            Some(probe) => probe,
            None => probe::probe(&self.input)?,
        };
        let mut sink = Output {
            source: self,
            appender,
        };
        source::run(&self.input, &probe, requests, &mut sink)
    }
}

/// Hands what FFmpeg delivers to the log.
struct Output<'a> {
    source: &'a MediaSource,
    appender: &'a mut Appender,
}

impl Sink for Output<'_> {
    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.appender.anchor(time, at);
    }

    fn begin_run(&mut self) {
        self.appender.begin_run(None);
    }

    fn append(&mut self, track: TrackId, unit: AccessUnit) {
        self.appender.append(track, unit);
    }

    fn replanned(&mut self, probe: &Probe) {
        self.source.set_probe(probe.clone());
        self.appender.set_offering(probe.offering());
    }

    fn dropped(&mut self, frames: u64) {
        self.appender.add_dropped(frames);
    }
}

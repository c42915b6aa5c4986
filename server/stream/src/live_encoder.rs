//! Encodes a published stream again, for viewers that cannot be sent what its publisher sends.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use media::control::{Control, Requests};
use media::error::MediaError;
use media::live::{LivePicture, LiveTranscoder, Transcoded};
use media::track::TrackId;
use shared::api::Codec;
use shared::retry::Backoff;
use timeline::chunk::UnitRef;
use timeline::index::Index;
use timeline::place::{Place, RunId};
use timeline::reader::Reader;

use super::Stream;
use super::appender::Appender;
use super::shared_log::SharedLog;

/// Between two looks at the log: what encoders add to the delay at most.
const POLL_INTERVAL: Duration = Duration::from_millis(4);
/// A picture that has been in the log for longer is not encoded while newer ones wait.
const LATE: Duration = Duration::from_millis(100);
/// And after this, decoding goes on at the newest keyframe.
const MAX_LATENESS: Duration = Duration::from_secs(2);
/// Between two keyframes that are asked of the publisher.
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at what is offered, while nothing is to be encoded.
const IDLE_INTERVAL: Duration = Duration::from_millis(250);
/// Between two attempts to begin.
pub(super) const RETRIES: Backoff = Backoff {
    first_ms: 1_000,
    longest_ms: 30_000,
};

/// Starts the encoders of a stream. They run while `control` requests tracks; the thread ends with the log. `publisher`: what asks for its keyframes.
pub(super) fn start(
    stream: &Arc<Stream>,
    log: &Arc<SharedLog>,
    control: &Arc<Control>,
    publisher: &Arc<Control>,
) -> io::Result<JoinHandle<()>> {
    let mut encoder = LiveEncoder {
        stream: Arc::downgrade(stream),
        appender: Appender::new(Arc::clone(log), Arc::downgrade(stream)),
        log: Arc::clone(log),
        control: Arc::clone(control),
        publisher: Arc::clone(publisher),
        asked: None,
        offering_version: 0,
        newest: None,
        running: None,
        failures: 0,
        retry_at: None,
    };
    let thread = Builder::new().name(format!("encoders {}", stream.name));
    thread.spawn(move || encoder.run())
}

struct LiveEncoder {
    stream: Weak<Stream>,
    log: Arc<SharedLog>,
    appender: Appender,
    control: Arc<Control>,
    publisher: Arc<Control>,
    /// When a keyframe was asked of the publisher.
    asked: Option<Instant>,
    /// That is followed.
    offering_version: u32,
    /// The newest unit that was appended.
    newest: Option<Place>,
    /// While somebody watches, and there is something to encode.
    running: Option<Running>,
    /// Attempts to begin that failed, in a row.
    failures: u32,
    /// When it is tried again.
    retry_at: Option<Instant>,
}

struct Running {
    /// The track that is decoded.
    source: (TrackId, Codec),
    reader: Reader,
    /// Of the run that is decoded.
    transcoder: Option<(RunId, LiveTranscoder)>,
    /// The unit that was read last.
    read: Option<Place>,
}

impl LiveEncoder {
    fn run(&mut self) {
        loop {
            let requests = self.control.take_requests();
            if requests.stop || self.log.is_over() || self.stream.strong_count() == 0 {
                return;
            }
            if requests.tracks.is_empty() {
                // The decoder and the encoders end here.
                (self.running, self.newest, self.offering_version) = (None, None, 0);
                self.retry_at = None;
                self.appender.set_encoder_failing(false);
                self.control.wait_for_tracks();
                continue;
            }
            self.follow_offering();
            if let Some(wait) = self.step(&requests) {
                self.control.sleep_until(Instant::now() + wait);
            }
        }
    }

    /// What is to be decoded may have changed.
    fn follow_offering(&mut self) {
        let Some(stream) = self.stream.upgrade() else {
            return;
        };
        let version = stream.offering_version.load(Ordering::Acquire);
        if version == self.offering_version {
            return;
        }
        self.offering_version = version;
        let offering = stream.known_offering();
        let source = offering.and_then(|offering| offering.encoded_from);
        let before = self.running.take();
        let before = before.filter(|running| Some(running.source) == source);
        if before.is_none() {
            (self.failures, self.retry_at) = (0, None);
            self.appender.set_encoder_failing(false);
        }
        let begin = |source: (TrackId, Codec)| Running {
            source,
            reader: Reader::new(source.0, &*self.log),
            transcoder: None,
            read: None,
        };
        self.running = before.or_else(|| source.map(begin));
    }

    /// Decodes the next picture. `Some`: there is none; look again after this time.
    fn step(&mut self, requests: &Requests) -> Option<Duration> {
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| now < at) {
            return Some(IDLE_INTERVAL);
        }
        let Some(running) = &mut self.running else {
            return Some(IDLE_INTERVAL);
        };
        if let Some((_, transcoder)) = &mut running.transcoder {
            transcoder.set_renditions(&requests.tracks);
            for track in &requests.keyframes {
                transcoder.request_keyframe(*track);
            }
        }
        let newest = self.log.newest(running.source.0);
        let Some(unit) = running.reader.read(&*self.log, now) else {
            // There are pictures, and all of them follow on one that has not been decoded.
            if newest > running.read {
                self.ask_for_keyframe(now);
                return Some(POLL_INTERVAL);
            }
            let live = self.log.live(now);
            if let Some((run, transcoder)) = &mut running.transcoder
                && *run == live.run
            {
                let transcoded = transcoder.repeat(live.time);
                self.append(live.run, transcoded);
            }
            return Some(POLL_INTERVAL);
        };
        let place = unit.place();
        running.read = Some(place);
        if !running.decodes(place.run) {
            match running.begin(&unit, self.newest) {
                Ok(Some(mut transcoder)) => {
                    transcoder.set_renditions(&requests.tracks);
                    running.transcoder = Some((place.run, transcoder));
                    (self.failures, self.retry_at) = (0, None);
                }
                // After an attempt that failed: its keyframe has been read.
                Ok(None) => {
                    self.ask_for_keyframe(now);
                    return None;
                }
                Err(error) => {
                    let wait_ms = RETRIES.wait_ms(self.failures, 1.0);
                    self.failures = self.failures.saturating_add(1);
                    self.appender.set_encoder_failing(true);
                    tracing::error!(%error, wait_ms, "a live stream cannot be decoded; it is tried again");
                    self.retry_at = Some(now + Duration::from_millis(wait_ms));
                    return Some(IDLE_INTERVAL);
                }
            }
        }
        let (_, transcoder) = running.transcoder.as_mut()?;
        let lateness = now.saturating_duration_since(unit.unit().appended);
        let is_behind = lateness > MAX_LATENESS;
        if is_behind && running.reader.skip_to_newest_keyframe(&*self.log, &unit) {
            transcoder.skip();
            return None;
        }
        let transcoded = transcoder.push(
            LivePicture {
                data: unit.unit().payloads.unit(),
                time: unit.unit().pts,
                is_late: lateness > LATE && newest.is_some_and(|newest| newest > place),
            },
            now,
        );
        self.append(place.run, transcoded);
        if is_behind {
            self.ask_for_keyframe(now);
        }
        None
    }

    /// Decoding goes on with it: the one before is too old, or no longer in the log.
    fn ask_for_keyframe(&mut self, now: Instant) {
        let is_early = |asked| now.saturating_duration_since(asked) < REQUEST_INTERVAL;
        if let Some(running) = &self.running
            && !self.asked.is_some_and(is_early)
        {
            self.asked = Some(now);
            self.publisher.request_keyframe(running.source.0);
        }
    }

    fn append(&mut self, run: RunId, transcoded: Transcoded) {
        let Some(running) = &mut self.running else {
            return;
        };
        if transcoded.dropped > 0 {
            self.appender.add_dropped(transcoded.dropped);
        }
        for (track, unit) in transcoded.units {
            let place = Place {
                run,
                time: unit.dts,
            };
            if self.appender.append_encoded(run, track, unit) {
                self.newest = self.newest.max(Some(place));
            } else if let Some((_, transcoder)) = &mut running.transcoder {
                // The viewers of a rendition left, and others have come.
                transcoder.request_keyframe(track);
            }
        }
        let transcoder = running.transcoder.as_ref();
        let is_failing = transcoder.is_some_and(|(_, transcoder)| transcoder.is_failing());
        self.appender.set_encoder_failing(is_failing);
    }
}

impl Running {
    fn decodes(&self, run: RunId) -> bool {
        let decoded = self.transcoder.as_ref().map(|(decoded, _)| *decoded);
        decoded == Some(run)
    }

    /// Begins with the first picture of a run, after what was appended before. `None`: it is no keyframe.
    fn begin(
        &self,
        unit: &UnitRef,
        newest: Option<Place>,
    ) -> Result<Option<LiveTranscoder>, MediaError> {
        if !unit.unit().keyframe {
            return Ok(None);
        }
        let in_run = |newest: &Place| newest.run == unit.place().run;
        let after = newest.filter(in_run).map(|newest| newest.time);
        LiveTranscoder::new(self.source.1, after).map(Some)
    }
}

#[cfg(test)]
mod tests;

//! A running source.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media::control::Control;
use media::error::MediaError;
use media::release_free_memory;
use media::track::TrackId;
use timeline::index::Pace;
use timeline::log::Log;
use timeline::retention::Retention;

use super::appender::Appender;
use super::live_encoder::RETRIES;
use super::shared_log::SharedLog;
use super::source::Source;
use super::{Stream, StreamError, live_encoder, lock};

/// A log that is being appended to.
#[derive(Debug)]
pub(super) struct ActiveSource {
    pub(super) log: Arc<SharedLog>,
    pub(super) control: Arc<Control>,
    /// The requests to encoders: of a source that is played, the same.
    pub(super) encoders: Arc<Control>,
    /// It has been opened, and waits for a viewer.
    held: bool,
    /// Runs the source. When it is published from outside: encodes it again, from the first time that a viewer needs that.
    thread: Option<JoinHandle<()>>,
    /// When its thread is to be started again, after so many failures.
    retry: Option<(Instant, u32)>,
}

/// When a source goes on after it has opened its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    AtOnce,
    /// With [`ActiveSource::resume`].
    Held,
}

impl ActiveSource {
    pub(super) fn start(
        stream: &Arc<Stream>,
        source: &Arc<dyn Source>,
        start: Start,
    ) -> Result<Self, StreamError> {
        let log = Arc::new(SharedLog::default());
        let control = Arc::new(Control::default());
        let held = start == Start::Held;
        if held {
            control.hold();
        }
        let mut appender = Appender::new(Arc::clone(&log), Arc::downgrade(stream));
        let (weak, source, requests) = (
            Arc::downgrade(stream),
            Arc::clone(source),
            Arc::clone(&control),
        );
        let thread = std::thread::Builder::new().name(format!("source {}", stream.name));
        let thread = thread.spawn(move || {
            let result = source.run(&requests, &mut appender);
            appender.finish();
            if let (Err(error), Some(stream)) = (result, weak.upgrade()) {
                let cause = error.cause();
                tracing::warn!(stream = stream.name, cause, "the source stopped: {error}");
                match error {
                    // The file was replaced by another one: the next viewer gets the new file.
                    MediaError::Changed(_) => stream.invalidate(),
                    error => lock(&stream.status).failure = Some(stream.unreadable(&error)),
                }
            }
        });
        let thread = thread.map_err(|error| {
            tracing::error!(stream = stream.name, "no thread for the source: {error}");
            StreamError::NotStarted
        })?;
        tracing::info!(stream = stream.name, held, "the source starts");
        Ok(Self {
            log,
            encoders: Arc::clone(&control),
            control,
            held,
            thread: Some(thread),
            retry: None,
        })
    }

    /// A log that is appended to from outside.
    pub(super) fn published(log: Arc<SharedLog>, control: Arc<Control>) -> Self {
        Self {
            log,
            control,
            encoders: Arc::default(),
            held: false,
            thread: None,
            retry: None,
        }
    }

    /// A log for viewers that wait for a publisher.
    pub(super) fn awaited(retention: Retention) -> Self {
        let log = SharedLog::new(Log::new(Pace::Edge, retention));
        Self::published(Arc::new(log), Arc::default())
    }

    /// True: it fills its log.
    pub(super) fn is_running(&self) -> bool {
        !self.held && !self.log.is_over()
    }

    /// Lets a source that is held go on.
    pub(super) fn resume(&mut self) {
        self.held = false;
        self.control.resume();
    }

    /// Starts the encoder of a track.
    pub(super) fn start_encoder(&mut self, stream: &Arc<Stream>, track: TrackId) {
        self.encoders.request_track(track);
        self.ensure_encoders(stream, Instant::now());
    }

    /// Starts the thread of the encoders again, which failed. To be called several times a second.
    pub(super) fn retry_encoders(&mut self, stream: &Arc<Stream>, now: Instant) {
        if self.retry.is_some() {
            self.ensure_encoders(stream, now);
        }
    }

    fn ensure_encoders(&mut self, stream: &Arc<Stream>, now: Instant) {
        if self.thread.is_some() || self.retry.is_some_and(|(at, _)| now < at) {
            return;
        }
        // Before it runs: it notes its own failures.
        self.log.set_encoder_failing(false);
        match live_encoder::start(stream, &self.log, &self.encoders, &self.control) {
            Ok(thread) => (self.thread, self.retry) = (Some(thread), None),
            Err(error) => {
                tracing::error!(stream = stream.name, "no thread for its encoders: {error}");
                self.log.set_encoder_failing(true);
                let failures = self.retry.map_or(0, |(_, failures)| failures);
                let wait = Duration::from_millis(RETRIES.wait_ms(failures, 1.0));
                self.retry = Some((now + wait, failures.saturating_add(1)));
            }
        }
    }

    /// Stops the encoder of a track that nobody watches, whose units nobody can join at any more.
    pub(super) fn stop_encoder(&self, track: TrackId) {
        self.encoders.release_track(track);
        self.log.lock().clear(track);
    }

    /// Stops the source and joins its thread.
    pub(super) async fn stop(self) {
        self.control.stop();
        self.encoders.stop();
        self.log.finish();
        let Some(thread) = self.thread else {
            return;
        };
        // The thread checks `control` between two packets and waits on it, so this takes milliseconds.
        let log = self.log;
        let joined = tokio::task::spawn_blocking(move || {
            let joined = thread.join();
            drop(log);
            release_free_memory();
            joined
        });
        let joined = joined.await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("a source's thread panicked; please report this with the log above");
        }
    }
}

//! One named stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::poster::poster;
use media::probe::{self, Probe};
use media::source::Input;
use shared::api::{Codec, Rendition, StreamInfo, StreamState};
use tokio::sync::{OnceCell, Semaphore};

use super::active_source::ActiveSource;
use super::bitrate::RenditionBitrate;
use super::counters::Counters;
use super::registry::path_segment;
use super::subscription::Subscription;
use super::{StreamError, lock};

/// A named stream. Its source runs from the first viewer until a grace period after the last.
#[derive(Debug)]
pub struct Stream {
    pub(super) name: String,
    pub(super) input: Input,
    grace: Duration,
    probe_permits: Arc<Semaphore>,
    probe_cache: Mutex<Arc<ProbeCache>>,
    pub(super) status: Mutex<Status>,
    counters: Arc<Counters>,
    bitrates: Mutex<BTreeMap<Codec, Arc<RenditionBitrate>>>,
}

/// Results of reading the file, each computed once; replaced when the file changes.
#[derive(Debug, Default)]
struct ProbeCache {
    probe: OnceCell<Result<Arc<Probe>, StreamError>>,
    poster: OnceCell<Result<Bytes, StreamError>>,
}

#[derive(Debug, Default)]
pub(super) struct Status {
    source: Option<ActiveSource>,
    /// The probe as corrected by a running source; used for later runs as well.
    replanned: Option<Arc<Probe>>,
    pub(super) failure: Option<String>,
    removed: bool,
    viewers: u32,
    renditions: BTreeMap<Codec, RenditionUse>,
    idle_since: Option<Instant>,
}

/// The viewers of one video codec.
#[derive(Debug, Default)]
struct RenditionUse {
    viewers: u32,
    idle_since: Option<Instant>,
    encoded: bool,
    /// When the encoder was last asked for a keyframe.
    keyframe_requested: Option<Instant>,
}

/// The minimum time between two keyframe requests to an encoder, for all viewers together.
const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_secs(1);

impl Stream {
    /// `probe_permits` limits how many files are read at once, over all streams.
    pub fn new(
        name: String,
        input: Input,
        grace: Duration,
        probe_permits: Arc<Semaphore>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            input,
            grace,
            probe_permits,
            probe_cache: Mutex::default(),
            status: Mutex::default(),
            counters: Arc::default(),
            bitrates: Mutex::default(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Counters of all its viewers since the server started.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The bit rates of these renditions. `probe`: this stream's, for an estimate until they are measured.
    pub fn bitrates(
        &self,
        probe: &Probe,
        video: Option<Codec>,
        audio: bool,
    ) -> Vec<Arc<RenditionBitrate>> {
        let codecs = video.into_iter().chain(audio.then_some(Codec::Opus));
        let bitrates = codecs.map(|codec| {
            let bitrate = self.bitrate(codec);
            bitrate.set_estimate(probe.bit_rate(codec));
            bitrate
        });
        bitrates.collect()
    }

    pub(super) fn bitrate(&self, codec: Codec) -> Arc<RenditionBitrate> {
        Arc::clone(lock(&self.bitrates).entry(codec).or_default())
    }

    /// The description of this stream for the API. Does not block.
    pub fn info(&self) -> StreamInfo {
        let found = lock(&self.probe_cache).probe.get().cloned();
        let status = lock(&self.status);
        let (probe, unreadable) = match found {
            Some(Ok(probe)) => (Some(status.replanned.clone().unwrap_or(probe)), None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        let running = status
            .source
            .as_ref()
            .is_some_and(|source| !source.log.is_over());
        let state = match (unreadable.or_else(|| status.failure.clone()), &probe) {
            (Some(error), _) => StreamState::Failed { error },
            (None, None) => StreamState::Probing,
            (None, Some(_)) if running => StreamState::Running,
            (None, Some(_)) => StreamState::Idle,
        };
        let renditions = status
            .renditions
            .iter()
            .map(|(&codec, rendition)| Rendition {
                codec,
                encoded: probe
                    .as_ref()
                    .is_some_and(|probe| !probe.passes_through(codec)),
                viewers: rendition.viewers,
            });
        let renditions = renditions.collect();
        let video = probe.as_ref().and_then(|probe| probe.video.clone());
        StreamInfo {
            poster: video
                .as_ref()
                .map(|_| format!("/api/streams/{}/poster.jpg", path_segment(&self.name))),
            name: self.name.clone(),
            state,
            duration: probe
                .as_ref()
                .and_then(|probe| probe.duration)
                .map(|duration| duration.as_secs_f64()),
            video,
            audio: probe.as_ref().and_then(|probe| probe.audio.clone()),
            renditions,
            dropped: status
                .source
                .as_ref()
                .map_or(0, |source| source.log.dropped()),
            viewers: status.viewers,
        }
    }

    /// The tracks of the stream. Reads the file on the first call.
    pub async fn probe(&self) -> Result<Arc<Probe>, StreamError> {
        let probe_cache = lock(&self.probe_cache).clone();
        let found = probe_cache.probe.get_or_init(|| async {
            let input = self.input.clone();
            self.run_blocking(move || probe::probe(&input).map(Arc::new))
                .await
        });
        let probe = found.await.clone()?;
        Ok(lock(&self.status).replanned.clone().unwrap_or(probe))
    }

    /// A still of the stream, as JPEG.
    pub async fn poster(&self) -> Result<Bytes, StreamError> {
        if self.probe().await?.video.is_none() {
            return Err(StreamError::NoVideo);
        }
        let probe_cache = lock(&self.probe_cache).clone();
        let made = probe_cache.poster.get_or_init(|| async {
            let input = self.input.clone();
            self.run_blocking(move || poster(&input).map(Bytes::from))
                .await
        });
        made.await.clone()
    }

    /// Runs blocking FFmpeg calls on a blocking thread, a limited number at a time.
    async fn run_blocking<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, StreamError>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let _permit = self.probe_permits.acquire().await;
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| StreamError::Unreadable(self.sentence(&error))),
            Err(error) => Err(StreamError::NotStarted(error.to_string())),
        }
    }

    /// An error message for users: with the name of the file, without its directory.
    pub(super) fn sentence(&self, error: &impl std::fmt::Display) -> String {
        let mut text = error.to_string();
        if let Input::File(path) = &self.input
            && let Some(name) = path.file_name()
        {
            text = text.replace(&path.display().to_string(), &name.to_string_lossy());
        }
        text + "."
    }

    /// Clears everything known about the file, because it has changed.
    pub(super) fn invalidate(&self) {
        *lock(&self.probe_cache) = Arc::default();
        lock(&self.bitrates).clear();
        let mut status = lock(&self.status);
        status.replanned = None;
        status.failure = None;
    }

    /// Adds a viewer, and starts the source if it is not running. `video` is one of the probe's codecs.
    pub async fn subscribe(
        self: &Arc<Self>,
        video: Option<Codec>,
        audio: bool,
    ) -> Result<Subscription, StreamError> {
        let probe = self.probe().await?;
        let mut status = lock(&self.status);
        if status.removed {
            return Err(StreamError::Removed);
        }
        if status
            .source
            .as_ref()
            .is_some_and(|source| source.log.is_over())
        {
            status.source = None;
        }
        let source = match status.source.take() {
            Some(source) => source,
            None => ActiveSource::start(self, &probe)?,
        };
        if let Some(codec) = video {
            let rendition = status.renditions.entry(codec).or_insert_with(|| {
                let encoded = !probe.passes_through(codec);
                if encoded {
                    // A viewer must not join on old frames of an encoder that was stopped.
                    source.log.lock().clear(codec);
                }
                source.control.request_codec(codec);
                RenditionUse {
                    encoded,
                    ..RenditionUse::default()
                }
            });
            rendition.viewers += 1;
            rendition.idle_since = None;
        }
        status.viewers += 1;
        status.idle_since = None;
        status.failure = None;
        let log = Arc::clone(&source.log);
        status.source = Some(source);
        Ok(Subscription {
            stream: Arc::clone(self),
            log,
            video,
            audio: audio.then_some(Codec::Opus),
        })
    }

    /// Requests a keyframe, at most one per [`KEYFRAME_REQUEST_INTERVAL`]. False: the codec has no encoder.
    pub(super) fn request_keyframe(&self, codec: Codec, now: Instant) -> bool {
        let mut status = lock(&self.status);
        let Status {
            source, renditions, ..
        } = &mut *status;
        let (Some(source), Some(rendition)) = (source, renditions.get_mut(&codec)) else {
            return false;
        };
        let recent =
            |requested| now.saturating_duration_since(requested) < KEYFRAME_REQUEST_INTERVAL;
        if rendition.encoded && !rendition.keyframe_requested.is_some_and(recent) {
            rendition.keyframe_requested = Some(now);
            source.control.request_keyframe(codec);
        }
        rendition.encoded
    }

    pub(super) fn replanned(&self, probe: Probe) {
        lock(&self.status).replanned = Some(Arc::new(probe));
    }

    /// Removes a viewer. Encoders and the source stop after a grace period without viewers.
    pub(super) fn leave(self: &Arc<Self>, video: Option<Codec>) {
        let now = Instant::now();
        {
            let mut status = lock(&self.status);
            status.viewers = status.viewers.saturating_sub(1);
            if status.viewers == 0 {
                status.idle_since = Some(now);
            }
            if let Some(rendition) = video.and_then(|codec| status.renditions.get_mut(&codec)) {
                rendition.viewers = rendition.viewers.saturating_sub(1);
                if rendition.viewers == 0 {
                    rendition.idle_since = Some(now);
                }
            }
        }
        // Without a runtime the server is shutting down, and `close` has stopped the source.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let stream = Arc::clone(self);
            runtime.spawn(async move {
                tokio::time::sleep(stream.grace).await;
                stream.stop_idle(Instant::now()).await;
            });
        }
    }

    /// Stops the encoders, and the source, that had no viewers for the grace period.
    async fn stop_idle(&self, now: Instant) {
        let expired = |since: Option<Instant>| {
            since.is_some_and(|since| now.duration_since(since) >= self.grace)
        };
        let source = {
            let mut status = lock(&self.status);
            let Status {
                source, renditions, ..
            } = &mut *status;
            renditions.retain(|&codec, rendition| {
                let keep = !expired(rendition.idle_since);
                if let (false, Some(source)) = (keep, source.as_ref()) {
                    source.control.release_codec(codec);
                }
                keep
            });
            if expired(status.idle_since) {
                status.source.take()
            } else {
                None
            }
        };
        if let Some(source) = source {
            tracing::info!(stream = self.name, "no viewers: the source stops");
            source.stop().await;
        }
    }

    /// Stops the stream permanently. Its viewers get [`Step::Over`](timeline::playhead::Step::Over).
    pub async fn close(&self) {
        let source = {
            let mut status = lock(&self.status);
            status.removed = true;
            status.source.take()
        };
        if let Some(source) = source {
            source.stop().await;
        }
    }
}

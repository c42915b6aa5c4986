//! A stream: one named source, the log that it fills while it runs, and the viewers that keep it running.
//!
//! | module | noun |
//! |---|---|
//! | [`admission`] | who may watch: so many, and so many bits a second to all together |
//! | [`bitrate`] | how many bits a second a rendition has |
//! | [`shared_log`] | the log of a running source, shared between its thread and its viewers |
//! | `active_source` | a source while it runs: its thread, its log, its orders |
//! | [`subscription`] | a viewer's hold on a stream |
//! | [`counters`] | what has happened to a stream since the server started |
//! | [`registry`] | every stream of this server by name; folders that are watched |

mod active_source;
pub mod admission;
pub mod bitrate;
pub mod counters;
pub mod registry;
pub mod shared_log;
pub mod subscription;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::api::{Codec, Rendition, StreamInfo, StreamState};
use tokio::sync::{OnceCell, Semaphore};

use self::active_source::ActiveSource;
use self::bitrate::RenditionBitrate;
use self::counters::Counters;
pub use self::subscription::Subscription;
use media::poster::poster;
use media::probe::{self, Probe};
use media::source::Input;

/// Why a stream cannot be watched; the text is a sentence for people.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    #[error("{0}")]
    Unreadable(String),
    #[error("This stream has no picture, so there is no poster of it.")]
    NoVideo,
    #[error("This stream has just been removed from the server; choose another one.")]
    Removed,
    #[error("The server could not start this stream: {0}. Try again in a moment.")]
    NotStarted(String),
    #[error("The server sends as much as it may. Try again in a while.")]
    Full,
}

/// One named source. It runs from its first viewer until a grace period after its last.
#[derive(Debug)]
pub struct Stream {
    name: String,
    input: Input,
    grace: Duration,
    looking: Arc<Semaphore>,
    probe_cache: Mutex<Arc<ProbeCache>>,
    live: Mutex<Live>,
    counters: Arc<Counters>,
    meters: Mutex<BTreeMap<Codec, Arc<RenditionBitrate>>>,
}

/// What has been found out about the file, once; replaced whole when the file changes.
#[derive(Debug, Default)]
struct ProbeCache {
    probe: OnceCell<Result<Arc<Probe>, StreamError>>,
    poster: OnceCell<Result<Bytes, StreamError>>,
}

#[derive(Debug, Default)]
struct Live {
    run: Option<ActiveSource>,
    /// What a run found that the probe had not; counts for later runs as well.
    replanned: Option<Arc<Probe>>,
    failure: Option<String>,
    removed: bool,
    viewers: u32,
    watched: BTreeMap<Codec, RenditionUse>,
    idle_since: Option<Instant>,
}

/// The viewers of one codec of pictures.
#[derive(Debug, Default)]
struct RenditionUse {
    viewers: u32,
    idle_since: Option<Instant>,
    encoded: bool,
    /// When a keyframe was last asked of the encoder.
    asked: Option<Instant>,
}

/// An encoder is asked for a keyframe this often at most, however many viewers have lost theirs.
const ASK_EVERY: Duration = Duration::from_secs(1);

impl Stream {
    /// `looking` limits how many files are looked at at once, over all streams.
    pub fn new(name: String, input: Input, grace: Duration, looking: Arc<Semaphore>) -> Arc<Self> {
        Arc::new(Self {
            name,
            input,
            grace,
            looking,
            probe_cache: Mutex::default(),
            live: Mutex::default(),
            counters: Arc::default(),
            meters: Mutex::default(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn input(&self) -> &Input {
        &self.input
    }

    /// What has happened to its viewers since the server started.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// What one viewer of these renditions costs. `probe`: this stream's, to guess from until something is measured.
    pub fn bitrates(
        &self,
        probe: &Probe,
        video: Option<Codec>,
        audio: bool,
    ) -> Vec<Arc<RenditionBitrate>> {
        let codecs = video.into_iter().chain(audio.then_some(Codec::Opus));
        let metered = codecs.map(|codec| {
            let meter = self.meter(codec);
            meter.guess(probe.bit_rate(codec));
            meter
        });
        metered.collect()
    }

    fn meter(&self, codec: Codec) -> Arc<RenditionBitrate> {
        Arc::clone(lock(&self.meters).entry(codec).or_default())
    }

    /// What the API says of this stream now. Never waits.
    pub fn info(&self) -> StreamInfo {
        let found = lock(&self.probe_cache).probe.get().cloned();
        let live = lock(&self.live);
        let (probe, unreadable) = match found {
            Some(Ok(probe)) => (Some(live.replanned.clone().unwrap_or(probe)), None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        let running = live
            .run
            .as_ref()
            .is_some_and(|run| !run.shared_log.is_over());
        let state = match (unreadable.or_else(|| live.failure.clone()), &probe) {
            (Some(error), _) => StreamState::Failed { error },
            (None, None) => StreamState::Probing,
            (None, Some(_)) if running => StreamState::Running,
            (None, Some(_)) => StreamState::Idle,
        };
        let renditions = live.watched.iter().map(|(&codec, watched)| Rendition {
            codec,
            encoded: probe
                .as_ref()
                .is_some_and(|probe| !probe.passes_through(codec)),
            viewers: watched.viewers,
        });
        let renditions = renditions.collect();
        let video = probe.as_ref().and_then(|probe| probe.video.clone());
        StreamInfo {
            poster: video
                .as_ref()
                .map(|_| format!("/api/streams/{}/poster.jpg", registry::encode(&self.name))),
            name: self.name.clone(),
            state,
            duration: probe
                .as_ref()
                .and_then(|probe| probe.duration)
                .map(|duration| duration.as_secs_f64()),
            video,
            audio: probe.as_ref().and_then(|probe| probe.audio.clone()),
            renditions,
            dropped: live.run.as_ref().map_or(0, |run| run.shared_log.dropped()),
            viewers: live.viewers,
        }
    }

    /// What can be sent, after the file has been looked at.
    pub async fn probe(&self) -> Result<Arc<Probe>, StreamError> {
        let probe_cache = lock(&self.probe_cache).clone();
        let found = probe_cache.probe.get_or_init(|| async {
            let input = self.input.clone();
            self.look(move || probe::probe(&input).map(Arc::new)).await
        });
        let probe = found.await.clone()?;
        Ok(lock(&self.live).replanned.clone().unwrap_or(probe))
    }

    /// A picture of the stream, as JPEG.
    pub async fn poster(&self) -> Result<Bytes, StreamError> {
        if self.probe().await?.video.is_none() {
            return Err(StreamError::NoVideo);
        }
        let probe_cache = lock(&self.probe_cache).clone();
        let made = probe_cache.poster.get_or_init(|| async {
            let input = self.input.clone();
            self.look(move || poster(&input).map(Bytes::from)).await
        });
        made.await.clone()
    }

    /// Runs FFmpeg where it may block.
    async fn look<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, StreamError>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let _turn = self.looking.acquire().await;
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| StreamError::Unreadable(self.sentence(&error))),
            Err(error) => Err(StreamError::NotStarted(error.to_string())),
        }
    }

    /// An error of the source as a viewer may read it: the file by its name, not by where it lies.
    fn sentence(&self, error: &impl std::fmt::Display) -> String {
        let mut text = error.to_string();
        if let Input::File(path) = &self.input
            && let Some(name) = path.file_name()
        {
            text = text.replace(&path.display().to_string(), &name.to_string_lossy());
        }
        text + "."
    }

    /// Forgets what was found out: the file has changed.
    fn invalidate(&self) {
        *lock(&self.probe_cache) = Arc::default();
        lock(&self.meters).clear();
        let mut live = lock(&self.live);
        live.replanned = None;
        live.failure = None;
    }

    /// Joins the stream, and starts it when nobody else watches. `video` is one of the probe's codecs.
    pub async fn subscribe(
        self: &Arc<Self>,
        video: Option<Codec>,
        audio: bool,
    ) -> Result<Subscription, StreamError> {
        let probe = self.probe().await?;
        let mut live = lock(&self.live);
        if live.removed {
            return Err(StreamError::Removed);
        }
        if live
            .run
            .as_ref()
            .is_some_and(|run| run.shared_log.is_over())
        {
            live.run = None;
        }
        let run = match live.run.take() {
            Some(run) => run,
            None => ActiveSource::start(self, &probe)?,
        };
        if let Some(codec) = video {
            let watched = live.watched.entry(codec).or_insert_with(|| {
                let encoded = !probe.passes_through(codec);
                if encoded {
                    // Frames of an encoder that was stopped long ago are no place to begin.
                    run.shared_log.lock().clear(codec);
                }
                run.control.request_codec(codec);
                RenditionUse {
                    encoded,
                    ..RenditionUse::default()
                }
            });
            watched.viewers += 1;
            watched.idle_since = None;
        }
        live.viewers += 1;
        live.idle_since = None;
        live.failure = None;
        let shared_log = Arc::clone(&run.shared_log);
        live.run = Some(run);
        Ok(Subscription {
            stream: Arc::clone(self),
            shared_log,
            video,
            audio: audio.then_some(Codec::Opus),
        })
    }

    /// True: the encoder makes one, or has just been asked to. False: there is none to ask.
    fn request_keyframe(&self, codec: Codec, now: Instant) -> bool {
        let mut live = lock(&self.live);
        let Live { run, watched, .. } = &mut *live;
        let (Some(run), Some(watched)) = (run, watched.get_mut(&codec)) else {
            return false;
        };
        let lately = |asked| now.saturating_duration_since(asked) < ASK_EVERY;
        if watched.encoded && !watched.asked.is_some_and(lately) {
            watched.asked = Some(now);
            run.control.request_keyframe(codec);
        }
        watched.encoded
    }

    fn replanned(&self, probe: Probe) {
        lock(&self.live).replanned = Some(Arc::new(probe));
    }

    fn leave(self: &Arc<Self>, video: Option<Codec>) {
        let now = Instant::now();
        {
            let mut live = lock(&self.live);
            live.viewers = live.viewers.saturating_sub(1);
            if live.viewers == 0 {
                live.idle_since = Some(now);
            }
            if let Some(watched) = video.and_then(|codec| live.watched.get_mut(&codec)) {
                watched.viewers = watched.viewers.saturating_sub(1);
                if watched.viewers == 0 {
                    watched.idle_since = Some(now);
                }
            }
        }
        // Outside a runtime the server is going down, and `close` has ended the run already.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let stream = Arc::clone(self);
            runtime.spawn(async move {
                tokio::time::sleep(stream.grace).await;
                stream.tidy(Instant::now()).await;
            });
        }
    }

    /// Ends what nobody has watched for the grace period: encoders, and the whole run.
    async fn tidy(&self, now: Instant) {
        let expired = |since: Option<Instant>| {
            since.is_some_and(|since| now.duration_since(since) >= self.grace)
        };
        let run = {
            let mut live = lock(&self.live);
            let Live { run, watched, .. } = &mut *live;
            watched.retain(|&codec, watched| {
                let keep = !expired(watched.idle_since);
                if let (false, Some(run)) = (keep, run.as_ref()) {
                    run.control.release_codec(codec);
                }
                keep
            });
            if expired(live.idle_since) {
                live.run.take()
            } else {
                None
            }
        };
        if let Some(run) = run {
            tracing::info!(stream = self.name, "nobody watches: the source stops");
            run.end().await;
        }
    }

    /// Ends the stream for everybody, for good.
    pub async fn close(&self) {
        let run = {
            let mut live = lock(&self.live);
            live.removed = true;
            live.run.take()
        };
        if let Some(run) = run {
            run.end().await;
        }
    }
}

/// What these locks guard is whole after every statement, so a panic elsewhere cannot have torn it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

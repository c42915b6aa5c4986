//! One named stream.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media::live::is_encoded_live;
use media::source::Input;
use media::track::{OfferedTrack, Offering, TrackId};
use shared::api::{Codec, ViewerLimit};
use timeline::retention::Retention;
use tokio::sync::Semaphore;

use super::active_source::{ActiveSource, Start};
use super::admission::{AdmissionError, Limits};
use super::bitrate::RenditionBitrate;
use super::counters::Counters;
use super::encoders::{EncoderPlace, EncoderPlaces};
use super::helper::Helpers;
use super::published_state::PublishedState;
use super::reading::Reading;
use super::renditions::Renditions;
use super::source::{MediaSource, Source};
use super::subscription::{KeyframeRequest, Subscription, WantedTrack};
use super::{StreamError, lock};

/// A named stream. A source that the server plays runs from the first viewer until a grace period after the last.
#[derive(Debug)]
pub struct Stream {
    pub(super) name: String,
    pub(super) origin: StreamOrigin,
    pub(super) grace: Duration,
    pub(super) probe_permits: Arc<Semaphore>,
    pub(super) encoders: EncoderPlaces,
    pub(super) reading: Mutex<Arc<Reading>>,
    pub(super) status: Mutex<Status>,
    /// Of what it offers; rises.
    pub(super) offering_version: AtomicU32,
    counters: Arc<Counters>,
    pub(super) bitrates: Mutex<BTreeMap<TrackId, Arc<RenditionBitrate>>>,
}

/// Where a stream's units come from.
#[derive(Debug)]
pub(super) enum StreamOrigin {
    Played {
        input: Input,
        source: Arc<dyn Source>,
    },
    /// A publisher appends, while there is one.
    Published(PublishedState),
}

#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) source: Option<ActiveSource>,
    /// Of a published stream without a publisher: what its viewers wait for.
    pub(super) awaited: Option<ActiveSource>,
    /// The offering as corrected by a running source; used for later runs as well.
    pub(super) corrected: Option<Arc<Offering>>,
    pub(super) failure: Option<StreamError>,
    /// What the running source offers, when its file has changed since and has not been compared yet.
    pub(super) superseded: Option<Arc<Offering>>,
    pub(super) removed: bool,
    pub(super) viewers: u32,
    pub(super) renditions: Renditions,
    pub(super) idle_since: Option<Instant>,
}

impl Stream {
    /// `probe_permits` limits how many files are read at once, over all streams.
    pub fn new(
        name: String,
        input: Input,
        grace: Duration,
        probe_permits: Arc<Semaphore>,
    ) -> Arc<Self> {
        let encoders = EncoderPlaces::new(Limits::default_encoders());
        Self::played(name, input, grace, probe_permits, encoders, None)
    }

    /// As [`Stream::new`]; `encoders` limits how many encoders run at once, over all streams. `helpers`: processes that probe files.
    pub(super) fn played(
        name: String,
        input: Input,
        grace: Duration,
        probe_permits: Arc<Semaphore>,
        encoders: EncoderPlaces,
        helpers: Option<Arc<Helpers>>,
    ) -> Arc<Self> {
        let source = Arc::new(MediaSource::new(input.clone(), helpers));
        let origin = StreamOrigin::Played { input, source };
        Arc::new(Self::with(name, origin, grace, probe_permits, encoders))
    }

    /// A stream that waits for a publisher, and exists until it is closed. `grace`: of encoders without viewers.
    pub(super) fn published(
        name: String,
        state: PublishedState,
        grace: Duration,
        encoders: EncoderPlaces,
    ) -> Arc<Self> {
        let probe_permits = Arc::new(Semaphore::new(0));
        let origin = StreamOrigin::Published(state);
        Arc::new(Self::with(name, origin, grace, probe_permits, encoders))
    }

    fn with(
        name: String,
        origin: StreamOrigin,
        grace: Duration,
        probe_permits: Arc<Semaphore>,
        encoders: EncoderPlaces,
    ) -> Self {
        Self {
            name,
            origin,
            grace,
            probe_permits,
            encoders,
            reading: Mutex::default(),
            status: Mutex::default(),
            offering_version: AtomicU32::new(1),
            counters: Arc::default(),
            bitrates: Mutex::default(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the server plays; `None` when it is published from outside.
    pub fn input(&self) -> Option<&Input> {
        match &self.origin {
            StreamOrigin::Played { input, .. } => Some(input),
            StreamOrigin::Published(_) => None,
        }
    }

    /// Counters of all its viewers since the server started.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The bit rates of these tracks, as far as they are known: measured, or else estimated.
    pub fn bitrates(&self, tracks: &[OfferedTrack]) -> Vec<Arc<RenditionBitrate>> {
        let bitrates = tracks.iter().map(|track| {
            let bitrate = self.bitrate(track.id);
            bitrate.set_estimate(track.bit_rate);
            bitrate
        });
        bitrates.collect()
    }

    pub(super) fn bitrate(&self, track: TrackId) -> Arc<RenditionBitrate> {
        Arc::clone(lock(&self.bitrates).entry(track).or_default())
    }

    /// Whether an encoder of video makes this track, in this server.
    pub(super) fn runs_encoder(&self, track: &OfferedTrack) -> bool {
        let is_here = self.input().is_some() || is_encoded_live(track.id);
        track.encoded && track.codec.is_video() && is_here
    }

    /// A place for the encoder of this track, if it needs one, before a viewer follows it whose permit has not reserved it: of a publisher that sends something
    /// else than the viewer has waited for. Not to be called with the status locked.
    fn place_of(
        self: &Arc<Self>,
        track: &OfferedTrack,
    ) -> Result<Option<Arc<EncoderPlace>>, StreamError> {
        if !(is_encoded_live(track.id) && self.runs_encoder(track)) {
            return Ok(None);
        }
        let place = self.encoders.take(self, track.id, None);
        let full = AdmissionError(ViewerLimit::Encoders);
        Ok(Some(place.map_err(|_| full)?))
    }

    /// Adds a viewer of these tracks, and starts the source if it is not running. Its permit has reserved the encoders
    /// ([`ViewerPermit::reserve`](super::admission::ViewerPermit::reserve)). `tracks`: as the stream offered them. Does not block.
    ///
    /// # Errors
    /// One of the tracks is not offered any more, or the source cannot run.
    pub fn subscribe(
        self: &Arc<Self>,
        tracks: &[OfferedTrack],
    ) -> Result<Subscription, StreamError> {
        let wanted = tracks.iter().map(|track| WantedTrack {
            track: track.clone(),
            codecs: Vec::new(),
        });
        self.subscribe_to(&wanted.collect::<Vec<_>>(), false)
    }

    /// As [`Stream::subscribe`]. A track that is not offered any more may be replaced by another one. `waits`: also while nobody publishes the stream.
    ///
    /// # Errors
    /// One of the tracks is not offered any more, nor is one that may replace it; or the source cannot run.
    pub fn subscribe_to(
        self: &Arc<Self>,
        wanted: &[WantedTrack],
        waits: bool,
    ) -> Result<Subscription, StreamError> {
        let tracks = self.offered_now(wanted)?;
        let codecs = wanted.iter().map(|wanted| wanted.codecs.clone());
        let places = tracks.iter().map(|track| self.place_of(track));
        let _places: Vec<_> = places.collect::<Result<_, _>>()?;
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
        let is_awaited = status.source.is_none() && self.input().is_none();
        let mut source = match (status.source.take(), &self.origin) {
            (Some(source), _) => source,
            (None, StreamOrigin::Played { source, .. }) => {
                ActiveSource::start(self, source, Start::AtOnce)?
            }
            (None, StreamOrigin::Published(_)) if waits => {
                let awaited = status.awaited.take();
                awaited.unwrap_or_else(|| ActiveSource::awaited(Retention::default()))
            }
            (None, StreamOrigin::Published(state)) => {
                return Err(state.error().unwrap_or(StreamError::Removed));
            }
        };
        for track in tracks.iter().filter(|track| track.codec.is_video()) {
            if status.renditions.join(track.id) {
                self.start_rendition(track, &mut source, &mut status.renditions);
            }
        }
        source.resume();
        status.viewers += 1;
        status.idle_since = None;
        status.failure = None;
        let log = Arc::clone(&source.log);
        match is_awaited {
            true => status.awaited = Some(source),
            false => status.source = Some(source),
        }
        Ok(Subscription {
            stream: Arc::clone(self),
            log,
            tracks,
            codecs: codecs.collect(),
            offering_version: 0,
        })
    }

    fn start_rendition(
        self: &Arc<Self>,
        track: &OfferedTrack,
        source: &mut ActiveSource,
        renditions: &mut Renditions,
    ) {
        if self.runs_encoder(track) {
            renditions.set_place(track.id, Some(self.encoders.of(self, track.id)));
            // A viewer must not join on old frames of an encoder that was stopped.
            source.log.lock().clear(track.id);
            source.start_encoder(self, track.id);
        } else {
            source.control.request_track(track.id);
        }
    }

    /// Moves a viewer from one track to another of the same codec.
    pub(super) fn change_track(
        self: &Arc<Self>,
        from: &OfferedTrack,
        to: TrackId,
    ) -> Option<OfferedTrack> {
        let offering = self.known_offering()?;
        let to = offering
            .track(to)
            .filter(|to| (to.kind(), to.codec) == (from.kind(), from.codec))?
            .clone();
        let _place = self.place_of(&to).ok()?;
        self.move_viewer(from, &to);
        Some(to)
    }

    /// Moves a viewer from a track to one that is offered, of one of these codecs. `gone`: the track that is not.
    pub(super) fn replace_track(
        self: &Arc<Self>,
        from: &OfferedTrack,
        gone: TrackId,
        codecs: &[Codec],
    ) -> Option<OfferedTrack> {
        let offering = self.known_offering()?;
        let to = replacement(&offering, from, gone, codecs)?.clone();
        let _place = self.place_of(&to).ok()?;
        self.move_viewer(from, &to);
        Some(to)
    }

    fn move_viewer(self: &Arc<Self>, from: &OfferedTrack, to: &OfferedTrack) {
        let mut status = lock(&self.status);
        let Status {
            source, renditions, ..
        } = &mut *status;
        renditions.leave(from.id, Instant::now());
        if renditions.join(to.id)
            && let Some(source) = source
        {
            self.start_rendition(to, source, renditions);
        }
        drop(status);
        self.stop_idle_later();
    }

    /// Requests a keyframe, at most one a second.
    pub(super) fn request_keyframe(&self, track: TrackId, now: Instant) -> KeyframeRequest {
        let offering = self.known_offering();
        let offered = offering.as_ref().and_then(|offering| offering.track(track));
        let mut status = lock(&self.status);
        let Status {
            source, renditions, ..
        } = &mut *status;
        // A publisher makes keyframes, too.
        let is_made = |track: &&OfferedTrack| track.encoded || self.input().is_none();
        let (Some(source), Some(offered)) = (source, offered.filter(is_made)) else {
            return KeyframeRequest::Impossible;
        };
        let request = renditions.request_keyframe(track, now);
        if request == KeyframeRequest::Asked {
            match offered.encoded {
                true => source.encoders.request_keyframe(track),
                false => source.control.request_keyframe(track),
            }
        }
        request
    }

    /// Notes that it is not in the registry any more. It has no source, and those who wait for one end.
    pub(super) fn remove(&self) {
        let mut status = lock(&self.status);
        status.removed = true;
        if let Some(awaited) = status.awaited.take() {
            awaited.encoders.stop();
            awaited.log.finish();
        }
    }

    /// Stops the stream permanently. Its viewers get [`Step::Closed`](timeline::playhead::Step::Closed).
    pub async fn close(&self) {
        let source = {
            self.remove();
            lock(&self.status).source.take()
        };
        if let Some(source) = source {
            source.stop().await;
        }
    }
}

/// The track that takes the place of one (`from`) that is not offered any more.
pub(super) fn replacement<'a>(
    offering: &'a Offering,
    from: &OfferedTrack,
    gone: TrackId,
    codecs: &[Codec],
) -> Option<&'a OfferedTrack> {
    // What was negotiated as single NAL units stays so.
    let mode = |codec| codec == Codec::H264 && from.codec == codec && from.single_nal;
    let mut tracks = offering.of(from.kind());
    tracks.find(|track| {
        track.id != gone && track.single_nal == mode(track.codec) && codecs.contains(&track.codec)
    })
}

//! Streams that are appended to from outside: by a publisher, or by a test.

use std::sync::Arc;
use std::time::Instant;

use media::control::Control;
use media::track::{OfferedTrack, Offering, TrackId, TrackKind};
use shared::api::Codec;
use timeline::retention::Retention;

use super::active_source::ActiveSource;
use super::appender::Appender;
use super::published_state::PublishedState;
use super::registry::Registry;
use super::stream::{Stream, StreamOrigin};
use super::{StreamError, lock};

/// A publisher's end of a stream.
#[derive(Debug)]
pub struct Publication {
    pub stream: Arc<Stream>,
    pub appender: Appender,
    /// What viewers ask for: tracks, keyframes; and the end.
    pub requests: Arc<Control>,
}

/// What a publisher can send, best first.
const CODECS: [Codec; 5] = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus];

/// Simulcast layers of a picture at most: browsers and OBS send three.
pub const MAX_LAYERS: usize = 4;

/// The tracks of a stream of one layer, one for each codec. They are the same for each publisher of a stream, so that viewers go on with the next one.
pub fn tracks() -> impl Iterator<Item = OfferedTrack> {
    CODECS.into_iter().map(track)
}

/// The same for the inset.
pub fn insets() -> impl Iterator<Item = OfferedTrack> {
    let videos = CODECS.into_iter().filter(|codec| codec.is_video());
    videos.map(|codec| inset(codec, 0))
}

/// The track of a codec.
pub fn track(codec: Codec) -> OfferedTrack {
    layer(codec, 0)
}

/// The inset of a codec, and of one simulcast layer.
pub fn inset(codec: Codec, number: usize) -> OfferedTrack {
    OfferedTrack {
        inset: true,
        // Counts once it is measured: most streams have none.
        bit_rate: 0,
        ..layer(codec, MAX_LAYERS + number)
    }
}

/// The track of a codec of one simulcast layer, a small number.
pub fn layer(codec: Codec, layer: usize) -> OfferedTrack {
    let number: u16 = match codec {
        Codec::H264 => 0,
        Codec::Vp8 => 1,
        Codec::Vp9 => 2,
        Codec::Av1 => 3,
        Codec::Opus => 4,
    };
    OfferedTrack {
        id: TrackId(number + (CODECS.len() * layer) as u16),
        codec,
        size: None,
        frame_rate: None,
        bit_rate: if codec.is_video() {
            VIDEO_BIT_RATE
        } else {
            AUDIO_BIT_RATE
        },
        encoded: false,
        single_nal: false,
        inset: false,
    }
}

/// As [`layer`], of what viewers are not sent: encoders decode it.
pub fn hidden_layer(codec: Codec, number: usize) -> OfferedTrack {
    let track = layer(codec, number);
    OfferedTrack {
        id: TrackId(track.id.0 + FIRST_HIDDEN),
        ..track
    }
}

/// Above the ids of what viewers are sent.
const FIRST_HIDDEN: u16 = 64;

/// In bits per second, until they are measured.
const VIDEO_BIT_RATE: u64 = 2_500_000;
const AUDIO_BIT_RATE: u64 = 64_000;

/// The name belongs to another stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("There is a stream of this name already. Choose another name.")]
pub struct NameTaken;

impl Stream {
    /// Begins to be published: what its publisher appends is in the log that its viewers wait for, or in a log of its own. `None`: it is played, or published
    /// already.
    fn begin_publication(
        self: &Arc<Self>,
        offering: Offering,
        retention: Retention,
    ) -> Option<Publication> {
        self.published_state()?;
        let mut publication = {
            let mut status = lock(&self.status);
            if status.removed || status.source.is_some() {
                return None;
            }
            let source = status.awaited.take();
            let source = source.unwrap_or_else(|| ActiveSource::awaited(retention));
            let log = Arc::clone(&source.log);
            let requests = Arc::clone(&source.control);
            status.corrected = Some(Arc::default());
            status.source = Some(source);
            Publication {
                stream: Arc::clone(self),
                appender: Appender::new(log, Arc::downgrade(self)),
                requests,
            }
        };
        if !offering.tracks.is_empty() {
            publication.appender.set_offering(offering);
        }
        Some(publication)
    }

    /// The end for another publisher of a published stream, once the one before is gone: what it appends follows in the same log, and viewers go on with it.
    /// `None`: the stream is played, or not published.
    pub fn republish(self: &Arc<Self>) -> Option<Publication> {
        self.published_state()?;
        let status = lock(&self.status);
        let source = status.source.as_ref()?;
        Some(Publication {
            stream: Arc::clone(self),
            appender: Appender::new(Arc::clone(&source.log), Arc::downgrade(self)),
            requests: Arc::clone(&source.control),
        })
    }

    /// What a viewer may be sent. `waits`: also while nobody publishes; then it is all that a publisher can send.
    pub async fn offering_to(&self, waits: bool) -> Result<Arc<Offering>, StreamError> {
        match self.offering().await {
            Err(StreamError::NotBegun | StreamError::Ended) if waits => {
                let tracks = tracks().chain(insets()).collect();
                let nothing = Offering::default();
                Ok(Arc::new(Offering { tracks, ..nothing }))
            }
            offering => offering,
        }
    }

    /// The tracks that publishers may replace those of the offering by. None: what is played stays.
    pub fn replacements(&self) -> Vec<OfferedTrack> {
        match self.input() {
            Some(_) => Vec::new(),
            None => tracks().collect(),
        }
    }

    /// The best track like this one that is offered now: sent by the publisher, or, in place of an encoded one, encoded.
    pub(super) fn best_layer(&self, of: &OfferedTrack) -> Option<TrackId> {
        self.published_state()?;
        let offering = self.known_offering()?;
        // A viewer that waited for H.264 gets the VP8 of a publisher, if it takes that, before H.264 that is encoded of it.
        let kind = |track: &OfferedTrack| (track.codec, track.single_nal, track.encoded);
        let mut tracks = offering.of(of.kind());
        let best = tracks.find(|track| kind(track) == kind(of));
        best.map(|track| track.id)
    }

    /// Whether the track is offered now.
    pub(super) fn offers(&self, track: TrackId) -> bool {
        let offering = self.known_offering();
        offering.is_some_and(|offering| offering.track(track).is_some())
    }

    /// The publisher sends a track of one of these codecs, which need not be encoded.
    pub(super) fn passes_one_of(&self, codecs: &[Codec]) -> bool {
        let passed = |offering: Arc<Offering>| {
            let mut videos = offering.of(TrackKind::Video);
            videos.any(|track| !track.encoded && codecs.contains(&track.codec))
        };
        self.published_state().is_some() && self.known_offering().is_some_and(passed)
    }

    /// Ends what is published, for its viewers as well; but those who have waited for a publisher that has sent nothing wait for the next one. False: nothing
    /// is.
    async fn end_publication(&self) -> bool {
        let source = {
            let mut status = lock(&self.status);
            let Some(source) = status.source.take() else {
                return false;
            };
            let offering = status.corrected.take();
            let has_begun = offering.is_some_and(|offering| !offering.tracks.is_empty());
            if let Some(state) = self.published_state() {
                state.end();
            }
            if !has_begun && status.viewers > 0 {
                source.control.stop();
                source.encoders.stop();
                let log = Arc::clone(&source.log);
                status.awaited = Some(ActiveSource::published(log, Arc::default()));
                None
            } else {
                Some(source)
            }
        };
        tracing::info!(stream = self.name, "unpublished");
        if let Some(source) = source {
            source.stop().await;
        }
        true
    }

    /// There is a publisher, or one may return.
    pub(super) fn is_published(&self) -> bool {
        self.published_state().is_some() && lock(&self.status).source.is_some()
    }

    /// Something of a publisher has come that can be watched.
    pub fn has_been_live(&self) -> bool {
        let offering = self.known_offering();
        offering.is_some_and(|offering| !offering.tracks.is_empty())
    }

    pub(super) fn published_state(&self) -> Option<&PublishedState> {
        match &self.origin {
            StreamOrigin::Published(state) => Some(state),
            StreamOrigin::Played { .. } => None,
        }
    }

    /// Notes whether its publisher sends, and what is due meanwhile. To be called several times a second.
    pub(super) fn follow_publisher(self: &Arc<Self>, now: Instant) {
        let Some(state) = self.published_state() else {
            return;
        };
        let mut status = lock(&self.status);
        if let Some(source) = &mut status.source {
            state.follow(source.log.activity(now));
            source.log.expire(now);
            source.retry_encoders(self, now);
        }
    }
}

impl Registry {
    /// Begins a live stream, until [`Registry::unpublish`]. One that is not [declared](Registry::declare) exists until then.
    ///
    /// # Errors
    /// There is a stream of this name, and it is not waiting for a publisher.
    pub fn publish(
        &self,
        name: &str,
        offering: Offering,
        retention: Retention,
    ) -> Result<Publication, NameTaken> {
        let begin = |stream: &Arc<Stream>| stream.begin_publication(offering, retention);
        let publication = self.with_published(name, begin).ok_or(NameTaken)?;
        tracing::info!(stream = name, "published");
        Ok(publication)
    }

    /// Ends what is published under this name, for its viewers as well. False: nothing is.
    pub async fn unpublish(&self, name: &str) -> bool {
        let Some(stream) = self.get(name) else {
            return false;
        };
        let ended = stream.published_state().is_some() && stream.end_publication().await;
        if ended {
            self.remove_undeclared();
        }
        ended
    }
}

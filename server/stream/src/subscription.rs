//! A viewer's subscription to a stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use media::track::{OfferedTrack, TrackId, TrackKind};
use shared::api::Codec;

use super::Stream;
use super::shared_log::SharedLog;

/// A track that a viewer asks for.
#[derive(Clone, Debug)]
pub struct WantedTrack {
    pub track: OfferedTrack,
    /// When the stream does not offer the track any more, another one of these codecs takes its place, and so on. Empty: none does.
    pub codecs: Vec<Codec>,
}

/// What becomes of a request for a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyframeRequest {
    Asked,
    /// The source was asked a short while ago, by this viewer or another one. It may be asked again at this time.
    Early(Instant),
    /// Nothing makes keyframes on request: the source's own data are passed through.
    Impossible,
}

/// Keeps a stream's source running for one viewer. Dropping it leaves the stream.
#[derive(Debug)]
pub struct Subscription {
    pub(super) stream: Arc<Stream>,
    pub(super) log: Arc<SharedLog>,
    pub(super) tracks: Vec<OfferedTrack>,
    /// For each track, the codecs of those that may take its place.
    pub(super) codecs: Vec<Vec<Codec>>,
    /// That it has followed; 0: none.
    pub(super) offering_version: u32,
}

impl Subscription {
    /// A subscription to a log that no source fills: for tests of egress.
    #[doc(hidden)]
    pub fn to_log(stream: Arc<Stream>, log: Arc<SharedLog>, tracks: Vec<OfferedTrack>) -> Self {
        Self {
            stream,
            log,
            codecs: vec![Vec::new(); tracks.len()],
            tracks,
            offering_version: 0,
        }
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    pub fn log(&self) -> &Arc<SharedLog> {
        &self.log
    }

    /// The tracks that the viewer follows, in the order in which they were asked for.
    pub fn tracks(&self) -> &[OfferedTrack] {
        &self.tracks
    }

    /// What a playhead follows.
    pub fn slots(&self) -> impl Iterator<Item = (TrackId, TrackKind)> {
        self.tracks.iter().map(|track| (track.id, track.kind()))
    }

    pub fn codecs(&self) -> impl Iterator<Item = Codec> {
        self.tracks.iter().map(|track| track.codec)
    }

    /// Follows another track in place of one, whose encoder may stop then. False: the track is not offered, or is not of the same codec, and so not what
    /// was negotiated.
    pub fn change(&mut self, slot: usize, track: TrackId) -> bool {
        let Some(before) = self.tracks.get_mut(slot) else {
            return false;
        };
        let Some(after) = self.stream.change_track(before, track) else {
            return false;
        };
        *before = after;
        true
    }

    /// True once when what the stream offers may have changed. Takes no lock.
    pub fn take_new_offering(&mut self) -> bool {
        let newest = self.stream.offering_version.load(Ordering::Acquire);
        std::mem::replace(&mut self.offering_version, newest) != newest
    }

    /// Follows the best track that a publisher sends of the same codec. `None`: it is the one that it follows, or the stream is not published.
    pub fn change_to_best(&mut self, slot: usize) -> Option<TrackId> {
        let before = self.tracks.get(slot)?;
        let best = self.stream.best_layer(before)?;
        (best != before.id && self.change(slot, best)).then_some(best)
    }

    /// Whether the stream offers the track that it follows.
    pub fn is_offered(&self, slot: usize) -> bool {
        let track = self.tracks.get(slot);
        track.is_some_and(|track| self.stream.offers(track.id))
    }

    /// It follows what an encoder makes, and the publisher has begun to send what it takes.
    pub fn may_leave_encoder(&self, slot: usize) -> bool {
        let (track, codecs) = (self.tracks.get(slot), self.codecs.get(slot));
        let (Some(track), Some(codecs)) = (track, codecs) else {
            return false;
        };
        // Publishers' H.264 is not in single NAL units.
        track.encoded && !track.single_nal && self.stream.passes_one_of(codecs)
    }

    /// Follows another track, which the stream offers in place of one that it has withdrawn (`gone`). `None`: it offers none that the viewer takes.
    pub fn replace(&mut self, slot: usize, gone: TrackId) -> Option<&OfferedTrack> {
        let before = self.tracks.get_mut(slot)?;
        let codecs = self.codecs.get(slot)?;
        *before = self.stream.replace_track(before, gone, codecs)?;
        Some(before)
    }

    /// Requests a keyframe of a track.
    pub fn request_keyframe(&self, track: TrackId, now: Instant) -> KeyframeRequest {
        self.stream.request_keyframe(track, now)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.stream.leave(&self.tracks);
    }
}

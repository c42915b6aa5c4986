//! The video tracks of a stream that have viewers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::track::TrackId;

use super::encoders::EncoderPlace;
use super::subscription::KeyframeRequest;

/// How many viewers each video track has, or had until shortly ago. Pure: `now` is passed in.
#[derive(Debug, Default)]
pub(super) struct Renditions(BTreeMap<TrackId, RenditionUse>);

#[derive(Debug, Default)]
struct RenditionUse {
    viewers: u32,
    idle_since: Option<Instant>,
    /// Of its encoder, if it has one.
    place: Option<Arc<EncoderPlace>>,
    /// When the source was last asked for a keyframe.
    keyframe_requested: Option<Instant>,
}

/// The minimum time between two keyframe requests to a source, for all viewers together.
const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_secs(1);

impl Renditions {
    /// Adds a viewer. True: the track had none, so it is not encoded at present.
    pub(super) fn join(&mut self, track: TrackId) -> bool {
        let is_new = !self.0.contains_key(&track);
        let rendition = self.0.entry(track).or_default();
        rendition.viewers += 1;
        rendition.idle_since = None;
        is_new
    }

    /// The track is sent to viewers, or was of late.
    pub(super) fn has(&self, track: TrackId) -> bool {
        self.0.contains_key(&track)
    }

    /// The track keeps the place of its encoder for as long as it is here; `None`: it has no encoder.
    pub(super) fn set_place(&mut self, track: TrackId, place: Option<Arc<EncoderPlace>>) {
        if let Some(rendition) = self.0.get_mut(&track) {
            rendition.place = place;
        }
    }

    /// Removes a viewer.
    pub(super) fn leave(&mut self, track: TrackId, now: Instant) {
        if let Some(rendition) = self.0.get_mut(&track) {
            rendition.viewers = rendition.viewers.saturating_sub(1);
            if rendition.viewers == 0 {
                rendition.idle_since = Some(now);
            }
        }
    }

    /// Removes a track that has no viewers. False: it has some, or is not encoded at present.
    pub(super) fn remove_idle(&mut self, track: TrackId) -> bool {
        let idle = self.0.get(&track);
        idle.is_some_and(|rendition| rendition.viewers == 0) && self.0.remove(&track).is_some()
    }

    /// Whether the source is to be asked for a keyframe of this track now, or was asked a short while ago.
    pub(super) fn request_keyframe(&mut self, track: TrackId, now: Instant) -> KeyframeRequest {
        let Some(rendition) = self.0.get_mut(&track) else {
            return KeyframeRequest::Impossible;
        };
        let next = rendition
            .keyframe_requested
            .map(|at| at + KEYFRAME_REQUEST_INTERVAL);
        if let Some(next) = next.filter(|next| *next > now) {
            return KeyframeRequest::Early(next);
        }
        rendition.keyframe_requested = Some(now);
        KeyframeRequest::Asked
    }

    /// Removes and returns the tracks that had no viewers for the grace period.
    pub(super) fn take_idle(&mut self, now: Instant, grace: Duration) -> Vec<TrackId> {
        let idle = self.0.extract_if(.., |_, rendition| {
            rendition
                .idle_since
                .is_some_and(|since| now.saturating_duration_since(since) >= grace)
        });
        idle.map(|(track, _)| track).collect()
    }

    /// The tracks and their viewers.
    pub(super) fn viewers(&self) -> impl Iterator<Item = (TrackId, u32)> {
        self.0
            .iter()
            .map(|(track, rendition)| (*track, rendition.viewers))
    }
}

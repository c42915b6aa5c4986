//! One track of a publisher.

use std::time::Instant;

use ingest::decode_times::DecodeTimes;
use media::track::{OfferedTrack, TrackKind};
use shared::api::{Delivery, FrameSize, NotEncoded, Reason, VideoTrack};

use crate::layer_meter::LayerMeter;

/// A track of a publisher, and how it goes on.
#[derive(Debug)]
pub(super) struct PublishedTrack {
    pub(super) line: usize,
    pub(super) offered: OfferedTrack,
    /// Why it is encoded again, or as an inset not sent; it is hidden then. Empty: viewers are sent it as it is.
    pub(super) reasons: Vec<Reason>,
    /// Why it is not encoded, where viewers do not take it.
    pub(super) not_encoded: Option<NotEncoded>,
    pub(super) decode_times: DecodeTimes,
    pub(super) meter: LayerMeter,
    /// When its newest unit was taken.
    pub(super) newest: Instant,
    /// Pictures of other layers that came since.
    pub(super) missed: u32,
    /// It begins again with a keyframe.
    pub(super) is_silent: bool,
    /// Pictures of it come again, and no keyframe.
    pub(super) lacks_keyframe: bool,
}

impl PublishedTrack {
    pub(super) fn is_video(&self) -> bool {
        self.offered.kind() == TrackKind::Video
    }

    /// `encoded`: what is encoded of it, or of a smaller layer.
    pub(super) fn described(&self, encoded: &[OfferedTrack]) -> VideoTrack {
        let (width, height) = self.offered.size.unwrap_or_default();
        let best = encoded.first().filter(|_| !self.reasons.is_empty());
        let size = best.and_then(|best| best.size);
        // A difference of one pixel makes the size even.
        let is_reduced = |size: &(u32, u32)| size.0 + 1 < width || size.1 + 1 < height;
        let encoded_size = size.filter(is_reduced);
        VideoTrack {
            codec: self.offered.codec.rtpmap_name().to_lowercase(),
            profile: None,
            width,
            height,
            encoded_size: encoded_size.map(|(width, height)| FrameSize { width, height }),
            fps: self.offered.frame_rate,
            delivery: match best {
                Some(best) => Delivery::Reencode {
                    codec: best.codec,
                    reasons: self.reasons.clone(),
                },
                None => Delivery::Passthrough,
            },
            not_encoded: match self.offered.inset {
                true => Some(NotEncoded::Inset),
                // Unless a smaller layer is.
                false => self.not_encoded.filter(|_| encoded.is_empty()),
            },
        }
    }

    pub(super) fn pixels(&self) -> u64 {
        let (width, height) = self.offered.size.unwrap_or_default();
        u64::from(width) * u64::from(height)
    }
}

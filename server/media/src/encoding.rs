//! The renditions that a video can have, and which track each of them is.

use shared::api::Codec;

use super::packetize::MAX_PAYLOAD;
use super::track::TrackId;

/// What a rendition is, whether it is passed through or encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Encoding {
    pub codec: Codec,
    /// H.264 in slices that fit a packet each, for viewers in single NAL unit mode (RFC 6184 6.2). Always encoded.
    pub single_nal: bool,
}

/// The largest slice that the encoder is asked for, in bytes: it estimates what the bytes that prevent start codes add.
pub(super) const MAX_SLICE: usize = MAX_PAYLOAD - 88;

/// Above the ids of codecs.
const FIRST_SINGLE_NAL: u16 = 64;
/// Above the ids of files, and of what publishers send.
const FIRST_LIVE: u16 = 256;

impl Encoding {
    pub(super) const SINGLE_NAL: Self = Self {
        codec: Codec::H264,
        single_nal: true,
    };

    pub(super) const fn of(codec: Codec) -> Self {
        Self {
            codec,
            single_nal: false,
        }
    }

    /// A file has at most one track of each. It stays the same when the file turns out to need encoding, and when another file takes its place.
    pub(super) fn track(self) -> TrackId {
        let first = if self.single_nal { FIRST_SINGLE_NAL } else { 0 };
        TrackId(first + self.codec as u16)
    }
}

/// The track of what is encoded of a live stream.
pub(super) fn live_track(encoding: Encoding) -> TrackId {
    TrackId(FIRST_LIVE + encoding.track().0)
}

/// An encoder of this server makes the track of what a publisher sends.
pub fn is_encoded_live(track: TrackId) -> bool {
    track.0 >= FIRST_LIVE
}

/// The track of a file that has this codec; of H.264 not that in single NAL units.
pub fn track_of(codec: Codec) -> TrackId {
    Encoding::of(codec).track()
}

//! What a track's receiver delivers.

use std::time::Instant;

use bitstream::sps::SpsInfo;
use bytes::Bytes;
use shared::api::Codec;

/// A whole picture or Opus packet, in the order of decoding. Each can be decoded after the one before, or is a keyframe.
///
/// It has its presentation time only, on the clock of the RTP stream: RTP has no decode time, and where a sender has B-frames, presentation times do not rise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedUnit {
    pub codec: Codec,
    /// The RTP timestamp, extended: it does not wrap. In units of [`Codec::clock_rate`].
    pub rtp_time: i64,
    /// When its last packet came.
    pub arrived: Instant,
    pub keyframe: bool,
    /// In the form of `AccessUnit::data` in `media`: H.264 in Annex B with parameter sets before each IDR picture, AV1 as OBUs with size fields.
    pub data: Bytes,
    /// Profile and size, of H.264 keyframes.
    pub sps: Option<SpsInfo>,
}

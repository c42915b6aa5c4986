//! One coded video frame or one Opus packet.

use bytes::Bytes;
use shared::api::Codec;

use super::time::MediaTime;

/// The input of one decoder call: a coded video frame with all its slices, or one Opus packet.
///
/// `data` has the form that the packetizer takes: H.264 as Annex B with the parameter sets before every IDR;
/// VP8 and VP9 as one frame; AV1 as a temporal unit of OBUs (low-overhead format); Opus as one packet.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    pub codec: Codec,
    /// Decode time. Strictly rises within a track and run.
    pub dts: MediaTime,
    /// Presentation time, not before the decode time.
    pub time: MediaTime,
    /// True where decoding can begin; always true for Opus.
    pub keyframe: bool,
    pub data: Bytes,
}

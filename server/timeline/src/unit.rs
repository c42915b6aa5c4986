//! An access unit in a log.

use std::time::Instant;

use media::payloads::RtpPayloads;
use media::time::MediaTime;

/// An access unit with its RTP payloads, packetized once and shared by all viewers.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Decode time. Strictly rises within a track and run.
    pub dts: MediaTime,
    /// Presentation time, not before the decode time.
    pub pts: MediaTime,
    /// True where decoding can begin.
    pub keyframe: bool,
    /// When it was appended to the log.
    pub appended: Instant,
    /// Never empty; the last one ends the access unit (RTP marker bit).
    pub payloads: RtpPayloads,
}

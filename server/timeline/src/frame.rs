//! A packetized access unit.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use media::time::MediaTime;

/// An access unit as RTP payloads, packetized once and shared by all viewers.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Presentation time on the stream's clock.
    pub time: MediaTime,
    /// True where decoding can begin.
    pub keyframe: bool,
    /// When it was appended to the log.
    pub appended: Instant,
    /// In order; the last one ends the access unit (RTP marker bit). Never empty.
    pub payloads: Arc<[Bytes]>,
}

impl Frame {
    /// Bytes of all payloads.
    pub fn bytes(&self) -> usize {
        self.payloads.iter().map(Bytes::len).sum()
    }
}

//! What a track's receiver is told, and what it tells.

use bytes::Bytes;
use shared::api::Codec;

use crate::rtcp::ReportBlock;

/// What was negotiated for a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverParams {
    /// The SSRC of the packets.
    pub ssrc: u32,
    /// The SSRC of the retransmissions, if it is known ([`set_rtx_ssrc`](super::Receiver::set_rtx_ssrc)).
    pub rtx_ssrc: Option<u32>,
    /// The payload types that the sender may use; it may change between them.
    pub formats: Vec<Format>,
    /// The sender takes `nack`.
    pub nack: bool,
    /// The sender takes `nack pli`.
    pub pli: bool,
}

/// A payload type of the session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pub payload_type: u8,
    pub codec: Codec,
    /// The payload type of its retransmissions (`apt`).
    pub rtx: Option<u8>,
    /// H.264: `sprop-parameter-sets`, in Annex B. May be empty.
    pub parameter_sets: Bytes,
}

/// RTCP to send to the publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// The packets to ask for again.
    pub nack: Vec<u16>,
    /// Ask for a keyframe.
    pub pli: bool,
    pub report: Option<ReportBlock>,
}

/// What a receiver has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverCounters {
    /// Packets that were used.
    pub packets: u64,
    /// Those of them that came as retransmissions.
    pub recovered: u64,
    /// Packets that came twice, too late, with an unknown payload type or a sequence number far from the others.
    pub unused: u64,
    /// Packets that never came in time.
    pub lost: u64,
    pub units: u64,
    /// Pictures that were dropped: not whole, or not decodable without one that was not.
    pub dropped: u64,
    /// Requests for keyframes.
    pub plis: u64,
}

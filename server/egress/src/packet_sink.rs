//! Where the ordinary path delivers a viewer's packets.

use std::future::Future;

use bytes::Bytes;
use shared::api::Codec;

use super::rtp_clock::SenderInfo;

/// One RTP packet (RFC 3550 5.1) without payload type and SSRC, which the sink adds.
#[derive(Clone, Debug)]
pub struct OutgoingPacket {
    pub codec: Codec,
    pub sequence: u16,
    /// In units of [`Codec::clock_rate`].
    pub timestamp: u32,
    /// Video: the last packet of a frame. Audio: the first packet after silence (RFC 7587 4.1), which Weir never sends.
    pub marker: bool,
    pub payload: Bytes,
}

/// The connection to the viewer is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

/// Sends packets and sender reports to one viewer: a peer connection, or a test.
pub trait PacketSink: Send {
    fn send(
        &mut self,
        packet: OutgoingPacket,
    ) -> impl Future<Output = Result<(), Disconnected>> + Send;
    fn report(
        &mut self,
        report: SenderInfo,
    ) -> impl Future<Output = Result<(), Disconnected>> + Send;
}

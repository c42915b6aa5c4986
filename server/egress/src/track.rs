//! One track on its way to one viewer.

use std::time::Instant;

use shared::api::Codec;

use super::rtp_clock::RtpClock;
use super::srtp::{RtpPacket, RtpStream, SrtpError, SrtpSender};
use congestion::rtx_history::{RtxHistory, SentPacket};
use media::time::MediaTime;

/// A track as it was params with one viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackParams {
    pub codec: Codec,
    pub payload_type: u8,
    pub ssrc: u32,
    /// Payload type and SSRC of retransmissions (RFC 4588).
    pub rtx: Option<(u8, u32)>,
    /// The id of the header extension with the transport-wide sequence number.
    pub twcc_id: Option<u8>,
}

/// What has been params, and the state of sending it.
#[derive(Debug)]
pub(super) struct TrackSender {
    pub(super) clock: RtpClock,
    media: RtpStream,
    /// What repeats packets: their stream, and which frames they are of.
    rtx: Option<(RtpStream, RtxHistory)>,
    twcc_id: Option<u8>,
}

impl TrackSender {
    pub(super) fn new(params: &TrackParams, now: Instant) -> Self {
        let (clock, first) = RtpClock::new(params.codec);
        let rtx = params.rtx.map(|(payload_type, ssrc)| {
            let (_, first) = RtpClock::new(params.codec);
            let stream = RtpStream::new(ssrc, payload_type, first);
            (stream, RtxHistory::new(now))
        });
        Self {
            clock,
            media: RtpStream::new(params.ssrc, params.payload_type, first),
            rtx,
            twcc_id: params.twcc_id,
        }
    }

    pub(super) fn codec(&self) -> Codec {
        self.clock.codec()
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.media.ssrc()
    }

    /// What was sent, where it can be repeated.
    pub(super) fn sent(&mut self) -> Option<&mut RtxHistory> {
        self.rtx.as_mut().map(|(_, sent)| sent)
    }

    /// Notes that packets of a frame have left (see [`RtxHistory::add`]).
    pub(super) fn note(&mut self, first: u16, packets: usize, from: SentPacket) {
        if let Some(sent) = self.sent() {
            sent.add(first, packets as u16, from);
        }
    }

    /// The id of the extension for which the next packet needs a transport-wide number.
    pub(super) fn twcc_id(&self) -> Option<u8> {
        self.twcc_id
    }

    pub(super) fn next_sequence(&self) -> u16 {
        self.media.next_sequence()
    }

    /// `at`: on the viewer's clock.
    pub(super) fn timestamp(&self, at: MediaTime) -> u32 {
        self.clock.timestamp(at)
    }

    /// Appends one packet to `out`: of the media, or a repeated one when `packet` names the original_sequence.
    pub(super) fn protect(
        &mut self,
        srtp: &mut SrtpSender,
        packet: &RtpPacket<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SrtpError> {
        match (&mut self.rtx, packet.original_sequence) {
            (Some((rtx, _)), Some(_)) => srtp.protect(rtx, packet, out)?,
            _ => {
                self.clock.count(packet.payload.len());
                srtp.protect(&mut self.media, packet, out)?
            }
        };
        Ok(())
    }
}

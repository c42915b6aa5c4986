//! One track sent to one viewer: RTP numbering, encryption, RTX history.

use std::collections::HashSet;
use std::time::{Instant, SystemTime};

use rtc_rtcp::sender_report::SenderReport;
use shared::api::Codec;

use super::rtp_clock::RtpClock;
use congestion::rtx_history::{RtxHistory, SentPacket};
use media::time::MediaTime;
use srtp::{RtpPacket, RtpStream, SrtpError, SrtpSender};
use timeline::chunk::UnitRef;

/// A track as negotiated with one viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackParams {
    /// One for each codec that may be sent; at least one. All share the SSRCs.
    pub formats: Vec<PayloadFormat>,
    pub ssrc: u32,
    /// The SSRC of retransmissions (RFC 4588).
    pub rtx_ssrc: Option<u32>,
    /// The id of the header extension for transport-wide sequence numbers.
    pub twcc_id: Option<u8>,
}

/// The payload types of a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadFormat {
    pub codec: Codec,
    pub payload_type: u8,
    /// Of retransmissions, when they have an SSRC.
    pub rtx: Option<u8>,
}

impl TrackParams {
    /// The format of a codec, or else the first.
    fn format(&self, codec: Codec) -> Option<PayloadFormat> {
        let mut formats = self.formats.iter();
        let format = formats.find(|format| format.codec == codec);
        format.or(self.formats.first()).copied()
    }
}

/// Whether no two streams of these tracks have the same SSRC, retransmissions included.
pub(super) fn have_distinct_ssrcs(tracks: &[TrackParams]) -> bool {
    let media = tracks.iter().map(|track| track.ssrc);
    let rtx = tracks.iter().filter_map(|track| track.rtx_ssrc);
    let ssrcs = || media.clone().chain(rtx.clone());
    ssrcs().collect::<HashSet<_>>().len() == ssrcs().count()
}

/// Numbers, encrypts and remembers the packets of one track.
#[derive(Debug)]
pub(super) struct TrackSender {
    clock: RtpClock,
    media: RtpStream,
    /// The stream of retransmissions, and which payloads the sent packets carried.
    rtx: Option<(RtpStream, RtxHistory<UnitRef>)>,
    twcc_id: Option<u8>,
    formats: Vec<PayloadFormat>,
}

impl TrackSender {
    /// `codec`: the one that is sent first. `None`: nothing was negotiated.
    pub(super) fn new(params: TrackParams, codec: Codec, now: Instant) -> Option<Self> {
        let format = params.format(codec)?;
        let (clock, first) = RtpClock::new(format.codec);
        let rtx = params.rtx_ssrc.zip(format.rtx).map(|(ssrc, payload_type)| {
            let (_, first) = RtpClock::new(format.codec);
            let stream = RtpStream::new(ssrc, payload_type, first);
            (stream, RtxHistory::new(now))
        });
        Some(Self {
            clock,
            media: RtpStream::new(params.ssrc, format.payload_type, first),
            rtx,
            twcc_id: params.twcc_id,
            formats: params.formats,
        })
    }

    /// Sends another codec of the same kind from the next packet on. What was sent of the one before is not retransmitted any more. False: it was not
    /// negotiated.
    pub(super) fn change_codec(&mut self, codec: Codec) -> bool {
        let mut formats = self.formats.iter();
        let Some(format) = formats.find(|format| format.codec == codec) else {
            return false;
        };
        self.clock.set_codec(codec);
        self.media.set_payload_type(format.payload_type);
        if let Some((stream, history)) = &mut self.rtx {
            if let Some(payload_type) = format.rtx {
                stream.set_payload_type(payload_type);
            }
            history.clear();
        }
        true
    }

    pub(super) fn codec(&self) -> Codec {
        self.clock.codec()
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.media.ssrc()
    }

    /// `None`: retransmissions were not negotiated.
    pub(super) fn rtx_history(&mut self) -> Option<&mut RtxHistory<UnitRef>> {
        self.rtx.as_mut().map(|(_, history)| history)
    }

    /// Adds sent packets to the RTX history (see [`RtxHistory::add`]).
    pub(super) fn remember(
        &mut self,
        now: Instant,
        first: u16,
        packets: usize,
        from: SentPacket<UnitRef>,
    ) {
        if let Some(history) = self.rtx_history()
            && packets > 0
        {
            history.add(now, first, packets as u16, from);
        }
    }

    /// The id of the header extension, when packets need a transport-wide sequence number.
    pub(super) fn twcc_id(&self) -> Option<u8> {
        self.twcc_id
    }

    pub(super) fn next_sequence(&self) -> u16 {
        self.media.next_sequence()
    }

    /// The RTP timestamp of `at` on the viewer's media clock.
    pub(super) fn timestamp(&self, at: MediaTime) -> u32 {
        self.clock.timestamp(at)
    }

    /// See [`RtpClock::sender_report`].
    pub(super) fn sender_report(&self, at: MediaTime, wall: SystemTime) -> SenderReport {
        self.clock.sender_report(self.ssrc(), at, wall)
    }

    /// Appends one encrypted packet to `out`: on the RTX stream when the packet has an original sequence number, else on the media stream.
    pub(super) fn protect(
        &mut self,
        srtp: &mut SrtpSender,
        packet: &RtpPacket<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SrtpError> {
        match (&mut self.rtx, packet.original_sequence) {
            (Some((rtx, _)), Some(_)) => srtp.protect(rtx, packet, out)?,
            _ => {
                self.clock.count(packet.payload_len());
                srtp.protect(&mut self.media, packet, out)?
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssrc_of_two_streams_is_noticed() {
        let track = |ssrc, rtx_ssrc| TrackParams {
            formats: Vec::new(),
            ssrc,
            rtx_ssrc: Some(rtx_ssrc),
            twcc_id: None,
        };
        assert!(have_distinct_ssrcs(&[track(1, 2), track(3, 4)]));
        for other in [track(1, 4), track(2, 4), track(3, 1), track(3, 3)] {
            assert!(!have_distinct_ssrcs(&[track(1, 2), other]));
        }
    }
}

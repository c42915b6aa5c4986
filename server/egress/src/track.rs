//! One track on its way to one viewer.

use std::time::Instant;

use shared::api::Codec;

use super::outlet::Numbers;
use super::seal::{Content, RtpStream, SealError, Sealer};
use congestion::sent::{Sent, SentLog};
use media::time::MediaTime;

/// A track as it was negotiated with one viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    pub codec: Codec,
    pub payload_type: u8,
    pub ssrc: u32,
    /// Payload type and SSRC of retransmissions (RFC 4588).
    pub rtx: Option<(u8, u32)>,
    /// The id of the header extension with the transport-wide sequence number.
    pub transport: Option<u8>,
}

/// What has been negotiated, and the state of sending it.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) numbers: Numbers,
    media: RtpStream,
    /// What repeats packets: their stream, and which frames they are of.
    rtx: Option<(RtpStream, SentLog)>,
    transport: Option<u8>,
}

impl Track {
    pub(super) fn new(negotiated: &Negotiated, now: Instant) -> Self {
        let (numbers, first) = Numbers::new(negotiated.codec);
        let rtx = negotiated.rtx.map(|(payload_type, ssrc)| {
            let (_, first) = Numbers::new(negotiated.codec);
            let stream = RtpStream::new(ssrc, payload_type, first);
            (stream, SentLog::new(now))
        });
        Self {
            numbers,
            media: RtpStream::new(negotiated.ssrc, negotiated.payload_type, first),
            rtx,
            transport: negotiated.transport,
        }
    }

    pub(super) fn codec(&self) -> Codec {
        self.numbers.codec()
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.media.ssrc()
    }

    /// What was sent, where it can be repeated.
    pub(super) fn sent(&mut self) -> Option<&mut SentLog> {
        self.rtx.as_mut().map(|(_, sent)| sent)
    }

    /// Notes that packets of a frame have left (see [`SentLog::sent`]).
    pub(super) fn note(&mut self, first: u16, packets: usize, from: Sent) {
        if let Some(sent) = self.sent() {
            sent.sent(first, packets as u16, from);
        }
    }

    /// The id of the extension for which the next packet needs a transport-wide number.
    pub(super) fn transport(&self) -> Option<u8> {
        self.transport
    }

    pub(super) fn next_sequence(&self) -> u16 {
        self.media.next_sequence()
    }

    /// `at`: on the viewer's clock.
    pub(super) fn timestamp(&self, at: MediaTime) -> u32 {
        self.numbers.timestamp(at)
    }

    /// Appends one packet to `out`: of the media, or a repeated one when `content` names the original.
    pub(super) fn seal(
        &mut self,
        sealer: &mut Sealer,
        content: &Content<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        match (&mut self.rtx, content.original) {
            (Some((rtx, _)), Some(_)) => sealer.seal(rtx, content, out)?,
            _ => {
                self.numbers.count(content.payload.len());
                sealer.seal(&mut self.media, content, out)?
            }
        };
        Ok(())
    }
}

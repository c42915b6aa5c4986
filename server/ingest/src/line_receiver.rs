//! The receiver of one m-line, or of one simulcast layer of it, whose SSRCs may be unknown at first.

use std::time::{Duration, Instant};

use crate::packet::RtpPacket;
use crate::receiver::{Format, Receiver, ReceiverParams};

/// A sender that begins anew has another SSRC; the one before is silent then. Streams that are sent at the same time (simulcast) do not displace each other.
const SILENCE: Duration = Duration::from_secs(1);

/// What was negotiated for an m-line, or for one simulcast layer of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineParams {
    pub mid: String,
    /// Of the layer (`a=rid`); `None`: the m-line has no layers.
    pub rid: Option<String>,
    /// Of the session description (`a=ssrc`), if it names one, and that of its retransmissions (`a=ssrc-group:FID`).
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    /// As [`ReceiverParams::formats`]; an m-line without any receives nothing.
    pub formats: Vec<Format>,
    /// The sender takes `nack`, and `nack pli`.
    pub nack: bool,
    pub pli: bool,
}

impl LineParams {
    /// Of media or of retransmissions.
    pub(crate) fn has_payload_type(&self, payload_type: u8) -> bool {
        self.is_media(payload_type) || self.is_rtx(payload_type)
    }

    fn is_media(&self, payload_type: u8) -> bool {
        let mut formats = self.formats.iter();
        formats.any(|format| format.payload_type == payload_type)
    }

    pub(crate) fn is_rtx(&self, payload_type: u8) -> bool {
        let mut formats = self.formats.iter();
        formats.any(|format| format.rtx == Some(payload_type))
    }
}

#[derive(Debug)]
pub(crate) struct LineReceiver {
    params: LineParams,
    receiver: Option<Receiver>,
    /// The round-trip time as it was measured elsewhere.
    rtt: Option<Duration>,
    /// When the newest packet of media came.
    newest: Option<Instant>,
    /// When the newest retransmission came.
    newest_rtx: Option<Instant>,
}

impl LineReceiver {
    pub(crate) fn new(params: LineParams) -> Self {
        let mut this = Self {
            params,
            receiver: None,
            rtt: None,
            newest: None,
            newest_rtx: None,
        };
        if let Some(ssrc) = this.params.ssrc {
            this.begin(ssrc);
        }
        this
    }

    pub(crate) fn params(&self) -> &LineParams {
        &self.params
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.receiver.as_ref()
    }

    pub(crate) fn receiver_mut(&mut self) -> Option<&mut Receiver> {
        self.receiver.as_mut()
    }

    pub(crate) fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
        if let Some(receiver) = &mut self.receiver {
            receiver.set_rtt(rtt);
        }
    }

    /// True when the SSRC of the packet is one of this m-line.
    pub(crate) fn push(&mut self, now: Instant, packet: &RtpPacket<'_>) -> bool {
        let Some(receiver) = self.receiver.as_mut() else {
            return false;
        };
        let is_ours = receiver.push(now, packet);
        if is_ours && packet.ssrc == receiver.params().ssrc {
            self.newest = Some(now);
        } else if is_ours {
            self.newest_rtx = Some(now);
        }
        is_ours
    }

    /// Takes an unknown SSRC for the media or the retransmissions of this m-line. False where another one is in use.
    pub(crate) fn adopt(&mut self, now: Instant, packet: &RtpPacket<'_>) -> bool {
        let is_silent =
            |newest: Option<Instant>| newest.is_none_or(|newest| newest + SILENCE <= now);
        if self.params.is_media(packet.payload_type) && is_silent(self.newest) {
            self.begin(packet.ssrc);
            return true;
        }
        if self.params.is_rtx(packet.payload_type)
            && is_silent(self.newest_rtx)
            && let Some(receiver) = self.receiver.as_mut()
        {
            receiver.set_rtx_ssrc(packet.ssrc);
            return true;
        }
        false
    }

    /// A stream begins.
    fn begin(&mut self, ssrc: u32) {
        let declared = self.params.ssrc == Some(ssrc);
        let before = self.receiver.as_ref().map(Receiver::rtt);
        self.receiver = Receiver::new(ReceiverParams {
            ssrc,
            rtx_ssrc: self.params.rtx_ssrc.filter(|_| declared),
            formats: self.params.formats.clone(),
            nack: self.params.nack,
            pli: self.params.pli,
        });
        self.newest_rtx = None;
        if let Some((receiver, rtt)) = self.receiver.as_mut().zip(self.rtt.or(before)) {
            receiver.set_rtt(rtt);
        }
    }
}

//! One track of a publisher: RTP packets in, access units and feedback out.
//!
//! ```text
//! push ─ retransmission unwrapped ─ sequence number extended ─┬─ ReceptionStatistics ─ report block
//!                                                             ├─ NackList ─ NACK
//!                                                             └─ ReorderBuffer ─ Assembler ─ poll
//!                                                                                   └─ KeyframeRequests ─ PLI
//! ```
//!
//! Units leave in the order of decoding, which is the order of their packets, with RTP times. What maps these to the clock of a log (sender reports,
//! [`Receiver::sender_report`]), and what gives units of a sender with B-frames a decode time, is not here.

mod params;

use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::api::Codec;

pub use self::params::{Feedback, Format, ReceiverCounters, ReceiverParams};
use crate::assembler::Assembler;
use crate::keyframe_requests::KeyframeRequests;
use crate::nack::NackList;
use crate::packet::RtpPacket;
use crate::reception::{ReceivedSenderReport, ReceptionStatistics};
use crate::reorder::{BufferedPacket, Inserted, Ordered, ReorderBuffer};
use crate::rtcp::SenderInfo;
use crate::rtx;
use crate::sequence::SequenceExtender;
use crate::unit::ReceivedUnit;

/// Between two report blocks.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a missing packet is waited for: so many round trips and a little, within limits. In five the answer to the last try of
/// [`NackList`] comes. Sound does not wait as long: a packet less is concealed.
const VIDEO_ROUND_TRIPS: u32 = 5;
const AUDIO_ROUND_TRIPS: u32 = 3;
const EXTRA_PATIENCE: Duration = Duration::from_millis(60);
const MIN_PATIENCE: Duration = Duration::from_millis(120);
const MAX_PATIENCE: Duration = Duration::from_millis(500);
/// Without NACK it can only be late.
const PATIENCE_WITHOUT_NACK: Duration = Duration::from_millis(50);

/// Receives one track.
#[derive(Debug)]
pub struct Receiver {
    params: ReceiverParams,
    sequence: SequenceExtender,
    /// The highest extended sequence number.
    highest: u64,
    reorder: ReorderBuffer,
    nack: NackList,
    assembler: Assembler,
    /// Ended the picture before, and begins the next.
    again: Option<BufferedPacket>,
    keyframe_requests: KeyframeRequests,
    /// Somebody asks for a keyframe although pictures can be decoded.
    keyframe_asked: bool,
    statistics: ReceptionStatistics,
    report_due: Option<Instant>,
    counters: ReceiverCounters,
}

impl Receiver {
    /// `None` when `params` name no format.
    pub fn new(params: ReceiverParams) -> Option<Self> {
        let codec = params.formats.first()?.codec;
        let mut this = Self {
            sequence: SequenceExtender::default(),
            highest: 0,
            reorder: ReorderBuffer::default(),
            nack: NackList::default(),
            assembler: Assembler::new(codec),
            again: None,
            keyframe_requests: KeyframeRequests::default(),
            keyframe_asked: false,
            statistics: ReceptionStatistics::new(params.ssrc, codec.clock_rate()),
            report_due: None,
            counters: ReceiverCounters::default(),
            params,
        };
        this.configure(codec);
        Some(this)
    }

    /// True when the packet belongs to this track. Others change nothing. Call [`Self::poll`] until it returns `None` after each packet: what waits is bounded.
    pub fn push(&mut self, now: Instant, packet: &RtpPacket<'_>) -> bool {
        if packet.ssrc == self.params.ssrc {
            self.insert(now, packet);
            return true;
        }
        if Some(packet.ssrc) != self.params.rtx_ssrc {
            return false;
        }
        let mut formats = self.params.formats.iter();
        let format = formats.find(|format| format.rtx == Some(packet.payload_type));
        if let Some((format, (number, payload))) = format.zip(rtx::original(packet.payload)) {
            let original = packet.original(format.payload_type, number, payload);
            self.insert_resent(now, &original);
        }
        true
    }

    fn insert(&mut self, now: Instant, packet: &RtpPacket<'_>) {
        let Some(extended) = self.sequence.extend(packet.sequence_number) else {
            self.counters.unused += 1;
            return;
        };
        if extended.restarted {
            self.reorder.restart(extended.number);
            self.statistics.restart();
        }
        self.highest = self.highest.max(extended.number);
        self.report_due.get_or_insert(now + REPORT_INTERVAL);
        self.statistics
            .received(now, extended.number, packet.timestamp);
        self.store(now, packet, extended.number, false);
    }

    /// A retransmission never moves the sequence numbers on: it is of a packet that is known to be missing, or is not needed.
    fn insert_resent(&mut self, now: Instant, packet: &RtpPacket<'_>) {
        let behind = u64::from((self.highest as u16).wrapping_sub(packet.sequence_number));
        match self.highest.checked_sub(behind) {
            Some(number) if self.reorder.next_number().is_some() => {
                self.store(now, packet, number, true);
            }
            _ => self.counters.unused += 1,
        }
    }

    fn store(&mut self, now: Instant, packet: &RtpPacket<'_>, number: u64, resent: bool) {
        if self.format(packet.payload_type).is_none() {
            self.counters.unused += 1;
            return;
        }
        let inserted = self.reorder.insert(BufferedPacket {
            number,
            arrived: now,
            marker: packet.marker,
            payload_type: packet.payload_type,
            timestamp: packet.timestamp,
            payload: Bytes::copy_from_slice(packet.payload),
        });
        let Inserted::Stored { missing } = inserted else {
            self.counters.unused += 1;
            return;
        };
        self.counters.packets += 1;
        self.counters.recovered += u64::from(resent);
        if self.params.nack {
            self.nack.received(now, number, resent);
            self.nack.add(now, missing);
        }
    }

    fn format(&self, payload_type: u8) -> Option<&Format> {
        let mut formats = self.params.formats.iter();
        formats.find(|format| format.payload_type == payload_type)
    }

    /// The next unit, if one is complete.
    pub fn poll(&mut self, now: Instant) -> Option<ReceivedUnit> {
        loop {
            let packet = match self.again.take() {
                Some(packet) => packet,
                None => match self.reorder.pop(now, self.patience()) {
                    Some(Ordered::Packet(packet)) => packet,
                    Some(Ordered::Gap(gap)) => {
                        self.counters.lost += gap.end - gap.start;
                        self.nack.forget_before(gap.end);
                        self.assembler.gap();
                        self.update_keyframe_requests(now);
                        continue;
                    }
                    None => return None,
                },
            };
            self.follow_codec(packet.payload_type);
            let assembled = self.assembler.push(packet);
            self.again = assembled.again;
            if let Some(unit) = assembled.unit {
                self.counters.units += 1;
                self.keyframe_asked &= !unit.keyframe;
                self.update_keyframe_requests(now);
                return Some(unit);
            }
            self.update_keyframe_requests(now);
        }
    }

    fn follow_codec(&mut self, payload_type: u8) {
        if let Some(codec) = self.format(payload_type).map(|format| format.codec)
            && codec != self.assembler.codec()
        {
            self.assembler.change_codec(codec);
            self.statistics.set_clock_rate(codec.clock_rate());
            self.configure(codec);
        }
    }

    fn configure(&mut self, codec: Codec) {
        let formats = self.params.formats.iter();
        for format in formats.filter(|format| format.codec == codec) {
            self.assembler.configure(&format.parameter_sets);
        }
    }

    /// Not before something was dropped: a sender begins with a keyframe.
    fn update_keyframe_requests(&mut self, now: Instant) {
        let lacks = self.assembler.waits_for_keyframe()
            && (self.assembler.dropped() > 0 || self.counters.lost > 0);
        let wanted = self.params.pli && (lacks || self.keyframe_asked);
        self.keyframe_requests.set_wanted(now, wanted);
    }

    /// Asks for a keyframe: a viewer joins, or another codec begins.
    pub fn request_keyframe(&mut self, now: Instant) {
        self.keyframe_asked = self.assembler.codec().is_video();
        self.update_keyframe_requests(now);
    }

    /// What is to be sent now. Call [`Self::poll`] before, and this at [`Self::next_timeout`] and after each packet.
    pub fn feedback(&mut self, now: Instant) -> Feedback {
        let nack = self.nack.due(now);
        let pli = self.keyframe_requests.due(now);
        self.counters.plis += u64::from(pli);
        let mut report = None;
        if self.report_due.is_some_and(|due| due <= now) {
            report = self.statistics.report_block(now);
            self.report_due = Some(now + REPORT_INTERVAL);
        }
        Feedback { nack, pli, report }
    }

    /// When [`Self::poll`] and [`Self::feedback`] are to be called, if no packet comes before.
    pub fn next_timeout(&self) -> Option<Instant> {
        let timeouts = [
            self.reorder.next_timeout(self.patience()),
            self.nack.next_timeout(),
            self.keyframe_requests.next_timeout(),
            self.report_due,
        ];
        timeouts.into_iter().flatten().min()
    }

    /// How long a missing packet is waited for.
    fn patience(&self) -> Duration {
        if !self.params.nack {
            return PATIENCE_WITHOUT_NACK;
        }
        let round_trips = match self.assembler.codec().is_video() {
            true => VIDEO_ROUND_TRIPS,
            false => AUDIO_ROUND_TRIPS,
        };
        let patience = round_trips * self.nack.rtt() + EXTRA_PATIENCE;
        patience.clamp(MIN_PATIENCE, MAX_PATIENCE)
    }

    /// A sender report has come, of any SSRC.
    pub fn set_sender_report(&mut self, now: Instant, info: SenderInfo) {
        if info.ssrc == self.params.ssrc {
            self.statistics.set_sender_report(now, info);
        }
    }

    /// The newest sender report: an NTP time, and the RTP timestamp of the same instant.
    pub fn sender_report(&self) -> Option<ReceivedSenderReport> {
        self.statistics.sender_report()
    }

    /// The SSRC of the retransmissions is known now.
    pub fn set_rtx_ssrc(&mut self, ssrc: u32) {
        self.params.rtx_ssrc = Some(ssrc);
    }

    /// The round-trip time, from retransmissions or [`Self::set_rtt`]; a guess before.
    pub fn rtt(&self) -> Duration {
        self.nack.rtt()
    }

    /// The round-trip time as it was measured elsewhere (ICE).
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.nack.set_rtt(rtt);
    }

    pub fn params(&self) -> &ReceiverParams {
        &self.params
    }

    pub fn counters(&self) -> ReceiverCounters {
        ReceiverCounters {
            dropped: self.assembler.dropped(),
            ..self.counters
        }
    }
}

#[cfg(test)]
mod tests;

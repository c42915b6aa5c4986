//! All tracks of one publisher's connection: opened SRTP and SRTCP in; units, and RTCP to seal, out.
//!
//! Each m-line, and each simulcast layer of an m-line, has one stream of media and one of retransmissions. `demultiplexer` tells whose a packet is.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::demultiplexer::Demultiplexer;
pub use crate::demultiplexer::HeaderExtensions;
pub use crate::line_receiver::LineParams;
use crate::line_receiver::LineReceiver;
use crate::packet::RtpPacket;
use crate::receiver::Receiver;
use crate::rtcp::{put_cname, put_nack, put_pli, put_receiver_reports, sender_reports};
use crate::sender_clock::SenderClock;
use crate::twcc_recorder::TwccRecorder;
use crate::unit::ReceivedUnit;

/// The packets that one NACK asks for: with four bytes for each it fits a datagram.
const MAX_NACK: usize = 250;

/// What was negotiated for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionParams {
    /// Our SSRC, and our CNAME of at most 255 bytes.
    pub ssrc: u32,
    pub cname: String,
    /// In the order of the session description; of an m-line with simulcast, each layer.
    pub lines: Vec<LineParams>,
    pub extensions: HeaderExtensions,
}

/// A unit of one m-line, or of one layer of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineUnit {
    /// The index among [`ConnectionParams::lines`].
    pub line: usize,
    /// The RTP times of another SSRC have nothing to do with these.
    pub ssrc: u32,
    /// When it was taken, on our clock ([`SenderClock`]): its presentation time.
    pub time: Instant,
    pub unit: ReceivedUnit,
}

/// Receives what one publisher sends.
#[derive(Debug)]
pub struct ConnectionReceiver {
    ssrc: u32,
    cname: String,
    demultiplexer: Demultiplexer,
    twcc_extension: Option<u8>,
    lines: Vec<LineReceiver>,
    clock: SenderClock,
    twcc: TwccRecorder,
    unknown: u64,
}

impl ConnectionReceiver {
    pub fn new(params: ConnectionParams, now: Instant) -> Self {
        Self {
            ssrc: params.ssrc,
            cname: params.cname,
            demultiplexer: Demultiplexer::new(params.extensions),
            twcc_extension: params.extensions.twcc,
            lines: params.lines.into_iter().map(LineReceiver::new).collect(),
            clock: SenderClock::new(now),
            twcc: TwccRecorder::new(now),
            unknown: 0,
        }
    }

    /// An RTP packet has come. Call [`Self::poll`] until it returns `None`, then [`Self::feedback`].
    pub fn push_rtp(&mut self, now: Instant, datagram: &[u8]) {
        let Some(packet) = RtpPacket::parse(datagram) else {
            self.unknown += 1;
            return;
        };
        let number = self.twcc_extension.and_then(|id| packet.extension(id));
        if let Some([high, low]) = number {
            self.twcc.record(now, u16::from_be_bytes([*high, *low]));
        }
        let mut lines = self.lines.iter_mut();
        if lines.any(|line| line.push(now, &packet)) {
            return;
        }
        let params = self.lines.iter().map(LineReceiver::params);
        let line = self.demultiplexer.line_of(params, &packet);
        let line = line.and_then(|index| self.lines.get_mut(index));
        if !line.is_some_and(|line| line.adopt(now, &packet) && line.push(now, &packet)) {
            self.unknown += 1;
        }
    }

    /// An RTCP packet has come.
    pub fn push_rtcp(&mut self, now: Instant, compound: &[u8]) {
        for report in sender_reports(compound) {
            for receiver in self.lines.iter_mut().filter_map(LineReceiver::receiver_mut) {
                receiver.set_sender_report(now, report);
            }
        }
    }

    /// The next unit that is complete.
    pub fn poll(&mut self, now: Instant) -> Option<LineUnit> {
        let mut lines = self.lines.iter_mut().enumerate();
        lines.find_map(|(line, receiver)| {
            let receiver = receiver.receiver_mut()?;
            let unit = receiver.poll(now)?;
            let ssrc = receiver.params().ssrc;
            let time = self.clock.time(line, ssrc, &unit, receiver.sender_report());
            Some(LineUnit {
                line,
                ssrc,
                time,
                unit,
            })
        })
    }

    /// The RTCP packets to send now, each in a datagram of its own. All but the report blocks are of reduced size (RFC 5506): every known sender takes these,
    /// and FFmpeg's finds a NACK only where it is alone.
    pub fn feedback(&mut self, now: Instant) -> Vec<BytesMut> {
        let mut packets = Vec::new();
        let mut blocks = Vec::new();
        let mut media = 0;
        for receiver in self.lines.iter_mut().filter_map(LineReceiver::receiver_mut) {
            media = receiver.params().ssrc;
            let feedback = receiver.feedback(now);
            for numbers in feedback.nack.chunks(MAX_NACK) {
                let mut nack = BytesMut::new();
                put_nack(&mut nack, self.ssrc, media, numbers);
                packets.push(nack);
            }
            if feedback.pli {
                let mut pli = BytesMut::new();
                put_pli(&mut pli, self.ssrc, media);
                packets.push(pli);
            }
            blocks.extend(feedback.report);
        }
        if !blocks.is_empty() {
            let mut reports = BytesMut::new();
            put_receiver_reports(&mut reports, self.ssrc, &blocks);
            put_cname(&mut reports, self.ssrc, &self.cname);
            packets.push(reports);
        }
        packets.extend(self.twcc.poll(now, self.ssrc, media));
        packets
    }

    /// When [`Self::poll`] and [`Self::feedback`] are to be called, if no packet comes before.
    pub fn next_timeout(&self) -> Option<Instant> {
        let timeouts = self.receivers().filter_map(Receiver::next_timeout);
        timeouts.chain(self.twcc.next_timeout()).min()
    }

    /// Asks for a keyframe of a line, if something was received on it.
    pub fn request_keyframe(&mut self, now: Instant, line: usize) {
        let line = self.lines.get_mut(line);
        if let Some(receiver) = line.and_then(LineReceiver::receiver_mut) {
            receiver.request_keyframe(now);
        }
    }

    /// The round-trip time as it was measured elsewhere (ICE).
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.lines.iter_mut().for_each(|line| line.set_rtt(rtt));
    }

    /// The receiver of a line, once something was received on it.
    pub fn receiver(&self, line: usize) -> Option<&Receiver> {
        self.lines.get(line).and_then(LineReceiver::receiver)
    }

    /// The receivers of all lines on which something was received.
    pub fn receivers(&self) -> impl Iterator<Item = &Receiver> {
        self.lines.iter().filter_map(LineReceiver::receiver)
    }

    /// Datagrams that are no RTP packet of any line.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }
}

#[cfg(test)]
mod tests;

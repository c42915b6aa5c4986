//! RTCP of viewers, parsed in place: compound packets (RFC 3550 6.1) and packets of reduced size (RFC 5506).
//!
//! The work is bounded by the length of the packet, and nothing is allocated. Truncated packets, other versions and other types are skipped.

pub mod feedback;

use std::slice::ChunksExact;

pub use feedback::TransportFeedback;

/// One message in a compound packet.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// Packets of the stream with SSRC `media` are lost (RFC 4585 6.2.1).
    Nack { media: u32, lost: LostPackets<'a> },
    /// The decoder of SSRC `media` needs a keyframe (RFC 4585 6.3.1).
    Pli { media: u32 },
    /// As `Pli` (RFC 5104 4.3.1); repetitions of one request have the same `number`.
    Fir { media: u32, number: u8 },
    /// The rate that the viewer can receive, over all of its streams (draft-alvestrand-rmcat-remb-03).
    Remb { bitrate_bps: u64 },
    /// Reception statistics of one stream.
    Report(ReportBlock),
    /// Arrival times by transport-wide sequence number.
    Twcc(TransportFeedback<'a>),
}

/// A report block of a receiver or sender report (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The SSRC that the report is about.
    pub source: u32,
    /// The part of the packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24 bits; negative after duplicates.
    pub lost: i32,
    /// The highest sequence number received, with the count of wraps in the upper 16 bits.
    pub highest: u32,
    /// In units of the stream's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report that was received; 0: none was.
    pub last_report: u32,
    /// From the reception of that sender report to this report, in units of 1/65536 s.
    pub delay: u32,
}

/// Parses a decrypted packet, and calls `each` for every message.
pub fn read(compound: &[u8], mut each: impl FnMut(Item<'_>)) {
    let mut unread = compound;
    while let Some((packet, rest)) = Packet::split(unread) {
        unread = rest;
        packet.read(&mut each);
    }
}

/// One RTCP packet: fields of its first word, and its body after the SSRC of the sender.
struct Packet<'a> {
    /// Reception report count or feedback message type, 5 bits.
    count: u8,
    kind: u8,
    body: &'a [u8],
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Lengths of the parts of an RTCP packet, in bytes.
const HEAD: usize = 8;
const SENDER_INFO: usize = 20;
const REPORT_BLOCK: usize = 24;
const FIR_ENTRY: usize = 8;
const NACK_ENTRY: usize = 4;

impl<'a> Packet<'a> {
    /// The first packet and the rest.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (first, length) = (*bytes.first()?, u16_at(bytes, 2)?);
        let (packet, rest) = bytes.split_at_checked(4 * (usize::from(length) + 1))?;
        if first >> 6 != 2 {
            return None;
        }
        let padding = match packet.last() {
            Some(padding) if first & 0x20 != 0 => usize::from(*padding),
            _ => 0,
        };
        let end = packet.len().saturating_sub(padding);
        Some((
            Self {
                count: first & 0x1f,
                kind: bytes[1],
                body: packet.get(HEAD..end).unwrap_or_default(),
            },
            rest,
        ))
    }

    fn read(&self, each: &mut impl FnMut(Item<'a>)) {
        match (self.kind, self.count) {
            (SENDER_REPORT, _) => self.reports(SENDER_INFO, each),
            (RECEIVER_REPORT, _) => self.reports(0, each),
            (TRANSPORT_FEEDBACK, 1) => {
                if let Some(lost) = self.control() {
                    each(Item::Nack {
                        media: self.media(),
                        lost: LostPackets::new(lost),
                    });
                }
            }
            (TRANSPORT_FEEDBACK, 15) => {
                if let Some(feedback) = self.control().and_then(TransportFeedback::new) {
                    each(Item::Twcc(feedback));
                }
            }
            (PAYLOAD_FEEDBACK, 1) if self.control().is_some() => {
                each(Item::Pli {
                    media: self.media(),
                });
            }
            (PAYLOAD_FEEDBACK, 4) => {
                let entries = self.control().unwrap_or_default();
                for entry in entries.chunks_exact(FIR_ENTRY) {
                    each(Item::Fir {
                        media: u32_at(entry, 0).unwrap_or_default(),
                        number: entry[4],
                    });
                }
            }
            (PAYLOAD_FEEDBACK, 15) => {
                if let Some(bitrate_bps) = self.control().and_then(remb) {
                    each(Item::Remb { bitrate_bps });
                }
            }
            _ => {}
        }
    }

    fn reports(&self, from: usize, each: &mut impl FnMut(Item<'a>)) {
        let blocks = self.body.get(from..).unwrap_or_default();
        let blocks = blocks.chunks_exact(REPORT_BLOCK);
        for block in blocks.take(usize::from(self.count)) {
            each(Item::Report(report(block)));
        }
    }

    /// In feedback: the SSRC that it is about.
    fn media(&self) -> u32 {
        u32_at(self.body, 0).unwrap_or_default()
    }

    /// In feedback: the control information after that SSRC.
    fn control(&self) -> Option<&'a [u8]> {
        self.body.get(4..)
    }
}

fn report(block: &[u8]) -> ReportBlock {
    let word = |index: usize| u32_at(block, 4 * index).unwrap_or_default();
    ReportBlock {
        source: word(0),
        fraction_lost: block[4],
        // Signed, 24 bits.
        lost: (word(1) << 8) as i32 >> 8,
        highest: word(2),
        jitter: word(3),
        last_report: word(4),
        delay: word(5),
    }
}

/// 6 bits of exponent, 18 of mantissa. The list of SSRCs is ignored: the rate is the sum over all streams.
fn remb(control: &[u8]) -> Option<u64> {
    if control.get(..4)? != b"REMB" {
        return None;
    }
    let word = u32_at(control, 4)?;
    let (exponent, mantissa) = (word >> 18 & 0x3f, u64::from(word & 0x3_ffff));
    let bitrate = mantissa << exponent;
    let fits = bitrate >> exponent == mantissa;
    Some(if fits { bitrate } else { u64::MAX })
}

/// The sequence numbers of a NACK: in each entry a packet, and a bit mask of the 16 packets after it (RFC 4585 6.2.1).
#[derive(Clone, Debug)]
pub struct LostPackets<'a> {
    entries: ChunksExact<'a, u8>,
    packet: u16,
    /// Bit n: the packet n numbers later.
    mask: u32,
}

impl<'a> LostPackets<'a> {
    fn new(entries: &'a [u8]) -> Self {
        Self {
            entries: entries.chunks_exact(NACK_ENTRY),
            packet: 0,
            mask: 0,
        }
    }
}

impl Iterator for LostPackets<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask == 0 {
            let entry = self.entries.next()?;
            self.packet = u16_at(entry, 0)?;
            self.mask = u32::from(u16_at(entry, 2)?) << 1 | 1;
        }
        let later = self.mask.trailing_zeros();
        self.mask &= self.mask - 1;
        Some(self.packet.wrapping_add(later as u16))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u16::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_be_bytes)
}

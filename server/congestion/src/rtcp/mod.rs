//! What viewers say over RTCP, read in place: a compound packet (RFC 3550 6.1) or one of reduced size (RFC 5506).
//!
//! The work is bounded by the length of the packet, and nothing is allocated. What is cut off, of another version or of no interest is passed over.

pub mod feedback;

use std::slice::ChunksExact;

pub use feedback::TransportFeedback;

/// One thing that a viewer says.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// These packets of the stream with this SSRC did not arrive (RFC 4585 6.2.1).
    Nack { media: u32, lost: LostPackets<'a> },
    /// The decoder of this SSRC needs a keyframe (RFC 4585 6.3.1).
    Pli { media: u32 },
    /// The same (RFC 5104 4.3.1); repetitions of one request have one `number`.
    Fir { media: u32, number: u8 },
    /// The viewer can receive so many bits a second, over all its streams (draft-alvestrand-rmcat-remb-03).
    Remb { bitrate_bps: u64 },
    /// How one stream is received.
    Report(ReportBlock),
    /// When packets arrived, by their transport-wide numbers.
    Twcc(TransportFeedback<'a>),
}

/// A report block of a receiver or sender report (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The SSRC that is received.
    pub source: u32,
    /// Since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Since the beginning, 24 bits; below zero when packets came twice.
    pub lost: i32,
    /// Highest sequence number received, and above it how often they wrapped.
    pub highest: u32,
    /// In units of the stream's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report that arrived; 0: none did.
    pub last_report: u32,
    /// From its arrival to this report, in units of 1/65536 s.
    pub delay: u32,
}

/// Reads a packet that SRTCP has opened.
pub fn read(compound: &[u8], mut each: impl FnMut(Item<'_>)) {
    let mut rest = compound;
    while let Some((packet, behind)) = Packet::split(rest) {
        rest = behind;
        packet.read(&mut each);
    }
}

/// One RTCP packet: what of its first word matters, and what follows the SSRC of who speaks.
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
/// Of the parts of an RTCP packet, in bytes.
const HEAD: usize = 8;
const SENDER_INFO: usize = 20;
const REPORT_BLOCK: usize = 24;
const FIR_ENTRY: usize = 8;
const NACK_ENTRY: usize = 4;

impl<'a> Packet<'a> {
    /// The first packet and what is behind it.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (first, length) = (*bytes.first()?, u16_at(bytes, 2)?);
        let (packet, behind) = bytes.split_at_checked(4 * (usize::from(length) + 1))?;
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
            behind,
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

    /// In feedback, the SSRC that it is about.
    fn media(&self) -> u32 {
        u32_at(self.body, 0).unwrap_or_default()
    }

    /// In feedback, what follows that SSRC.
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

/// 6 bits of exponent, 18 of mantissa. For which streams does not matter: it is for all together.
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

/// The sequence numbers of a NACK: a packet, and which of the 16 after it (RFC 4585 6.2.1).
#[derive(Clone, Debug)]
pub struct LostPackets<'a> {
    entries: ChunksExact<'a, u8>,
    packet: u16,
    /// Bit n: the packet n numbers later.
    which: u32,
}

impl<'a> LostPackets<'a> {
    fn new(entries: &'a [u8]) -> Self {
        Self {
            entries: entries.chunks_exact(NACK_ENTRY),
            packet: 0,
            which: 0,
        }
    }
}

impl Iterator for LostPackets<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.which == 0 {
            let entry = self.entries.next()?;
            self.packet = u16_at(entry, 0)?;
            self.which = u32::from(u16_at(entry, 2)?) << 1 | 1;
        }
        let later = self.which.trailing_zeros();
        self.which &= self.which - 1;
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

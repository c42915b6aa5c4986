//! RTCP of a receiver, written; sender reports, read.

use bytes::{BufMut, BytesMut};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME: u8 = 1;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const VERSION: u8 = 2 << 6;
const HEADER: usize = 4;
/// SSRC, NTP time, RTP timestamp, packets, octets.
const SENDER_INFO: usize = 24;
/// Blocks that one receiver report can have (RFC 3550 6.4.1: five bits).
const MAX_BLOCKS: usize = 31;

/// A report block (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The SSRC that it is about.
    pub ssrc: u32,
    /// The part of the packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; 24 bits with sign.
    pub lost: i32,
    /// The highest sequence number received, with the count of wraps in the upper 16 bits.
    pub highest: u32,
    /// In units of the stream's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the newest sender report; 0: none came.
    pub last_sender_report: u32,
    /// Since that sender report came, in units of 1/65536 s.
    pub delay: u32,
}

/// The sender's part of a sender report (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    pub ssrc: u32,
    /// Seconds since 1900, 32.32 bits.
    pub ntp: u64,
    /// The RTP timestamp of the same instant.
    pub rtp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// The sender reports of a compound packet. Stops at the first packet that is truncated or of another version.
pub fn sender_reports(compound: &[u8]) -> impl Iterator<Item = SenderInfo> {
    let mut rest = compound;
    std::iter::from_fn(move || {
        loop {
            let [first, kind, high, low] = *rest.first_chunk::<HEADER>()?;
            let words = usize::from(u16::from_be_bytes([high, low]));
            let (packet, behind) = rest.split_at_checked(4 * words + HEADER)?;
            if first & 0xc0 != VERSION {
                return None;
            }
            rest = behind;
            let info = packet[HEADER..].first_chunk::<SENDER_INFO>();
            if let Some(info) = info.filter(|_| kind == SENDER_REPORT) {
                return Some(SenderInfo::read(info));
            }
        }
    })
}

impl SenderInfo {
    fn read(info: &[u8; SENDER_INFO]) -> Self {
        let word =
            |at: usize| u32::from_be_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
        Self {
            ssrc: word(0),
            ntp: u64::from(word(4)) << 32 | u64::from(word(8)),
            rtp: word(12),
            packets: word(16),
            octets: word(20),
        }
    }
}

/// Adds receiver reports with all `blocks`: at least one report, which may be empty.
pub fn put_receiver_reports(out: &mut BytesMut, sender: u32, blocks: &[ReportBlock]) {
    let mut rest = blocks;
    loop {
        let (these, later) = rest.split_at(rest.len().min(MAX_BLOCKS));
        put_header(out, these.len() as u8, RECEIVER_REPORT, 1 + 6 * these.len());
        out.put_u32(sender);
        for block in these {
            out.put_u32(block.ssrc);
            out.put_u8(block.fraction_lost);
            out.put_int(i64::from(block.lost), 3);
            out.put_u32(block.highest);
            out.put_u32(block.jitter);
            out.put_u32(block.last_sender_report);
            out.put_u32(block.delay);
        }
        rest = later;
        if rest.is_empty() {
            return;
        }
    }
}

/// Adds a source description (RFC 3550 6.5). `cname`: its first 255 bytes are used.
pub fn put_cname(out: &mut BytesMut, sender: u32, cname: &str) {
    let text = &cname.as_bytes()[..cname.len().min(255)];
    // SSRC, type, length, text, and at least one null.
    let words = (4 + 2 + text.len()) / 4 + 1;
    put_header(out, 1, SOURCE_DESCRIPTION, words);
    out.put_u32(sender);
    out.put_slice(&[CNAME, text.len() as u8]);
    out.put_slice(text);
    out.put_bytes(0, 4 * words - 6 - text.len());
}

/// Adds a generic NACK (RFC 4585 6.2.1). `numbers`: in order, at least one.
pub fn put_nack(out: &mut BytesMut, sender: u32, media: u32, numbers: &[u16]) {
    let mut pairs: Vec<(u16, u16)> = Vec::new();
    for number in numbers {
        if let Some((first, following)) = pairs.last_mut() {
            let distance = number.wrapping_sub(*first);
            if (1..=16).contains(&distance) {
                *following |= 1 << (distance - 1);
                continue;
            }
        }
        pairs.push((*number, 0));
    }
    put_header(out, 1, TRANSPORT_FEEDBACK, 2 + pairs.len());
    out.put_u32(sender);
    out.put_u32(media);
    for (first, following) in pairs {
        out.put_u16(first);
        out.put_u16(following);
    }
}

/// Adds a picture loss indication (RFC 4585 6.3.1).
pub fn put_pli(out: &mut BytesMut, sender: u32, media: u32) {
    put_header(out, 1, PAYLOAD_FEEDBACK, 2);
    out.put_u32(sender);
    out.put_u32(media);
}

/// Adds transport-wide feedback with this body, which is a multiple of 4 bytes
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1).
pub(crate) fn put_transport_feedback(out: &mut BytesMut, sender: u32, media: u32, body: &[u8]) {
    put_header(out, 15, TRANSPORT_FEEDBACK, 2 + body.len() / 4);
    out.put_u32(sender);
    out.put_u32(media);
    out.put_slice(body);
}

/// `words`: those after the header.
fn put_header(out: &mut BytesMut, count: u8, kind: u8, words: usize) {
    out.put_u8(VERSION | count);
    out.put_u8(kind);
    out.put_u16(words as u16); // far fewer than 65536
}

#[cfg(test)]
mod tests;

//! Fragments access units into RTP payloads: H.264 (RFC 6184), VP8 (RFC 7741), VP9 (RFC 9628), AV1 (AV1 RTP
//! specification 1.0) and Opus (RFC 7587).
//!
//! The payloaders of webrtc-rs (`rtc`) are not used: its H.264 drops parameter sets that do not fit one packet, its VP9
//! never sets the P bit, so that every frame looks like a keyframe, and its AV1 panics on a length beyond the end of a
//! damaged file.

use bytes::{BufMut, Bytes, BytesMut};
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::av1;
use super::error::MediaError;
use super::h264;

/// The largest RTP payload, in bytes. With RTP header, extensions and SRTP tag it fits an MTU of 1280 bytes, the minimum
/// of IPv6.
pub const MAX_PAYLOAD: usize = 1188;

/// Packetizes the access units of one rendition, in order.
#[derive(Clone, Debug)]
pub struct Packetizer {
    codec: Codec,
    /// The 15-bit picture id of VP8 and VP9.
    picture_id: u16,
}

impl Packetizer {
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            picture_id: 0,
        }
    }

    /// The RTP payloads of one access unit, in order; never empty. The sender sets the marker bit on the last one of a
    /// video frame.
    ///
    /// # Errors
    /// The unit is malformed; the next one can be tried.
    pub fn packetize(&mut self, unit: &AccessUnit) -> Result<Vec<Bytes>, MediaError> {
        let picture_id = self.picture_id;
        self.picture_id = (picture_id + 1) & 0x7fff;
        let payloads = match self.codec {
            Codec::H264 => h264(&unit.data),
            Codec::Vp8 => vp8(&unit.data, picture_id),
            Codec::Vp9 => vp9(&unit.data, picture_id, unit.keyframe),
            Codec::Av1 => av1::payloads(&unit.data, unit.keyframe, MAX_PAYLOAD),
            Codec::Opus if unit.data.len() > MAX_PAYLOAD => {
                return Err(MediaError::TooLong {
                    bytes: unit.data.len(),
                });
            }
            Codec::Opus => vec![unit.data.clone()],
        };
        if payloads.is_empty() || unit.data.is_empty() {
            return Err(MediaError::Malformed {
                codec: self.codec.rtpmap_name(),
                bytes: unit.data.len(),
            });
        }
        Ok(payloads)
    }
}

/// RFC 6184 5.6 to 5.8: consecutive small NAL units share a STAP-A, large ones are fragmented into FU-A.
fn h264(unit: &Bytes) -> Vec<Bytes> {
    let mut payloads = Vec::with_capacity(unit.len() / MAX_PAYLOAD + 2);
    let mut small: Vec<Bytes> = Vec::new();
    let mut small_size = 1;
    for nal in h264::annex_b(unit) {
        let nal = unit.slice_ref(nal);
        if small_size + 2 + nal.len() > MAX_PAYLOAD {
            payloads.extend(aggregate(&small));
            small.clear();
            small_size = 1;
        }
        if nal.len() > MAX_PAYLOAD {
            fragment(&nal, &mut payloads);
        } else {
            small_size += 2 + nal.len();
            small.push(nal);
        }
    }
    payloads.extend(aggregate(&small));
    payloads
}

/// A STAP-A, or the NAL unit itself when it is the only one.
fn aggregate(nals: &[Bytes]) -> Option<Bytes> {
    match nals {
        [] => None,
        [nal] => Some(nal.clone()),
        nals => {
            let forbidden = nals.iter().fold(0, |bits, nal| bits | nal[0] & 0x80);
            let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
            let mut out =
                BytesMut::with_capacity(1 + nals.iter().map(|nal| nal.len() + 2).sum::<usize>());
            out.put_u8(forbidden | importance | 24);
            for nal in nals {
                out.put_u16(nal.len() as u16); // at most MAX_PAYLOAD
                out.put_slice(nal);
            }
            Some(out.freeze())
        }
    }
}

/// FU-A.
fn fragment(nal: &[u8], payloads: &mut Vec<Bytes>) {
    let (indicator, kind) = (nal[0] & 0xe0 | 28, nal[0] & 0x1f);
    let chunks = even_chunks(&nal[1..], MAX_PAYLOAD - 2);
    let last = chunks.len() - 1;
    for (n, chunk) in chunks.enumerate() {
        let start = if n == 0 { 0x80 } else { 0 };
        let end = if n == last { 0x40 } else { 0 };
        payloads.push(with_header(&[indicator, start | end | kind], chunk));
    }
}

/// RFC 7741 4.2 with a 15-bit picture id, without partition boundaries.
fn vp8(frame: &[u8], picture_id: u16) -> Vec<Bytes> {
    even_chunks(frame, MAX_PAYLOAD - 4)
        .enumerate()
        .map(|(n, chunk)| {
            let start = if n == 0 { 0x10 } else { 0 };
            with_header(
                &[
                    0x80 | start,
                    0x80,
                    0x80 | (picture_id >> 8) as u8,
                    picture_id as u8,
                ],
                chunk,
            )
        })
        .collect()
}

/// RFC 9628 4.2, flexible mode with a 15-bit picture id. The descriptor of an inter frame references the previous frame
/// only; the frame's own header has the complete list.
fn vp9(frame: &[u8], picture_id: u16, keyframe: bool) -> Vec<Bytes> {
    let chunks = even_chunks(frame, MAX_PAYLOAD - 4);
    let last = chunks.len().saturating_sub(1);
    chunks
        .enumerate()
        .map(|(n, chunk)| {
            let begin = if n == 0 { 0x08 } else { 0 };
            let end = if n == last { 0x04 } else { 0 };
            let id = [0x80 | (picture_id >> 8) as u8, picture_id as u8];
            if keyframe {
                with_header(&[0x90 | begin | end, id[0], id[1]], chunk)
            } else {
                with_header(&[0xd0 | begin | end, id[0], id[1], 1 << 1], chunk)
            }
        })
        .collect()
}

fn with_header(header: &[u8], chunk: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(header.len() + chunk.len());
    out.put_slice(header);
    out.put_slice(chunk);
    out.freeze()
}

/// The fewest fragments of at most `max_size` bytes, of nearly equal size, so that the last packet is not tiny.
fn even_chunks(data: &[u8], max_size: usize) -> std::slice::Chunks<'_, u8> {
    let count = data.len().div_ceil(max_size).max(1);
    data.chunks(data.len().div_ceil(count).max(1))
}

#[cfg(test)]
mod tests;

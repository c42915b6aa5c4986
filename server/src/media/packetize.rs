//! Access units cut into RTP payloads: H.264 (RFC 6184), VP8 (RFC 7741), VP9 (RFC 9628), AV1 (AV1 RTP
//! specification 1.0) and Opus (RFC 7587).
//!
//! The `rtc` crate has payloaders too. They are not used: its H.264 drops parameter sets that do not
//! fit one packet, its VP9 never sets the P bit, so that each picture reads as a keyframe, and its AV1
//! panics on a length beyond the end of a damaged file.

use bytes::{BufMut, Bytes, BytesMut};
use shared::api::Codec;

use super::av1;
use super::error::MediaError;
use super::frame::AccessUnit;
use super::h264;

/// Bytes of an RTP payload at most. With header, extensions and the tag of SRTP it fits a path of
/// 1280 bytes, the least that IPv6 promises.
pub const MAX_PAYLOAD: usize = 1188;

/// Cuts the access units of one rendition, in order.
#[derive(Clone, Debug)]
pub struct Packetizer {
    codec: Codec,
    /// 15 bits, counts pictures of VP8 and VP9.
    picture: u16,
}

impl Packetizer {
    pub fn new(codec: Codec) -> Self {
        Self { codec, picture: 0 }
    }

    /// The RTP payloads of one access unit, in order; never none. The sender sets the marker bit on the last
    /// one of a picture.
    ///
    /// # Errors
    /// The unit is malformed; the next one can be tried.
    pub fn packetize(&mut self, unit: &AccessUnit) -> Result<Vec<Bytes>, MediaError> {
        let picture = self.picture;
        self.picture = (picture + 1) & 0x7fff;
        let payloads = match self.codec {
            Codec::H264 => h264(&unit.data),
            Codec::Vp8 => vp8(&unit.data, picture),
            Codec::Vp9 => vp9(&unit.data, picture, unit.keyframe),
            Codec::Av1 => av1(&unit.data, unit.keyframe),
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

/// RFC 6184 5.6 to 5.8: small NAL units that follow each other share a STAP-A, large ones are cut into FU-A.
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

/// STAP-A, or the NAL unit itself when it is alone.
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
    let pieces = even_pieces(&nal[1..], MAX_PAYLOAD - 2);
    let last = pieces.len() - 1;
    for (n, piece) in pieces.enumerate() {
        let start = if n == 0 { 0x80 } else { 0 };
        let end = if n == last { 0x40 } else { 0 };
        payloads.push(joined(&[indicator, start | end | kind], piece));
    }
}

/// RFC 7741 4.2 with a 15-bit picture id. Partitions are not told apart.
fn vp8(frame: &[u8], picture: u16) -> Vec<Bytes> {
    even_pieces(frame, MAX_PAYLOAD - 4)
        .enumerate()
        .map(|(n, piece)| {
            let start = if n == 0 { 0x10 } else { 0 };
            joined(
                &[
                    0x80 | start,
                    0x80,
                    0x80 | (picture >> 8) as u8,
                    picture as u8,
                ],
                piece,
            )
        })
        .collect()
}

/// RFC 9628 4.2, flexible mode with a 15-bit picture id. A picture that is not a keyframe is said to
/// depend on the one before it; which others it uses is in its own header.
fn vp9(frame: &[u8], picture: u16, keyframe: bool) -> Vec<Bytes> {
    let pieces = even_pieces(frame, MAX_PAYLOAD - 4);
    let last = pieces.len().saturating_sub(1);
    pieces
        .enumerate()
        .map(|(n, piece)| {
            let begin = if n == 0 { 0x08 } else { 0 };
            let end = if n == last { 0x04 } else { 0 };
            let id = [0x80 | (picture >> 8) as u8, picture as u8];
            if keyframe {
                joined(&[0x90 | begin | end, id[0], id[1]], piece)
            } else {
                joined(&[0xd0 | begin | end, id[0], id[1], 1 << 1], piece)
            }
        })
        .collect()
}

/// AV1 RTP 4.4: each payload is an aggregation header and OBU elements, of which the last may go on in
/// the next payload. Up to three elements a payload are counted in W, so the last needs no length.
fn av1(unit: &Bytes, keyframe: bool) -> Vec<Bytes> {
    /// Bytes for the length of an element; 2 are enough for MAX_PAYLOAD.
    const LENGTH: usize = 2;
    let mut payloads = Vec::with_capacity(unit.len() / MAX_PAYLOAD + 1);
    let mut elements: Vec<Bytes> = Vec::new();
    let mut room = MAX_PAYLOAD - 1;
    let mut continues = false;
    let mut flush = |elements: &mut Vec<Bytes>, continues: bool, continued: bool| {
        let counted = elements.len() <= 3;
        let new_sequence = payloads.is_empty() && keyframe;
        let mut out = BytesMut::with_capacity(MAX_PAYLOAD);
        out.put_u8(
            u8::from(continues) << 7
                | u8::from(continued) << 6
                | if counted {
                    (elements.len() as u8) << 4
                } else {
                    0
                }
                | u8::from(new_sequence) << 3,
        );
        for (n, element) in elements.iter().enumerate() {
            if !counted || n + 1 < elements.len() {
                av1::put_leb128(&mut out, element.len());
            }
            out.put_slice(element);
        }
        elements.clear();
        payloads.push(out.freeze());
    };
    for obu in av1::obus(unit).filter(|obu| obu.is_sent()) {
        let mut rest = obu.without_size();
        while !rest.is_empty() {
            if room <= LENGTH {
                // The element before ended with its payload unless this is a continuation.
                flush(&mut elements, continues, false);
                continues = false;
                room = MAX_PAYLOAD - 1;
            }
            let piece = rest.split_to(rest.len().min(room - LENGTH));
            room -= LENGTH + piece.len();
            elements.push(piece);
            if !rest.is_empty() {
                flush(&mut elements, continues, true);
                continues = true;
                room = MAX_PAYLOAD - 1;
            }
        }
    }
    if !elements.is_empty() {
        flush(&mut elements, continues, false);
    }
    payloads
}

fn joined(header: &[u8], piece: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(header.len() + piece.len());
    out.put_slice(header);
    out.put_slice(piece);
    out.freeze()
}

/// As few pieces as `most` bytes allow, of nearly the same size: no tiny last packet.
fn even_pieces(data: &[u8], most: usize) -> std::slice::Chunks<'_, u8> {
    let count = data.len().div_ceil(most).max(1);
    data.chunks(data.len().div_ceil(count).max(1))
}

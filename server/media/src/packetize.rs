//! Fragments access units into RTP payloads: H.264 (RFC 6184), VP8 (RFC 7741), VP9 (RFC 9628), AV1 (AV1 RTP
//! specification 1.0) and Opus (RFC 7587).
//!
//! The payloaders of webrtc-rs (`rtc`) are not used: its H.264 drops parameter sets that do not fit one packet, its VP9
//! never sets the P bit, so that every frame looks like a keyframe, and its AV1 panics on a length beyond the end of a
//! damaged file.

use bitstream::h264;
use bytes::{BufMut, Bytes};
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::av1;
use super::error::MediaError;
use super::payloads::{PayloadBuilder, RtpPayloads};

/// The largest RTP payload, in bytes. With RTP header, extensions and SRTP tag it fits an MTU of 1280 bytes, the minimum
/// of IPv6.
pub const MAX_PAYLOAD: usize = 1188;

/// The RTP payloads of one access unit, in order; never empty. The sender sets the marker bit on the last one of a
/// video frame.
///
/// # Errors
/// The unit is malformed; the next one can be tried.
pub fn packetize(unit: &AccessUnit) -> Result<RtpPayloads, MediaError> {
    let malformed = malformed(unit);
    if unit.data.is_empty() || u32::try_from(unit.data.len()).is_err() {
        return Err(malformed);
    }
    let mut payloads = PayloadBuilder::new(&unit.data, unit.data.len() / MAX_PAYLOAD + 2);
    match unit.codec {
        Codec::H264 => h264(&unit.data, &mut payloads),
        Codec::Vp8 => vp8(&unit.data, &mut payloads),
        Codec::Vp9 => vp9(&unit.data, unit.keyframe, &mut payloads),
        Codec::Av1 => av1::packetize(&unit.data, unit.keyframe, MAX_PAYLOAD, &mut payloads),
        Codec::Opus if unit.data.len() > MAX_PAYLOAD => {
            return Err(MediaError::TooLong {
                bytes: unit.data.len(),
            });
        }
        Codec::Opus => payloads.push(&[], &unit.data),
    }
    if payloads.is_empty() {
        return Err(malformed);
    }
    Ok(payloads.finish())
}

/// The same of H.264 for single NAL unit mode (RFC 6184 6.2): each payload is one NAL unit.
///
/// # Errors
/// The unit is malformed, or a NAL unit of it does not fit a packet.
pub fn packetize_single_nal(unit: &AccessUnit) -> Result<RtpPayloads, MediaError> {
    let mut payloads = PayloadBuilder::new(&unit.data, unit.data.len() / MAX_PAYLOAD + 4);
    for nal in h264::annex_b(&unit.data) {
        if nal.len() > MAX_PAYLOAD {
            return Err(MediaError::TooLong { bytes: nal.len() });
        }
        payloads.push(&[], nal);
    }
    match payloads.is_empty() {
        true => Err(malformed(unit)),
        false => Ok(payloads.finish()),
    }
}

fn malformed(unit: &AccessUnit) -> MediaError {
    MediaError::Malformed {
        codec: unit.codec.rtpmap_name(),
        bytes: unit.data.len(),
    }
}

/// RFC 6184 5.6 to 5.8: consecutive small NAL units share a STAP-A, large ones are fragmented into FU-A.
fn h264(unit: &Bytes, payloads: &mut PayloadBuilder<'_>) {
    let mut small: Vec<&[u8]> = Vec::new();
    let mut small_size = 1;
    for nal in h264::annex_b(unit) {
        if small_size + 2 + nal.len() > MAX_PAYLOAD {
            aggregate(&small, payloads);
            small.clear();
            small_size = 1;
        }
        if nal.len() > MAX_PAYLOAD {
            fragment(nal, payloads);
        } else {
            small_size += 2 + nal.len();
            small.push(nal);
        }
    }
    aggregate(&small, payloads);
}

/// A STAP-A, or the NAL unit itself when it is the only one.
fn aggregate(nals: &[&[u8]], payloads: &mut PayloadBuilder<'_>) {
    match nals {
        [] => {}
        [nal] => payloads.push(&[], nal),
        nals => {
            let forbidden = nals.iter().fold(0, |bits, nal| bits | nal[0] & 0x80);
            let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
            payloads.push_aggregate(|out| {
                out.put_u8(forbidden | importance | 24);
                for nal in nals {
                    out.put_u16(nal.len() as u16); // at most MAX_PAYLOAD
                    out.put_slice(nal);
                }
            });
        }
    }
}

/// FU-A.
fn fragment(nal: &[u8], payloads: &mut PayloadBuilder<'_>) {
    let (indicator, kind) = (nal[0] & 0xe0 | 28, nal[0] & 0x1f);
    let fragments = even_chunks(&nal[1..], MAX_PAYLOAD - 2);
    let last = fragments.len() - 1;
    for (n, fragment) in fragments.enumerate() {
        let start = if n == 0 { 0x80 } else { 0 };
        let end = if n == last { 0x40 } else { 0 };
        payloads.push(&[indicator, start | end | kind], fragment);
    }
}

/// RFC 7741 4.2, without partition boundaries and without a picture id: receivers then order frames by sequence number, which has no gap when a
/// viewer changes to another rendition.
fn vp8(frame: &[u8], payloads: &mut PayloadBuilder<'_>) {
    for (n, fragment) in even_chunks(frame, MAX_PAYLOAD - 1).enumerate() {
        let start = if n == 0 { 0x10 } else { 0 };
        payloads.push(&[start], fragment);
    }
}

/// RFC 9628 4.2, non-flexible mode without a picture id, for the reason given at [`vp8`].
fn vp9(frame: &[u8], keyframe: bool, payloads: &mut PayloadBuilder<'_>) {
    let inter = if keyframe { 0 } else { 0x40 };
    let fragments = even_chunks(frame, MAX_PAYLOAD - 1);
    let last = fragments.len().saturating_sub(1);
    for (n, fragment) in fragments.enumerate() {
        let begin = if n == 0 { 0x08 } else { 0 };
        let end = if n == last { 0x04 } else { 0 };
        payloads.push(&[inter | begin | end], fragment);
    }
}

/// The fewest fragments of at most `max_size` bytes, of nearly equal size, so that the last packet is not tiny.
fn even_chunks(data: &[u8], max_size: usize) -> std::slice::Chunks<'_, u8> {
    let count = data.len().div_ceil(max_size).max(1);
    data.chunks(data.len().div_ceil(count).max(1))
}

#[cfg(test)]
mod tests;

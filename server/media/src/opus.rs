//! Opus packets of about 20 ms (RFC 6716 section 3): shorter ones are joined, longer ones that hold several frames are
//! split. Pure.
//!
//! Browsers conceal much of a track of 2.5 ms packets, since their jitter buffer counts in larger steps.

use bytes::{BufMut, Bytes, BytesMut};
use shared::api::Codec;

use super::access_unit::AccessUnit;
use super::packetize::MAX_PAYLOAD;
use super::time::MediaTime;

/// Microseconds in a packet.
const PACKET: i64 = 20_000;
/// RFC 6716 section 3.4: the longest frame in bytes, the longest packet in microseconds.
const MAX_FRAME_BYTES: usize = 1275;
const MAX_PACKET: i64 = 120_000;
/// The part of the TOC byte that all frames of a packet share: configuration and channels.
const TOC: u8 = 0xfc;

/// The output gain of an identification header (RFC 7845 5.1), in 1/256 dB; 0 of anything else.
pub(super) fn output_gain(header: &[u8]) -> i16 {
    match header {
        [
            b'O',
            b'p',
            b'u',
            b's',
            b'H',
            b'e',
            b'a',
            b'd',
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            low,
            high,
            ..,
        ] => i16::from_le_bytes([*low, *high]),
        _ => 0,
    }
}

/// Joins and splits the packets of one track.
#[derive(Debug, Default)]
pub(super) struct OpusFramer {
    /// Frames of less than [`PACKET`] together, and the time of the first.
    pending: Vec<Bytes>,
    toc: u8,
    time: MediaTime,
}

impl OpusFramer {
    /// Takes the next packet of the track; returns the units that are complete.
    pub(super) fn push(&mut self, packet: &[u8], time: MediaTime) -> Vec<AccessUnit> {
        let packet = Bytes::copy_from_slice(packet);
        let mut out = Vec::new();
        let Some(frames) = frames(&packet) else {
            // Decoders conceal a packet that is damaged.
            out.extend(self.flush());
            out.push(unit(time, packet));
            return out;
        };
        let toc = packet[0] & TOC;
        let duration = frame_duration(toc);
        let length = duration * frames.len() as i64;
        let due = self.time.plus_micros(self.pending.len() as i64 * duration);
        // Timestamps of many containers are rounded to milliseconds.
        let continues = toc == self.toc && time.micros_since(due).abs() < 2 * duration.max(1000);
        if !continues {
            out.extend(self.flush());
        }
        if self.pending.is_empty() && (length == PACKET || (frames.len() == 1 && length > PACKET)) {
            out.push(unit(time, packet));
            return out;
        }
        for (n, frame) in frames.into_iter().enumerate() {
            let pending: usize = self.pending.iter().map(|frame| frame.len() + 2).sum();
            if pending + frame.len() + 4 > MAX_PAYLOAD {
                out.extend(self.flush());
            }
            if self.pending.is_empty() {
                self.toc = toc;
                self.time = time.plus_micros(n as i64 * duration);
            }
            self.pending.push(frame);
            if self.pending.len() as i64 * duration >= PACKET {
                out.extend(self.flush());
            }
        }
        out
    }

    /// The frames that wait for more: the track has a gap or ends.
    pub(super) fn flush(&mut self) -> Option<AccessUnit> {
        let frames = std::mem::take(&mut self.pending);
        (!frames.is_empty()).then(|| unit(self.time, join(self.toc, &frames)))
    }
}

fn unit(time: MediaTime, data: Bytes) -> AccessUnit {
    AccessUnit {
        codec: Codec::Opus,
        dts: time,
        time,
        keyframe: true,
        data,
    }
}

/// The duration of each frame of a packet, in microseconds (RFC 6716 table 2).
fn frame_duration(toc: u8) -> i64 {
    match toc >> 3 {
        config @ 0..12 => [10_000, 20_000, 40_000, 60_000][usize::from(config % 4)],
        config @ 12..16 => [10_000, 20_000][usize::from(config % 2)],
        config => [2500, 5000, 10_000, 20_000][usize::from(config % 4)],
    }
}

/// The frames of a packet (RFC 6716 section 3.2). `None` when it is malformed.
fn frames(packet: &Bytes) -> Option<Vec<Bytes>> {
    let toc = *packet.first()?;
    let mut rest = packet.slice(1..);
    let (count, sizes) = match toc & 3 {
        0 => (1, Sizes::Equal),
        1 => (2, Sizes::Equal),
        2 => (2, Sizes::Coded),
        _ => {
            let header = take(&mut rest, 1)?[0];
            if header & 0x40 != 0 {
                let padding = padding(&mut rest)?;
                rest.truncate(rest.len().checked_sub(padding)?);
            }
            let sizes = if header & 0x80 != 0 {
                Sizes::Coded
            } else {
                Sizes::Equal
            };
            (usize::from(header & 0x3f), sizes)
        }
    };
    if count == 0 || frame_duration(toc) * count as i64 > MAX_PACKET {
        return None;
    }
    let sizes = match sizes {
        Sizes::Equal if rest.len().is_multiple_of(count) => vec![rest.len() / count; count],
        Sizes::Equal => return None,
        Sizes::Coded => {
            let mut sizes = (1..count)
                .map(|_| size(&mut rest))
                .collect::<Option<Vec<_>>>()?;
            sizes.push(rest.len().checked_sub(sizes.iter().sum())?);
            sizes
        }
    };
    sizes
        .into_iter()
        .map(|size| take(&mut rest, size).filter(|_| size <= MAX_FRAME_BYTES))
        .collect()
}

/// How the sizes of a packet's frames follow.
enum Sizes {
    Equal,
    /// Of all frames but the last, in front of the first.
    Coded,
}

fn take(rest: &mut Bytes, count: usize) -> Option<Bytes> {
    (count <= rest.len()).then(|| rest.split_to(count))
}

/// The number of bytes of padding at the end of a packet.
fn padding(rest: &mut Bytes) -> Option<usize> {
    let mut padding = 0;
    loop {
        match take(rest, 1)?[0] {
            255 => padding += 254,
            last => return Some(padding + usize::from(last)),
        }
    }
}

/// The size of a frame, in one or two bytes.
fn size(rest: &mut Bytes) -> Option<usize> {
    let first = usize::from(take(rest, 1)?[0]);
    match first {
        0..252 => Some(first),
        _ => Some(first + 4 * usize::from(take(rest, 1)?[0])),
    }
}

/// One packet of at least one and at most 48 frames.
fn join(toc: u8, frames: &[Bytes]) -> Bytes {
    let mut packet = BytesMut::new();
    let equal = frames.windows(2).all(|pair| pair[0].len() == pair[1].len());
    match (frames.len(), equal) {
        (1, _) => packet.put_u8(toc),
        (2, true) => packet.put_u8(toc | 1),
        (2, false) => packet.put_u8(toc | 2),
        (count, _) => {
            packet.put_u8(toc | 3);
            packet.put_u8(count as u8 | if equal { 0 } else { 0x80 });
        }
    }
    if !equal {
        for frame in &frames[..frames.len() - 1] {
            put_size(&mut packet, frame.len());
        }
    }
    for frame in frames {
        packet.extend_from_slice(frame);
    }
    packet.freeze()
}

fn put_size(packet: &mut BytesMut, size: usize) {
    if size < 252 {
        packet.put_u8(size as u8);
    } else {
        let first = 252 + size % 4;
        packet.put_u8(first as u8);
        packet.put_u8(((size - first) / 4) as u8);
    }
}

#[cfg(test)]
mod tests;

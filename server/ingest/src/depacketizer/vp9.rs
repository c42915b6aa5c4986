//! VP9 (RFC 9628 4.2). The frames of spatial layers are put together, as decoders take them.

use super::{Finished, PictureBuffer, Unusable};

#[derive(Debug, Default)]
pub(crate) struct Vp9Depacketizer {
    picture: PictureBuffer,
    keyframe: bool,
    /// Between the first and the last packet of a layer's frame.
    in_frame: bool,
}

/// The first packet of a picture: it begins the frame of the lowest layer.
pub(super) fn begins(payload: &[u8]) -> bool {
    Descriptor::parse(payload)
        .is_some_and(|descriptor| descriptor.begins && descriptor.spatial_layer == 0)
}

/// The payload descriptor, as far as it is needed.
struct Descriptor {
    /// B and E: the first and the last packet of a layer's frame.
    begins: bool,
    ends: bool,
    spatial_layer: u8,
    length: usize,
}

impl Descriptor {
    fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let has = |bit: u8| first & bit != 0;
        let mut length = 1;
        if has(0x80) {
            // I: a picture id of 7 or 15 bits.
            length += 1 + usize::from(payload.get(length)? >> 7);
        }
        let mut spatial_layer = 0;
        if has(0x20) {
            // L; without F there is a TL0PICIDX.
            spatial_layer = payload.get(length)? >> 1 & 7;
            length += if has(0x10) { 1 } else { 2 };
        }
        if has(0x10) && has(0x40) {
            // F and P: up to three differences, each but the last with N.
            let mut more = true;
            for _ in 0..3 {
                if more {
                    more = payload.get(length)? & 1 != 0;
                    length += 1;
                }
            }
        }
        if has(0x02) {
            length += scalability_structure(payload.get(length..)?)?;
        }
        Some(Self {
            begins: has(0x08),
            ends: has(0x04),
            spatial_layer,
            length,
        })
    }
}

/// Its length in bytes (RFC 9628 4.2.1).
fn scalability_structure(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    let mut length = 1;
    if first & 0x10 != 0 {
        length += 4 * (usize::from(first >> 5) + 1);
    }
    if first & 0x08 != 0 {
        let pictures = *bytes.get(length)?;
        length += 1;
        for _ in 0..pictures {
            length += 1 + usize::from(bytes.get(length)? >> 2 & 3);
        }
    }
    Some(length)
}

impl Vp9Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Unusable> {
        let descriptor = Descriptor::parse(payload).ok_or(Unusable)?;
        let data = payload.get(descriptor.length..).ok_or(Unusable)?;
        if descriptor.begins == self.in_frame {
            return Err(Unusable);
        }
        if self.picture.is_empty() {
            if descriptor.spatial_layer != 0 {
                return Err(Unusable);
            }
            self.keyframe = is_keyframe(*data.first().ok_or(Unusable)?);
        }
        self.in_frame = !descriptor.ends;
        self.picture.push(data)
    }

    pub(super) fn finish(&mut self) -> Finished {
        if std::mem::take(&mut self.in_frame) {
            self.picture.take();
            return Finished::Broken;
        }
        self.picture.finish(self.keyframe)
    }

    pub(super) fn reset(&mut self) {
        self.picture.take();
        self.in_frame = false;
    }
}

/// By the first byte of the frame (VP9 bitstream specification 6.2). The P bit of the descriptor is not asked: FFmpeg never sets it.
fn is_keyframe(byte: u8) -> bool {
    let bit = |position: u8| byte >> (7 - position) & 1;
    // frame_marker, two bits; the profile, two bits; profile 3 has a reserved bit.
    let flags = if bit(2) == 1 && bit(3) == 1 { 5 } else { 4 };
    byte >> 6 == 2 && bit(flags) == 0 && bit(flags + 1) == 0 // show_existing_frame, frame_type
}

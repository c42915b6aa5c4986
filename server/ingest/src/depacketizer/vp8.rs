//! VP8 (RFC 7741 4.2).

use super::{Finished, PictureBuffer, Unusable};

#[derive(Debug, Default)]
pub(crate) struct Vp8Depacketizer {
    frame: PictureBuffer,
    keyframe: bool,
}

/// The first packet of a frame: the start of its first partition.
pub(super) fn begins(payload: &[u8]) -> bool {
    Descriptor::parse(payload).is_some_and(|descriptor| descriptor.begins)
}

/// The payload descriptor, as far as it is needed.
struct Descriptor {
    begins: bool,
    length: usize,
}

impl Descriptor {
    fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut length = 1;
        if first & 0x80 != 0 {
            let present = *payload.get(length)?;
            length += 1;
            if present & 0x80 != 0 {
                // A picture id of 7 or 15 bits.
                length += 1 + usize::from(payload.get(length)? >> 7);
            }
            length += usize::from(present & 0x40 != 0); // TL0PICIDX
            length += usize::from(present & 0x30 != 0); // TID and KEYIDX share a byte
        }
        Some(Self {
            begins: first & 0x17 == 0x10,
            length,
        })
    }
}

impl Vp8Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Unusable> {
        let descriptor = Descriptor::parse(payload).ok_or(Unusable)?;
        let data = payload.get(descriptor.length..).ok_or(Unusable)?;
        if descriptor.begins != self.frame.is_empty() {
            return Err(Unusable);
        }
        if descriptor.begins {
            // RFC 7741 4.3: the inverse key frame flag.
            self.keyframe = data.first().ok_or(Unusable)? & 1 == 0;
        }
        self.frame.push(data)
    }

    pub(super) fn finish(&mut self) -> Finished {
        self.frame.finish(self.keyframe)
    }

    pub(super) fn reset(&mut self) {
        self.frame.take();
    }
}

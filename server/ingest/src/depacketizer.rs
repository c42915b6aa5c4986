//! From the payloads of one picture, in order, to the form that `media` takes
//! (`AccessUnit::data`).

mod av1;
mod h264;
mod vp8;
mod vp9;

use bitstream::sps::SpsInfo;
use bytes::{Bytes, BytesMut};
use shared::api::Codec;

use self::av1::Av1Depacketizer;
use self::h264::H264Depacketizer;
use self::vp8::Vp8Depacketizer;
use self::vp9::Vp9Depacketizer;

/// A larger picture is dropped.
pub(crate) const MAX_PICTURE_BYTES: usize = 8 << 20;

/// The payload does not continue the picture, is malformed, or makes the picture too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unusable;

/// The end of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    Picture(Picture),
    /// There was nothing to decode: parameter sets or padding.
    Nothing,
    Broken,
}

/// A whole picture, or one Opus packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) data: Bytes,
    pub(crate) keyframe: bool,
    /// Of H.264 keyframes.
    pub(crate) sps: Option<SpsInfo>,
}

/// Puts pictures of one codec together. After [`Unusable`], [`Self::reset`] is called.
#[derive(Debug)]
pub(crate) enum Depacketizer {
    H264(Box<H264Depacketizer>),
    Vp8(Vp8Depacketizer),
    Vp9(Vp9Depacketizer),
    Av1(Av1Depacketizer),
    /// RFC 7587 4.2: a payload is a packet.
    Opus(PictureBuffer),
}

impl Depacketizer {
    pub(crate) fn new(codec: Codec) -> Self {
        match codec {
            Codec::H264 => Self::H264(Box::default()),
            Codec::Vp8 => Self::Vp8(Vp8Depacketizer::default()),
            Codec::Vp9 => Self::Vp9(Vp9Depacketizer::default()),
            Codec::Av1 => Self::Av1(Av1Depacketizer::default()),
            Codec::Opus => Self::Opus(PictureBuffer::default()),
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        match self {
            Self::H264(_) => Codec::H264,
            Self::Vp8(_) => Codec::Vp8,
            Self::Vp9(_) => Codec::Vp9,
            Self::Av1(_) => Codec::Av1,
            Self::Opus(_) => Codec::Opus,
        }
    }

    /// H.264 parameter sets that the session description gives (`sprop-parameter-sets`), in Annex B.
    pub(crate) fn configure(&mut self, parameter_sets: &[u8]) {
        if let Self::H264(h264) = self {
            h264.configure(parameter_sets);
        }
    }

    /// True when a keyframe may begin with this payload, although the packet before it is unknown.
    pub(crate) fn may_begin(&self, payload: &[u8]) -> bool {
        match self {
            Self::H264(_) => h264::may_begin(payload),
            Self::Vp8(_) => vp8::begins(payload),
            Self::Vp9(_) => vp9::begins(payload),
            Self::Av1(_) => av1::may_begin(payload),
            Self::Opus(_) => true,
        }
    }

    pub(crate) fn push(&mut self, payload: &[u8]) -> Result<(), Unusable> {
        match self {
            Self::H264(h264) => h264.push(payload),
            Self::Vp8(vp8) => vp8.push(payload),
            Self::Vp9(vp9) => vp9.push(payload),
            Self::Av1(av1) => av1.push(payload),
            Self::Opus(packet) => packet.push(payload),
        }
    }

    /// `begin_known`: no packet before the first one of the picture is missing.
    pub(crate) fn finish(&mut self, begin_known: bool) -> Finished {
        match self {
            Self::H264(h264) => h264.finish(begin_known),
            Self::Vp8(vp8) => vp8.finish(),
            Self::Vp9(vp9) => vp9.finish(),
            Self::Av1(av1) => av1.finish(),
            Self::Opus(packet) => packet.finish(true),
        }
    }

    /// Forgets the packets since the last [`Self::finish`], but not the parameter sets of earlier pictures.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::H264(h264) => h264.reset(),
            Self::Vp8(vp8) => vp8.reset(),
            Self::Vp9(vp9) => vp9.reset(),
            Self::Av1(av1) => av1.reset(),
            Self::Opus(packet) => packet.take().clear(),
        }
    }
}

/// The bytes of a picture, up to [`MAX_PICTURE_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct PictureBuffer(BytesMut);

impl PictureBuffer {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Unusable> {
        if self.0.len() + bytes.len() > MAX_PICTURE_BYTES {
            return Err(Unusable);
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self) -> BytesMut {
        std::mem::take(&mut self.0)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn finish(&mut self, keyframe: bool) -> Finished {
        match self.take() {
            data if data.is_empty() => Finished::Nothing,
            data => Finished::Picture(Picture {
                data: data.freeze(),
                keyframe,
                sps: None,
            }),
        }
    }
}

#[cfg(test)]
mod tests;

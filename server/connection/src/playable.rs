//! Which pictures of a publisher are passed on. Pure.

use bitstream::sps::is_common_profile;
use bitstream::{av1, vp8, vp9};
use ingest::unit::ReceivedUnit;
use shared::api::Codec;

/// Why a publisher's video cannot be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unplayable {
    /// Not every browser decodes it.
    Profile,
    /// Its pictures are larger than [`MAX_SIDE`].
    Size,
}

/// Of a picture, in pixels: decoders of 8K take no more.
pub(super) const MAX_SIDE: u32 = 8192;

/// Why a stream with this keyframe is not passed on.
pub(super) fn unplayable(keyframe: &ReceivedUnit) -> Option<Unplayable> {
    let is_large = |(width, height): (u32, u32)| width.max(height) > MAX_SIDE;
    // Decoders of AV1 tell what they take.
    let is_limited = keyframe.codec != Codec::Av1;
    match is_limited && size(keyframe).is_some_and(is_large) {
        true => Some(Unplayable::Size),
        false => (!is_common(keyframe)).then_some(Unplayable::Profile),
    }
}

/// Every browser that decodes the codec decodes the profile of this keyframe, as far as its header tells: what files are passed through by.
fn is_common(unit: &ReceivedUnit) -> bool {
    match unit.codec {
        // Not the order of slices: it is what is left of a picture after losses, too.
        Codec::H264 => unit.sps.is_none_or(|sps| {
            is_common_profile(sps.profile, sps.level) && sps.chroma == 1 && sps.bits == 8
        }),
        Codec::Vp9 => vp9::profile(&unit.data).is_none_or(|profile| profile == 0),
        Codec::Av1 => av1::profile(&unit.data).is_none_or(|profile| profile == 0),
        Codec::Vp8 | Codec::Opus => true,
    }
}

/// Of a keyframe, as far as its header tells.
pub(super) fn size(unit: &ReceivedUnit) -> Option<(u32, u32)> {
    match unit.codec {
        Codec::H264 => unit.sps.map(|sps| (sps.width, sps.height)),
        Codec::Vp8 => vp8::keyframe_size(&unit.data),
        Codec::Vp9 => vp9::keyframe_size(&unit.data),
        Codec::Av1 if unit.keyframe => av1::size(&unit.data),
        Codec::Av1 | Codec::Opus => None,
    }
}

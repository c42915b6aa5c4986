//! Which pictures of a publisher are passed on, and which are encoded again. Pure.

use bitstream::picture_format::PictureFormat;
use bitstream::sps::{SpsInfo, is_common_profile};
use bitstream::{av1, vp8, vp9};
use ingest::unit::ReceivedUnit;
use media::live::is_decoded;
use shared::api::{Codec, NotEncoded, Reason};

/// Why a publisher's video cannot be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unplayable {
    /// Not every browser decodes it, and this server cannot encode it again.
    Profile,
    /// Its pictures are larger than [`MAX_SIDE`].
    Size,
}

/// Of a picture, in pixels: decoders of 8K take no more.
pub(super) const MAX_SIDE: u32 = 8192;

/// Why nothing of a stream with this keyframe is passed on. `encoded`: the codecs that this server encodes again.
pub(super) fn unplayable(keyframe: &ReceivedUnit, encoded: &[Codec]) -> Option<Unplayable> {
    let is_large = |(width, height): (u32, u32)| width.max(height) > MAX_SIDE;
    // Decoders of AV1 tell what they take.
    let is_limited = keyframe.codec != Codec::Av1;
    match is_limited && size(keyframe).is_some_and(is_large) {
        true => Some(Unplayable::Size),
        false => (encoded.is_empty() && !profile_reasons(keyframe).is_empty())
            .then_some(Unplayable::Profile),
    }
}

/// Why what follows this keyframe is not encoded, also for viewers that do not take it. `encoded`: the codecs that this server encodes again.
pub(super) fn not_encoded(keyframe: &ReceivedUnit, encoded: &[Codec]) -> Option<NotEncoded> {
    if !encoded.contains(&keyframe.codec) {
        return Some(NotEncoded::NoDecoder);
    }
    let format = format(keyframe);
    let is_large = format.is_some_and(|format| !is_decoded(&format));
    is_large.then_some(NotEncoded::TooLarge)
}

/// Why what follows this keyframe is encoded again: every browser that decodes the codec is to decode it, as far as its header tells. `reorders`: it has B-frames.
pub(super) fn reasons(keyframe: &ReceivedUnit, reorders: bool) -> Vec<Reason> {
    let mut reasons = profile_reasons(keyframe);
    reasons.extend(reorders.then_some(Reason::BFrames));
    reasons
}

/// As files: see `media::plan`.
fn profile_reasons(unit: &ReceivedUnit) -> Vec<Reason> {
    let is_common = match (unit.codec, unit.sps) {
        (Codec::H264, Some(sps)) if sps.bits > 8 => {
            return vec![Reason::BitDepth { bits: sps.bits }];
        }
        (Codec::H264, Some(sps)) if sps.chroma != 1 => {
            let format = match sps.chroma {
                0 => "gray",
                2 => "yuv422p",
                _ => "yuv444p",
            };
            return vec![Reason::Chroma {
                format: format.to_owned(),
            }];
        }
        // Not the order of slices: it is what is left of a picture after losses, too.
        (Codec::H264, sps) => sps.is_none_or(|sps| is_common_profile(sps.profile, sps.level)),
        (Codec::Vp9, _) => vp9::profile(&unit.data).is_none_or(|profile| profile == 0),
        (Codec::Av1, _) => av1::profile(&unit.data).is_none_or(|profile| profile == 0),
        (Codec::Vp8 | Codec::Opus, _) => true,
    };
    match is_common {
        true => Vec::new(),
        false => vec![Reason::Profile],
    }
}

/// Of a keyframe, as far as its header tells.
pub(super) fn size(unit: &ReceivedUnit) -> Option<(u32, u32)> {
    format(unit).map(|format| format.size())
}

fn format(unit: &ReceivedUnit) -> Option<PictureFormat> {
    match unit.codec {
        Codec::H264 => unit.sps.as_ref().map(SpsInfo::format),
        Codec::Vp8 => vp8::keyframe_format(&unit.data),
        Codec::Vp9 => vp9::keyframe_format(&unit.data),
        Codec::Av1 if unit.keyframe => av1::format(&unit.data),
        Codec::Av1 | Codec::Opus => None,
    }
}

//! How each track is delivered, from the facts about it. Pure.

use serde::{Deserialize, Serialize};
use shared::api::{Codec, Delivery, Reason};

use super::encoding::Encoding;
use super::facts::{AudioFacts, VideoFacts, is_not_square, shown_size};
use super::orientation::Orientation;
use super::packetize::MAX_PAYLOAD;

/// The frame size of H.264 level 5.2, in pixels, which is the limit of hardware decoders in browsers.
const MAX_DECODED: u64 = 4096 * 2304;
/// The largest encoded frame: long and short side in pixels.
pub const MAX_ENCODED: (u32, u32) = (1920, 1080);
/// The same where the larger one would take too much time. Otherwise frames would be dropped.
pub const MAX_ENCODED_REDUCED: (u32, u32) = (1280, 720);
/// Core time, in milliseconds per million pixels: to decode HEVC, VP9, AV1 and others, to decode H.264, and to scale and
/// encode to H.264. Measured on one core that decodes 4K HEVC of 18 Mbit/s at 20 fps.
const DECODE_COST: f64 = 6.0;
const DECODE_COST_H264: f64 = 4.0;
const ENCODE_COST: f64 = 9.0;
/// The part of the machine's cores that one video may take.
const MAX_LOAD: f64 = 0.9;
/// The highest encoded frame rate, in frames per second.
pub const MAX_FRAME_RATE: f64 = 60.0;

/// The encoders that this build of FFmpeg has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoders {
    pub h264: bool,
    pub vp8: bool,
    pub opus: bool,
}

impl Encoders {
    /// The video codecs that can be encoded, best first.
    pub fn video(self) -> impl Iterator<Item = Codec> {
        [(Codec::H264, self.h264), (Codec::Vp8, self.vp8)]
            .into_iter()
            .filter_map(|(codec, available)| available.then_some(codec))
    }

    /// All that can be made of a video.
    pub(super) fn encodings(self) -> impl Iterator<Item = Encoding> {
        let single_nal = self.h264.then_some(Encoding::SINGLE_NAL);
        self.video().map(Encoding::of).chain(single_nal)
    }
}

/// Every reason why the video cannot be passed through; empty when it can.
pub fn video_reasons(facts: &VideoFacts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut because = |holds: bool, reason: Reason| {
        if holds {
            reasons.push(reason);
        }
    };
    let native = facts.native_codec();
    let packets = &facts.packets;
    because(native.is_none(), Reason::Codec);
    // More bits and other chroma have profiles of their own.
    because(
        !facts.common_profile && facts.bits <= 8 && facts.is_420,
        Reason::Profile,
    );
    because(packets.reordered, Reason::BFrames);
    because(facts.bits > 8, Reason::BitDepth { bits: facts.bits });
    because(
        !facts.is_420,
        Reason::Chroma {
            format: facts.pixel_format.clone(),
        },
    );
    because(facts.interlaced, Reason::Interlaced);
    because(
        !facts.width.is_multiple_of(2) || !facts.height.is_multiple_of(2),
        Reason::OddSize,
    );
    because(
        facts.orientation != Orientation::default(),
        Reason::Rotated {
            degrees: facts.orientation.degrees,
        },
    );
    because(
        packets.still || packets.irregular,
        Reason::VariableFrameRate,
    );
    because(packets.has_sparse_keyframes(), Reason::SparseKeyframes);
    because(packets.bad_timestamps, Reason::Timestamps);
    because(
        u64::from(facts.width) * u64::from(facts.height) > MAX_DECODED,
        Reason::TooLarge,
    );
    because(is_not_square(facts.pixel_aspect), Reason::PixelAspect);
    reasons
}

/// How the video is delivered; `None` when it can be neither passed through nor encoded.
pub fn video(facts: &VideoFacts, encoders: Encoders) -> Option<Delivery> {
    let reasons = video_reasons(facts);
    if reasons.is_empty() {
        return Some(Delivery::Passthrough);
    }
    Some(Delivery::Reencode {
        codec: encoders.video().next()?,
        reasons,
    })
}

/// How the audio is delivered; `None` when it can be neither passed through nor encoded.
pub fn audio(facts: &AudioFacts, encoders: Encoders) -> Option<Delivery> {
    let mut reasons = Vec::new();
    if facts.codec != "opus" || facts.channels > 2 {
        reasons.push(Reason::Codec);
    }
    if facts.codec == "opus" && facts.largest_packet > MAX_PAYLOAD {
        reasons.push(Reason::TooLarge);
    }
    // RTP does not carry the header that it is in.
    if facts.codec == "opus" && facts.output_gain != 0 {
        reasons.push(Reason::OutputGain);
    }
    match reasons.is_empty() {
        true => Some(Delivery::Passthrough),
        false if encoders.opus => Some(Delivery::Reencode {
            codec: Codec::Opus,
            reasons,
        }),
        false => None,
    }
}

/// The limit of the size of the encoded video, on a machine with this many cores: long and short side in pixels.
pub fn max_encoded(facts: &VideoFacts, cores: usize) -> (u32, u32) {
    let megapixels = |width: u32, height: u32| f64::from(width) * f64::from(height) / 1e6;
    let decode = match facts.native_codec() {
        Some(Codec::H264) => DECODE_COST_H264,
        _ => DECODE_COST,
    };
    let (width, height) = encoded_size(
        facts.width,
        facts.height,
        facts.pixel_aspect,
        facts.orientation,
        MAX_ENCODED,
    );
    let frame =
        megapixels(facts.width, facts.height) * decode + megapixels(width, height) * ENCODE_COST;
    let load = frame * facts.frame_rate.unwrap_or(30.0).min(MAX_FRAME_RATE) / 1000.0;
    // Tone mapping takes longer than encoding, and most of it runs on one core.
    if facts.hdr || load > MAX_LOAD * cores as f64 {
        MAX_ENCODED_REDUCED
    } else {
        MAX_ENCODED
    }
}

/// The size of the encoded video: the displayed size, scaled down to fit `max_size` (long side, short side), and even.
pub fn encoded_size(
    width: u32,
    height: u32,
    pixel_aspect: (u32, u32),
    orientation: Orientation,
    max_size: (u32, u32),
) -> (u32, u32) {
    let (width, height) = shown_size(width, height, pixel_aspect, orientation);
    let (long, short) = (f64::from(width.max(height)), f64::from(width.min(height)));
    let scale = (f64::from(max_size.0) / long)
        .min(f64::from(max_size.1) / short)
        .min(1.0);
    let even = |side: u32| {
        let scaled = (f64::from(side) * scale).round() as u32;
        (scaled & !1).max(16)
    };
    (even(width), even(height))
}

/// The bit rate to encode at, in bits per second: 2.5 Mbit/s for 1280x720 at 30 fps, otherwise in proportion to the
/// pixel rate to the power of 0.75, because more pixels compress better.
pub fn bit_rate(width: u32, height: u32, frame_rate: f64) -> usize {
    let pixels = f64::from(width) * f64::from(height) * frame_rate.clamp(5.0, MAX_FRAME_RATE);
    let rate = 2_500_000.0 * (pixels / (1280.0 * 720.0 * 30.0)).powf(0.75);
    rate.clamp(150_000.0, 8_000_000.0) as usize
}

#[cfg(test)]
mod tests;

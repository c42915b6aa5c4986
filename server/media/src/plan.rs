//! How each track is delivered, from the facts about it. Pure.

use shared::api::{Codec, Delivery, Reason};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
mod tests {
    use proptest::prelude::*;

    use super::super::packet_scan::{MAX_GOP, MAX_GOP_BYTES, PacketFacts};
    use super::*;

    const ALL: Encoders = Encoders {
        h264: true,
        vp8: true,
        opus: true,
    };

    fn facts() -> VideoFacts {
        VideoFacts {
            codec: "h264".to_owned(),
            common_profile: true,
            width: 1280,
            height: 720,
            pixel_aspect: (1, 1),
            container_aspect: false,
            orientation: Orientation::default(),
            pixel_format: "yuv420p".to_owned(),
            bits: 8,
            is_420: true,
            interlaced: false,
            hdr: false,
            frame_rate: Some(25.0),
            packets: PacketFacts::default(),
        }
    }

    fn reasons(change: impl FnOnce(&mut VideoFacts)) -> Vec<Reason> {
        let mut facts = facts();
        change(&mut facts);
        video_reasons(&facts)
    }

    #[test]
    fn what_browsers_can_decode_is_passed_through() {
        for codec in ["h264", "vp8", "vp9", "av1"] {
            assert_eq!(reasons(|facts| facts.codec = codec.to_owned()), []);
        }
    }

    #[test]
    fn each_obstacle_is_a_reason_of_its_own() {
        assert_eq!(reasons(|f| f.codec = "hevc".to_owned()), [Reason::Codec]);
        assert_eq!(reasons(|f| f.common_profile = false), [Reason::Profile]);
        assert_eq!(reasons(|f| f.packets.reordered = true), [Reason::BFrames]);
        assert_eq!(reasons(|f| f.bits = 10), [Reason::BitDepth { bits: 10 }]);
        assert_eq!(
            reasons(|f| {
                f.is_420 = false;
                f.pixel_format = "yuv444p".to_owned();
            }),
            [Reason::Chroma {
                format: "yuv444p".to_owned()
            }]
        );
        assert_eq!(reasons(|f| f.interlaced = true), [Reason::Interlaced]);
        assert_eq!(reasons(|f| f.width = 1279), [Reason::OddSize]);
        assert_eq!(
            reasons(|f| f.orientation.degrees = 90),
            [Reason::Rotated { degrees: 90 }]
        );
        assert_eq!(
            reasons(|f| f.packets.still = true),
            [Reason::VariableFrameRate]
        );
        assert_eq!(
            reasons(|f| f.packets.longest_gop = MAX_GOP + 1),
            [Reason::SparseKeyframes]
        );
        assert_eq!(
            reasons(|f| f.packets.largest_gop = MAX_GOP_BYTES + 1),
            [Reason::SparseKeyframes]
        );
        assert_eq!(
            reasons(|f| f.packets.bad_timestamps = true),
            [Reason::Timestamps]
        );
        assert_eq!(reasons(|f| f.width = 16_384), [Reason::TooLarge]);
        assert_eq!(reasons(|f| f.pixel_aspect = (4, 3)), [Reason::PixelAspect]);
    }

    #[test]
    fn all_reasons_are_reported() {
        let found = reasons(|f| {
            f.codec = "hevc".to_owned();
            f.bits = 10;
            f.packets.reordered = true;
        });
        assert_eq!(
            found,
            [
                Reason::Codec,
                Reason::BFrames,
                Reason::BitDepth { bits: 10 }
            ]
        );
    }

    #[test]
    fn without_an_encoder_only_passthrough_is_delivered() {
        let none = Encoders {
            h264: false,
            vp8: false,
            opus: false,
        };
        assert_eq!(video(&facts(), none), Some(Delivery::Passthrough));
        let hevc = VideoFacts {
            codec: "hevc".to_owned(),
            ..facts()
        };
        assert_eq!(video(&hevc, none), None);
        let vp8 = Encoders { vp8: true, ..none };
        assert!(matches!(
            video(&hevc, vp8),
            Some(Delivery::Reencode {
                codec: Codec::Vp8,
                ..
            })
        ));
    }

    #[test]
    fn only_stereo_opus_that_fits_a_packet_is_passed_through() {
        let opus = AudioFacts {
            codec: "opus".to_owned(),
            channels: 2,
            sample_rate: 48_000,
            largest_packet: 400,
        };
        assert_eq!(audio(&opus, ALL), Some(Delivery::Passthrough));
        for facts in [
            AudioFacts {
                channels: 6,
                ..opus.clone()
            },
            AudioFacts {
                largest_packet: 1275,
                ..opus.clone()
            },
            AudioFacts {
                codec: "aac".to_owned(),
                ..opus
            },
        ] {
            assert!(matches!(
                audio(&facts, ALL),
                Some(Delivery::Reencode {
                    codec: Codec::Opus,
                    ..
                })
            ));
        }
    }

    #[test]
    fn the_size_is_reduced_where_the_machine_is_too_slow_and_for_hdr() {
        let limit = |cores: usize, change: &dyn Fn(&mut VideoFacts)| {
            let mut facts = facts();
            facts.codec = "hevc".to_owned();
            facts.frame_rate = Some(30.0);
            change(&mut facts);
            max_encoded(&facts, cores)
        };
        let size = |width, height| {
            move |facts: &mut VideoFacts| (facts.width, facts.height) = (width, height)
        };
        assert_eq!(limit(2, &size(3840, 2160)), MAX_ENCODED_REDUCED);
        assert_eq!(limit(4, &size(3840, 2160)), MAX_ENCODED);
        assert_eq!(limit(2, &size(2560, 1440)), MAX_ENCODED);
        assert_eq!(limit(2, &size(1920, 1080)), MAX_ENCODED);
        assert_eq!(limit(8, &|facts| facts.hdr = true), MAX_ENCODED_REDUCED);
    }

    #[test]
    fn sizes_are_even_scaled_down_and_rotated() {
        let rotated = Orientation {
            degrees: 90,
            mirrored: false,
        };
        assert_eq!(
            encoded_size(1280, 720, (1, 1), Orientation::default(), MAX_ENCODED),
            (1280, 720)
        );
        assert_eq!(
            encoded_size(3840, 2160, (1, 1), Orientation::default(), MAX_ENCODED),
            (1920, 1080)
        );
        assert_eq!(
            encoded_size(3840, 2160, (1, 1), rotated, MAX_ENCODED),
            (1080, 1920)
        );
        assert_eq!(
            encoded_size(321, 181, (1, 1), Orientation::default(), MAX_ENCODED),
            (320, 180)
        );
        assert_eq!(
            encoded_size(720, 576, (16, 15), Orientation::default(), MAX_ENCODED),
            (768, 576)
        );
        assert_eq!(
            encoded_size(1, 1, (1, 1), Orientation::default(), MAX_ENCODED),
            (16, 16)
        );
    }

    proptest! {
        #[test]
        fn any_facts_give_a_plan_and_a_size_that_encoders_take(
            width in 1u32..70_000, height in 1u32..70_000, num in 0u32..10_000, den in 0u32..10_000,
            degrees in 0i32..4, mirrored: bool, bits in 1u32..17, gop in 0i64..i64::MAX,
        ) {
            let orientation = Orientation { degrees: degrees * 90, mirrored };
            let (w, h) = encoded_size(width, height, (num, den), orientation, MAX_ENCODED);
            prop_assert!(w % 2 == 0 && h % 2 == 0 && w >= 16 && h >= 16);
            prop_assert!(w.max(h) <= 1920 && w.min(h) <= 1080);
            let mut facts = facts();
            (facts.width, facts.height, facts.pixel_aspect, facts.orientation, facts.bits) = (width, height, (num, den), orientation, bits);
            facts.packets.longest_gop = gop;
            let delivery = video(&facts, ALL).expect("there are encoders");
            match delivery {
                Delivery::Passthrough => prop_assert!(width % 2 == 0 && height % 2 == 0 && bits <= 8 && gop <= MAX_GOP),
                Delivery::Reencode { reasons, .. } => prop_assert!(!reasons.is_empty()),
            }
        }
    }
}

use proptest::prelude::*;

use super::super::packet_scan::{MAX_GOP, MAX_GOP_BYTES};
use super::*;

const ALL: Encoders = Encoders {
    h264: true,
    vp8: true,
    opus: true,
};

fn facts() -> VideoFacts {
    VideoFacts {
        frame_rate: Some(25.0),
        ..VideoFacts::plain("h264", (1280, 720))
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
fn only_stereo_opus_that_fits_a_packet_and_sets_no_gain_is_passed_through() {
    let opus = AudioFacts {
        codec: "opus".to_owned(),
        channels: 2,
        sample_rate: 48_000,
        largest_packet: 400,
        output_gain: 0,
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
            output_gain: -256,
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
    let size =
        |width, height| move |facts: &mut VideoFacts| (facts.width, facts.height) = (width, height);
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

use shared::api::{FrameSize, NotEncoded, Reason, StreamState};

use super::reasons::reason;
use super::*;

fn bunny() -> StreamInfo {
    StreamInfo {
        name: "big-buck-bunny".into(),
        state: StreamState::Idle,
        duration: Some(5.0),
        video: Some(VideoTrack {
            codec: "h264".into(),
            profile: Some("Main".into()),
            width: 1280,
            height: 720,
            encoded_size: None,
            fps: Some(25.0),
            delivery: Delivery::Passthrough,
            not_encoded: None,
        }),
        audio: Some(AudioTrack {
            codec: "aac".into(),
            channels: 6,
            sample_rate: 48_000,
            delivery: Delivery::Reencode {
                codec: Codec::Opus,
                reasons: vec![Reason::Codec],
            },
        }),
        inset: None,
        renditions: Vec::new(),
        dropped: 0,
        viewers: 0,
        poster: None,
    }
}

#[test]
fn a_reduced_size_is_named() {
    let mut info = bunny();
    let video = info.video.as_mut().unwrap();
    (video.codec, video.profile) = ("hevc".into(), None);
    (video.width, video.height) = (3840, 2160);
    video.encoded_size = Some(FrameSize {
        width: 1280,
        height: 720,
    });
    video.delivery = Delivery::Reencode {
        codec: Codec::H264,
        reasons: vec![Reason::Codec],
    };
    let video = |lang| tracks(&info, None, false, lang).swap_remove(0);
    let en = video(Lang::En);
    assert_eq!(en.source, "H.265, 3840×2160, 25 fps");
    assert_eq!(en.delivery, "re-encoded to H.264 at 1280×720");
    assert_eq!(video(Lang::Zh).delivery, "重新编码为 1280×720 的 H.264");
    assert_eq!(
        en.reasons,
        ["not every browser supports H.265 over WebRTC"],
        "some browsers do"
    );
}

#[test]
fn the_delivery_of_each_track_is_described_with_its_reasons() {
    let said = |received, lang| -> Vec<[String; 3]> {
        let tracks = tracks(&bunny(), received, false, lang).into_iter();
        let said = tracks.map(|track| {
            let source = format!("{}: {}", track.kind, track.source);
            [source, track.delivery, track.reasons.join("; ")]
        });
        said.collect()
    };
    assert_eq!(
        said(Some("H264 42e01f"), Lang::En),
        [
            ["Video: H.264 Main, 1280×720, 25 fps", "passed through", ""],
            [
                "Audio: AAC 5.1",
                "re-encoded to Opus stereo",
                "browsers do not support AAC over WebRTC"
            ],
        ]
    );
    assert_eq!(
        said(None, Lang::Zh),
        [
            ["视频: H.264 Main、1280×720、25 帧/秒", "原样传送", ""],
            [
                "音频: AAC 5.1 声道",
                "重新编码为 Opus 立体声",
                "浏览器不支持通过 WebRTC 接收 AAC"
            ],
        ]
    );
}

#[test]
fn a_browser_that_receives_another_codec_is_not_told_that_the_video_is_passed_through() {
    let video = |lang| tracks(&bunny(), Some("VP8"), false, lang).swap_remove(0);
    let en = video(Lang::En);
    assert_eq!(en.delivery, "re-encoded to VP8");
    assert_eq!(
        en.reasons,
        ["this browser does not support H.264 of this kind"]
    );
    assert_eq!(video(Lang::Zh).delivery, "重新编码为 VP8");
    assert_eq!(video(Lang::Zh).reasons, ["此浏览器不支持这种 H.264"]);
}

#[test]
fn several_reasons_are_a_list() {
    let mut info = bunny();
    let video = info.video.as_mut().expect("the clip has video");
    video.delivery = Delivery::Reencode {
        codec: Codec::H264,
        reasons: vec![
            Reason::BFrames,
            Reason::OddSize,
            Reason::BitDepth { bits: 10 },
        ],
    };
    let reasons = tracks(&info, None, false, Lang::En).swap_remove(0).reasons;
    assert_eq!(
        reasons,
        [
            "it has B-frames, which WebRTC does not support",
            "its width or height is an odd number",
            "it has 10 bits per sample and browsers support 8",
        ]
    );
}

#[test]
fn what_is_not_encoded_of_a_publisher_is_told_with_the_reason() {
    let reasons = |why, lang| {
        let mut info = bunny();
        let video = info.video.as_mut().expect("the clip has video");
        video.not_encoded = why;
        tracks(&info, None, false, lang).swap_remove(0).reasons
    };
    assert!(reasons(None, Lang::En).is_empty());
    for why in [
        NotEncoded::TooLarge,
        NotEncoded::NoDecoder,
        NotEncoded::EncoderFails,
        NotEncoded::Inset,
    ] {
        let [en, zh] = [Lang::En, Lang::Zh].map(|lang| reasons(Some(why), lang).join(""));
        assert!(
            en.is_ascii() && !zh.is_ascii() && en.len() > 20,
            "{en}, {zh}"
        );
    }
    assert!(reasons(Some(NotEncoded::Unknown), Lang::En).is_empty());
    let mut info = bunny();
    let video = info.video.as_mut().expect("the clip has video");
    video.not_encoded = Some(NotEncoded::EncoderFails);
    // Of viewers who get what is sent, nobody waits for an encoder.
    let of = |received| tracks(&info, Some(received), false, Lang::En).swap_remove(0);
    assert!(of("H264").reasons.is_empty() && !of("VP8").reasons.is_empty());
}

#[test]
fn a_second_picture_is_described_and_why_it_does_not_come() {
    let mut info = bunny();
    let mut inset = info.video.clone().expect("the clip has video");
    (inset.codec, inset.profile, inset.fps) = ("vp8".into(), None, None);
    (inset.width, inset.height) = (640, 360);
    inset.not_encoded = Some(NotEncoded::Inset);
    info.inset = Some(inset);
    let second = |lacking| tracks(&info, Some("VP8"), lacking, Lang::En).swap_remove(1);
    assert_eq!(second(false).source, "VP8, 640×360");
    assert_eq!(second(false).delivery, "passed through");
    assert!(second(false).reasons.is_empty());
    assert_eq!(second(true).delivery, "");
    assert!(second(true).reasons[0].contains("not re-encoded"));
    assert_eq!(tracks(&info, None, false, Lang::Zh).len(), 3);
}

#[test]
fn every_reason_has_text_in_every_language() {
    let all = [
        Reason::Codec,
        Reason::Profile,
        Reason::BFrames,
        Reason::BitDepth { bits: 10 },
        Reason::Chroma {
            format: "4:4:4".into(),
        },
        Reason::Interlaced,
        Reason::OddSize,
        Reason::Rotated { degrees: 90 },
        Reason::VariableFrameRate,
        Reason::SparseKeyframes,
        Reason::Timestamps,
        Reason::TooLarge,
        Reason::PixelAspect,
        Reason::OutputGain,
    ];
    for why in &all {
        let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(!chinese(&reason(why, "H.264", Lang::En)));
        assert!(chinese(&reason(why, "H.264", Lang::Zh)));
    }
}

#[test]
fn a_test_pattern_is_not_described_as_a_file() {
    let mut info = bunny();
    let video = info.video.as_mut().expect("the clip has video");
    video.codec = "testsrc2".into();
    video.delivery = Delivery::Reencode {
        codec: Codec::H264,
        reasons: vec![Reason::Codec],
    };
    let track = tracks(&info, None, false, Lang::En).swap_remove(0);
    assert_eq!(
        (track.source.as_str(), track.delivery.as_str()),
        ("test pattern, 1280×720", "sent as H.264")
    );
    assert!(track.reasons.is_empty());
    assert_eq!(chips(&info, Lang::Zh.text(), Lang::Zh)[1], "测试图像");
}

#[test]
fn a_card_describes_the_tracks_in_a_few_words() {
    let chips = chips(&bunny(), Lang::En.text(), Lang::En);
    assert_eq!(
        chips,
        ["720p · 25 fps", "H.264, passed through", "audio to Opus"]
    );
    let mut silent = bunny();
    silent.audio = None;
    assert_eq!(
        super::chips(&silent, Lang::Zh.text(), Lang::Zh)[2],
        "无音频"
    );
}

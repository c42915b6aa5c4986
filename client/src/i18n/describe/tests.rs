use shared::api::{FrameSize, Reason, StreamState};

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
    assert_eq!(
        video_delivery(video, Lang::En),
        "Video re-encoded to H.264 at 1280×720 (H.265, 3840×2160, 25 fps), because browsers do not \
         support H.265 over WebRTC."
    );
    assert!(video_delivery(video, Lang::Zh).contains("重新编码为 1280×720 的 H.264"));
}

#[test]
fn the_delivery_is_described_with_its_reasons() {
    assert_eq!(
        delivery(&bunny(), Some("H264 42e01f"), Lang::En),
        "Video passed through (H.264 Main, 1280×720, 25 fps). Audio re-encoded from AAC 5.1 to Opus \
         stereo, because browsers do not support AAC over WebRTC."
    );
    assert_eq!(
        delivery(&bunny(), None, Lang::Zh),
        "视频原样传送（H.264 Main，1280×720，25 帧/秒）。音频由 AAC 5.1 声道重新编码为 Opus \
         立体声，因为浏览器不支持通过 WebRTC 接收 AAC。"
    );
}

#[test]
fn the_text_says_when_a_browser_receives_another_codec() {
    assert!(
        delivery(&bunny(), Some("VP8"), Lang::En)
            .contains("does not support H.264, so it receives VP8.")
    );
    assert!(
        delivery(&bunny(), Some("VP8"), Lang::Zh)
            .contains("此浏览器不支持 H.264，因此收到的是 VP8。")
    );
}

#[test]
fn several_reasons_make_one_sentence() {
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
    let sentence = video_delivery(video, Lang::En);
    assert!(
        sentence.contains("it has B-frames, which WebRTC does not support, its width"),
        "{sentence}"
    );
    assert!(
        sentence.ends_with("an odd number and it has 10 bits per sample and browsers support 8."),
        "{sentence}"
    );
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
    assert_eq!(
        video_delivery(video, Lang::En),
        "Generated test pattern, sent as H.264 (1280×720)."
    );
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

//! Files that play: which tracks are passed through or transcoded, in which containers.

use crate::support::*;
use media::source::probe;
use shared::api::{Codec, Delivery, Reason};

#[test]
fn h264_without_b_frames_is_passed_through_from_every_container() {
    let arguments = format!(
        "{} {} {BASELINE} -c:a aac -shortest",
        test_video(1.0),
        test_tone(1.0)
    );
    for name in ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.flv"] {
        let input = file(name, &arguments);
        assert_eq!(reasons(&input), None, "{name}");
        assert_plays(&input, Codec::H264, (320, 180), 60..=75);
    }
    let input = file(
        "fragmented.mp4",
        &format!("{arguments} -movflags frag_keyframe+empty_moov"),
    );
    assert_eq!(reasons(&input), None);
    assert_plays(&input, Codec::H264, (320, 180), 60..=75);
}

#[test]
fn vp8_vp9_av1_and_opus_are_passed_through() {
    for (name, encoder, codec) in [
        (
            "8.webm",
            "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 200k",
            Codec::Vp8,
        ),
        (
            "8.mkv",
            "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -cpu-used 4 -b:v 200k",
            Codec::Vp8,
        ),
        (
            "9.webm",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 200k",
            Codec::Vp9,
        ),
        ("9.mp4", "-c:v libvpx-vp9 -cpu-used 6 -b:v 200k", Codec::Vp9),
        (
            "1.mp4",
            "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p",
            Codec::Av1,
        ),
        (
            "1.mkv",
            "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p",
            Codec::Av1,
        ),
    ] {
        let input = file(
            name,
            &format!(
                "{} {} {encoder} -g 25 -c:a libopus",
                test_video(1.0),
                test_tone(1.0)
            ),
        );
        let probe = probe(&input).unwrap();
        assert_eq!(
            probe.video.as_ref().unwrap().delivery,
            Delivery::Passthrough,
            "{name}"
        );
        assert_eq!(
            probe.audio.as_ref().unwrap().delivery,
            Delivery::Passthrough,
            "{name}"
        );
        assert_eq!(
            probe.video_codecs(),
            [codec, Codec::H264, Codec::Vp8]
                .into_iter()
                .fold(Vec::new(), |mut list, codec| {
                    if !list.contains(&codec) {
                        list.push(codec);
                    }
                    list
                })
        );
        let played = play(&input, &[], 2.5);
        let units = played.of(codec);
        let (count, size) = decode_video(&units);
        assert_eq!(size, (320, 180), "{name}");
        assert!((60..=75).contains(&count), "{name} {count}");
        let audio = decode_audio(&played.of(Codec::Opus));
        assert!(
            (frequency(&audio[24_000..40_000]) - 440.0).abs() < 10.0,
            "{name}"
        );
    }
}

#[test]
fn audio_of_any_codec_rate_and_layout_becomes_stereo_opus() {
    for (name, encoder) in [
        ("a.m4a", "-c:a aac"),
        ("a.mp3", "-c:a libmp3lame"),
        ("a.ac3", "-c:a ac3 -ac 6"),
        ("a.flac", "-c:a flac -ar 96000"),
        ("a.wav", "-c:a pcm_s16le -ar 8000"),
        ("24.wav", "-c:a pcm_s24le -ac 6"),
        ("a.ogg", "-c:a libvorbis"),
        ("a.aac", "-c:a aac -ar 22050"),
        ("a.mka", "-c:a libopus -ac 6"),
        ("a.wma", "-c:a wmav2"),
    ] {
        let input = file(name, &format!("{} {encoder}", test_tone(2.0)));
        let probe = probe(&input).unwrap();
        assert!(
            probe.video.is_none() && probe.video_codecs().is_empty(),
            "{name}"
        );
        assert_eq!(
            probe.audio.as_ref().unwrap().delivery,
            Delivery::Reencode {
                codec: Codec::Opus,
                reasons: vec![Reason::Codec]
            },
            "{name}"
        );
        let played = play(&input, &[], 3.5);
        let units = played.of(Codec::Opus);
        assert!((170..=200).contains(&units.len()), "{name} {}", units.len());
        assert!(
            units
                .windows(2)
                .all(|pair| pair[1].time.micros_since(pair[0].time) == 20_000),
            "{name}"
        );
        let audio = decode_audio(&units);
        let middle = &audio[24_000..72_000];
        assert!(
            (frequency(middle) - 440.0).abs() < 8.0,
            "{name} {}",
            frequency(middle)
        );
        assert!(loudness(middle) > 0.02, "{name} {}", loudness(middle));
        // The second iteration.
        assert!(
            (frequency(&audio[110_000..150_000]) - 440.0).abs() < 8.0,
            "{name}"
        );
    }
}

#[test]
fn cover_art_in_an_mp3_is_not_a_video_track() {
    let cover = generate(
        "cover.png",
        "-f lavfi -i testsrc2=size=64x64:duration=0.04 -frames:v 1",
    );
    let input = file(
        "cover.mp3",
        &format!(
            "{} -i {} -map 0 -map 1 -c:v copy -disposition:v attached_pic",
            test_tone(1.0),
            cover.display()
        ),
    );
    let probe = probe(&input).unwrap();
    assert!(probe.video.is_none() && probe.has_audio());
}

#[test]
fn a_track_of_one_picture_loses_to_one_of_many() {
    let cover = generate(
        "cover.jpg",
        "-f lavfi -i color=red:size=640x360:duration=0.04 -frames:v 1 -update 1",
    );
    for (name, disposition) in [
        ("first.mp4", "-disposition:v:0 default -disposition:v:1 0"),
        ("first.mkv", "-disposition:v:0 0"),
        ("default.mkv", "-disposition:v:0 default -disposition:v:1 0"),
        ("first.mov", "-disposition:v:0 default -disposition:v:1 0"),
        ("first.avi", ""),
    ] {
        let input = file(
            name,
            &format!(
                "-i {} {} {} -map 0 -map 1 -map 2 {BASELINE} -c:v:0 copy -c:a aac {disposition}",
                cover.display(),
                test_video(1.0),
                test_tone(1.0)
            ),
        );
        let video = probe(&input).unwrap().video.unwrap();
        assert_eq!((video.width, video.height), (320, 180), "{name}");
        // AVI has no presentation times.
        if name != "first.avi" {
            assert_eq!(video.delivery, Delivery::Passthrough, "{name}");
        }
    }
}

#[test]
fn video_without_audio_plays() {
    let input = file("silent.mp4", &format!("{} {BASELINE}", test_video(1.0)));
    assert!(!probe(&input).unwrap().has_audio());
    assert_plays(&input, Codec::H264, (320, 180), 60..=75);
}

#[test]
fn animations_raw_streams_and_files_of_camcorders_play() {
    let video = test_video(1.0);
    let both = format!("{video} {}", test_tone(1.0));
    for (name, arguments) in [
        ("animated.gif", video.clone()),
        ("raw.264", format!("{video} {BASELINE} -f h264")),
        (
            "raw.265",
            format!("{video} -c:v libx265 -x265-params log-level=error -f hevc"),
        ),
        (
            "raw.mjpg",
            format!("{video} -c:v mjpeg -pix_fmt yuvj420p -f mjpeg"),
        ),
        (
            "camera.mod",
            format!("{both} -c:v mpeg2video -c:a mp2 -f vob"),
        ),
        (
            "camera.tod",
            format!("{both} {BASELINE} -c:a ac3 -f mpegts"),
        ),
        (
            "program.m2p",
            format!("{both} -c:v mpeg2video -c:a mp2 -f vob"),
        ),
        ("quick.qt", format!("{both} {BASELINE} -c:a aac -f mov")),
    ] {
        assert_plays(&file(name, &arguments), Codec::H264, (320, 180), 55..=75);
    }
    let book = file("book.m4b", &format!("{} -c:a aac -f ipod", test_tone(1.0)));
    assert!(play(&book, &[], 2.0).of(Codec::Opus).len() > 90);
}

#[test]
fn a_still_image_is_repeated() {
    let still = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=0.04";
    for (name, arguments) in [
        ("still.png", format!("{still} -frames:v 1")),
        ("still.jpg", format!("{still} -frames:v 1")),
        ("still.mp4", format!("{still} {BASELINE}")),
    ] {
        let input = file(name, &arguments);
        let played = play(&input, &[Codec::Vp8], 5.0);
        let units = played.of(Codec::Vp8);
        assert!((4..=12).contains(&units.len()), "{name} {}", units.len());
        assert_eq!(decode_video(&units).1, (320, 180));
    }
    // A still image with audio.
    let input = file(
        "slide.mp4",
        &format!("{still} {} {BASELINE} -c:a aac", test_tone(3.0)),
    );
    assert_eq!(reasons(&input), Some(vec![Reason::VariableFrameRate]));
    let played = play(&input, &[Codec::H264], 6.0);
    assert!(played.of(Codec::H264).len() >= 5);
    assert!(played.of(Codec::Opus).len() >= 290);
}

#[test]
fn audio_and_video_start_at_zero_and_end_together() {
    let input = file(
        "sync.mp4",
        &format!(
            "{} {} {BASELINE} -c:a aac -shortest",
            test_video(2.0),
            test_tone(2.0)
        ),
    );
    let played = play(&input, &[], 9.0);
    let (frames, audio) = (played.of(Codec::H264), played.of(Codec::Opus));
    assert!(frames[0].time.0.abs() <= 30_000 && audio[0].time.0.abs() <= 30_000);
    let apart = frames
        .last()
        .unwrap()
        .time
        .micros_since(audio.last().unwrap().time);
    assert!(apart.abs() < 100_000, "{apart}");
}

#[test]
fn video_that_starts_later_than_the_audio_stays_later() {
    let input = file(
        "offset.mkv",
        &format!(
            "-itsoffset 0.5 {} {} {BASELINE} -c:a libopus",
            test_video(1.0),
            test_tone(2.0)
        ),
    );
    let played = play(&input, &[], 1.5);
    let first = played.of(Codec::H264)[0].time.0;
    assert!((450_000..=550_000).contains(&first), "{first}");
}

#[test]
fn a_recording_without_a_frame_rate_claims_none_that_its_pictures_do_not_have() {
    let vp8 = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 200k";
    // The second has a picture every 40 ms, then one after almost a second.
    for (name, filter, range) in [
        ("live.webm", "", Some(24.5..25.5)),
        (
            "screen.webm",
            "-fps_mode vfr -vf settb=1/1000,setpts='(N*40+floor(N/5)*900)/1000/TB'",
            None,
        ),
    ] {
        let input = file(name, &format!("{} {filter} {vp8} -live 1", test_video(2.0)));
        let fps = probe(&input).unwrap().video.unwrap().fps;
        match range {
            Some(range) => assert!(
                fps.is_some_and(|fps| range.contains(&fps)),
                "{name}: {fps:?}"
            ),
            None => assert!(fps.is_none_or(|fps| fps <= 25.5), "{name}: {fps:?}"),
        }
    }
}

#[test]
fn lossless_h264_of_a_profile_that_browsers_lack_is_encoded_again() {
    let input = file(
        "predictive.mp4",
        &format!(
            "{} -c:v libx264 -preset ultrafast -qp 0 -g 25 -pix_fmt yuv420p",
            test_video(1.0)
        ),
    );
    assert_eq!(reasons(&input), Some(vec![Reason::Profile]));
}

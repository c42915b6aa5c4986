//! Video that browsers cannot decode or play well: it is transcoded, and the reasons are reported.

use crate::rotation::rotated;
use crate::support::*;
use media::source::{Input, probe};
use shared::api::{Codec, Delivery, Reason};

#[test]
fn other_codecs_are_transcoded() {
    for (name, encoder) in [
        (
            "h.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=error",
        ),
        ("4.avi", "-c:v mpeg4"),
        ("2.mpg", "-c:v mpeg2video"),
        ("t.ogv", "-c:v libtheora"),
        ("j.mov", "-c:v mjpeg -pix_fmt yuvj420p"),
        ("w.wmv", "-c:v wmv2"),
    ] {
        let input = file(name, &format!("{} {encoder}", test_video(1.0)));
        assert!(reasons(&input).unwrap().contains(&Reason::Codec), "{name}");
        assert_plays(&input, Codec::H264, (320, 180), 60..=75);
        assert_plays(&input, Codec::Vp8, (320, 180), 60..=75);
    }
}

#[test]
fn b_frames_are_removed() {
    for name in ["b.mp4", "b.mkv", "b.ts", "b.flv"] {
        let input = file(
            name,
            &format!(
                "{} -c:v libx264 -preset veryfast -bf 3 -g 50",
                test_video(1.0)
            ),
        );
        assert_eq!(reasons(&input), Some(vec![Reason::BFrames]), "{name}");
        assert_plays(&input, Codec::H264, (320, 180), 60..=75);
    }
}

#[test]
fn deep_and_full_colour_becomes_8_bit_420() {
    let deep = file(
        "10.mp4",
        &format!("{} {BASELINE} -pix_fmt yuv420p10le", test_video(1.0)),
    );
    assert_eq!(reasons(&deep), Some(vec![Reason::BitDepth { bits: 10 }]));
    assert_plays(&deep, Codec::H264, (320, 180), 60..=75);
    let full = file(
        "444.mp4",
        &format!("{} {BASELINE} -pix_fmt yuv444p", test_video(1.0)),
    );
    assert_eq!(
        reasons(&full),
        Some(vec![Reason::Chroma {
            format: "yuv444p".to_owned()
        }])
    );
    assert_plays(&full, Codec::Vp8, (320, 180), 60..=75);
}

#[test]
fn an_uncommon_profile_of_h264_is_transcoded() {
    let lossless = "-c:v libx264 -preset ultrafast -qp 0 -bf 0 -g 25 -pix_fmt yuv420p";
    for name in ["lossless.mp4", "lossless.ts"] {
        let input = file(name, &format!("{} {lossless}", test_video(1.0)));
        assert_eq!(reasons(&input), Some(vec![Reason::Profile]), "{name}");
        assert_plays(&input, Codec::Vp8, (320, 180), 60..=75);
    }
    for profile in ["baseline", "main", "high"] {
        let input = file(
            &format!("{profile}.mp4"),
            &format!("{} {BASELINE} -profile:v {profile}", test_video(1.0)),
        );
        assert_eq!(reasons(&input), None, "{profile}");
    }
}

/// `profile_idc` and the constraint flags of x264's Constrained Baseline, changed in the file: of the list only what browsers decode passes.
#[test]
fn h264_passes_through_by_a_list_of_profiles() {
    let input = generate(
        "profiles.mp4",
        &format!("{} {BASELINE} -profile:v baseline", test_video(1.0)),
    );
    let bytes = std::fs::read(&input).unwrap();
    let sps = bytes
        .windows(3)
        .position(|window| window == [0x67, 66, 0xc0])
        .expect("the sequence parameter set is in the file");
    for (profile, constraints, passes) in [
        (66, 0xc0, true),
        (66, 0, true),
        (77, 0, true),
        (88, 0, false),
        (88, 0xa0, false),
    ] {
        let mut changed = bytes.clone();
        (changed[sps + 1], changed[sps + 2]) = (profile, constraints);
        let path = input.with_file_name(format!("profile-{profile}-{constraints}.mp4"));
        std::fs::write(&path, changed).unwrap();
        let reasons = reasons(&Input::File(path));
        let expected = (!passes).then(|| vec![Reason::Profile]);
        assert_eq!(reasons, expected, "{profile} {constraints}");
    }
}

#[test]
fn vp9_and_av1_of_other_profiles_are_transcoded() {
    let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -frames:v 8";
    let av1 = "-c:v libaom-av1 -usage realtime -cpu-used 8 -frames:v 4";
    for (name, encoder, format, reason) in [
        ("vp9-1.webm", vp9, "yuv444p", "Chroma"),
        ("vp9-2.webm", vp9, "yuv420p10le", "BitDepth"),
        ("vp9-3.webm", vp9, "yuv422p10le", "Chroma"),
        ("av1-high.mkv", av1, "yuv444p", "Chroma"),
        ("av1-professional.mkv", av1, "yuv422p", "Chroma"),
    ] {
        let input = file(
            name,
            &format!("{} {encoder} -pix_fmt {format}", test_video(1.0)),
        );
        let reasons = format!("{:?}", reasons(&input));
        assert!(reasons.contains(reason), "{name}: {reasons}");
    }
}

#[test]
fn interlaced_video_is_deinterlaced() {
    let input = file(
        "i.mp4",
        &format!(
            "{} {BASELINE} -vf setfield=tff -flags +ildct+ilme -x264opts tff=1",
            test_video(1.0)
        ),
    );
    assert_eq!(reasons(&input), Some(vec![Reason::Interlaced]));
    assert_plays(&input, Codec::H264, (320, 180), 58..=75);
}

#[test]
fn odd_sizes_become_even() {
    let input = file(
        "odd.webm",
        "-f lavfi -i testsrc=size=321x181:rate=25:duration=1 -pix_fmt yuv420p -c:v libvpx -cpu-used 8 -deadline realtime",
    );
    assert_eq!(reasons(&input), Some(vec![Reason::OddSize]));
    assert_plays(&input, Codec::H264, (320, 180), 60..=75);
}

#[test]
fn rotated_video_becomes_upright() {
    // One corner of the stored frame is red; its position in the output shows the rotation.
    let stored = generate(
        "stored.mp4",
        "-f lavfi -i color=gray:size=320x180:rate=25:duration=1 -vf drawbox=0:0:80:45:red:fill -c:v libx264 -preset ultrafast -bf 0 -pix_fmt yuv420p",
    );
    for (degrees, size, red_at) in [
        (90, (180, 320), (160, 20)),
        (180, (320, 180), (300, 160)),
        (270, (180, 320), (20, 300)),
    ] {
        let input = Input::File(rotated("rotated.mp4", &stored, degrees));
        let probe = probe(&input).unwrap();
        let video = probe.video.unwrap();
        assert_eq!((video.width, video.height), size);
        assert_eq!(
            video.delivery,
            Delivery::Reencode {
                codec: Codec::H264,
                reasons: vec![Reason::Rotated { degrees }]
            }
        );
        let played = play(&input, &[Codec::H264], 1.0);
        let frame = decode_first_frame(&played.of(Codec::H264));
        assert_eq!((frame.width(), frame.height()), size);
        let red = |(x, y): (usize, usize)| frame.data(2)[y / 2 * frame.stride(2) + x / 2];
        assert!(red(red_at) > 200, "{degrees}: {}", red(red_at));
        assert!(red((size.0 as usize / 2, size.1 as usize / 2)) < 150);
    }
}

#[test]
fn pixels_that_are_not_square_are_stretched() {
    let input = file(
        "sar.mp4",
        &format!("{} {BASELINE} -vf setsar=4/3", test_video(1.0)),
    );
    let probe = probe(&input).unwrap();
    let video = probe.video.unwrap();
    assert_eq!((video.width, video.height), (427, 180));
    assert_eq!(
        video.delivery,
        Delivery::Reencode {
            codec: Codec::H264,
            reasons: vec![Reason::PixelAspect]
        }
    );
    assert_plays(&input, Codec::H264, (426, 180), 60..=75);
}

#[test]
fn video_with_keyframes_more_than_20_s_apart_is_transcoded() {
    let input = file(
        "sparse.mp4",
        "-f lavfi -i testsrc2=size=160x90:rate=5:duration=22 -c:v libx264 -preset ultrafast -bf 0 -g 9999 -sc_threshold 0 -pix_fmt yuv420p",
    );
    assert_eq!(reasons(&input), Some(vec![Reason::SparseKeyframes]));
    let played = play(&input, &[Codec::H264], 24.0);
    let keyframes = played
        .of(Codec::H264)
        .iter()
        .filter(|unit| unit.keyframe)
        .count();
    assert!(keyframes >= 10, "{keyframes}");
}

#[test]
fn a_heavy_video_is_encoded_at_the_size_that_the_probe_reports() {
    let hdr =
        "-color_trc smpte2084 -color_primaries bt2020 -colorspace bt2020nc -pix_fmt yuv420p10le";
    let hevc = "-c:v libx265 -preset ultrafast -x265-params log-level=error";
    let pattern = |size: &str| format!("-f lavfi -i testsrc2=size={size}:rate=60:duration=0.2");
    for (name, arguments, expected) in [
        // 1920x1080 on many cores, 1280x720 on few.
        ("4k.mp4", format!("{} {hevc}", pattern("3840x2160")), None),
        // Whatever the cores.
        (
            "hdr.mp4",
            format!("{} {hdr} {hevc}", pattern("1920x1080")),
            Some((1280, 720)),
        ),
    ] {
        let input = file(name, &arguments);
        let video = probe(&input).unwrap().video.unwrap();
        let encoded = video.encoded_size.expect("it is smaller than the original");
        let encoded = (encoded.width, encoded.height);
        assert!(
            expected.unwrap_or(encoded) == encoded && encoded.0 < video.width,
            "{name}: {encoded:?}"
        );
        let played = play(&input, &[Codec::H264], 0.1);
        assert_eq!(decode_video(&played.of(Codec::H264)).1, encoded, "{name}");
    }
}

#[test]
fn rare_formats_play() {
    for (name, arguments, size) in [
        ("a.gif", "", (320, 180)),
        ("prores.mov", "-c:v prores_ks", (320, 180)),
        (
            "b.avi",
            "-c:v libx264 -preset veryfast -bf 2 -g 25",
            (320, 180),
        ),
        // The frames say 12:11, the container says 16:11: 320x180 was stretched to 352x288.
        ("h263.3gp", "-c:v h263 -s 352x288", (512, 288)),
        ("mxf.mxf", "-c:v mpeg2video", (320, 180)),
        ("rgb.avi", "-c:v rawvideo -pix_fmt bgr24", (320, 180)),
        ("ffv1.mkv", "-c:v ffv1 -pix_fmt yuv422p10le", (320, 180)),
        (
            "p.ts",
            "-c:v mpeg2video -flags +ilme+ildct -top 1",
            (320, 180),
        ),
        (
            "full.mp4",
            "-c:v libx264 -preset ultrafast -bf 2 -pix_fmt yuvj420p",
            (320, 180),
        ),
        (
            "hdr.mkv",
            "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -color_trc smpte2084 -color_primaries bt2020 -colorspace bt2020nc -x265-params log-level=error",
            (320, 180),
        ),
    ] {
        let input = file(name, &format!("{} {arguments}", test_video(1.0)));
        for codec in [Codec::H264, Codec::Vp8] {
            let played = play(&input, &[codec], 1.6);
            let units = played.of(codec);
            assert!(!units.is_empty(), "{name} {codec:?}");
            let (count, shown) = decode_video(&units);
            assert_eq!(shown.1, size.1, "{name} {codec:?}");
            assert!(shown.0.abs_diff(size.0) <= 2, "{name} {codec:?} {shown:?}");
            assert!((36..=52).contains(&count), "{name} {codec:?} {count}");
        }
    }
}

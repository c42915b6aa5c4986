//! Pictures that browsers do not take as they are: encoded again, and why.

use crate::support::*;
use media::source::probe;
use shared::api::{Codec, Delivery, Reason};

#[test]
fn other_codecs_are_encoded_again() {
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
        let input = file(name, &format!("{} {encoder}", moving(1.0)));
        assert!(reasons(&input).unwrap().contains(&Reason::Codec), "{name}");
        plays(&input, Codec::H264, (320, 180), 60..=75);
        plays(&input, Codec::Vp8, (320, 180), 60..=75);
    }
}

#[test]
fn b_frames_are_encoded_away() {
    for name in ["b.mp4", "b.mkv", "b.ts", "b.flv"] {
        let input = file(
            name,
            &format!("{} -c:v libx264 -preset veryfast -bf 3 -g 50", moving(1.0)),
        );
        assert_eq!(reasons(&input), Some(vec![Reason::BFrames]), "{name}");
        plays(&input, Codec::H264, (320, 180), 60..=75);
    }
}

#[test]
fn deep_and_full_colour_becomes_8_bit_420() {
    let deep = file(
        "10.mp4",
        &format!("{} {BASELINE} -pix_fmt yuv420p10le", moving(1.0)),
    );
    assert_eq!(reasons(&deep), Some(vec![Reason::BitDepth { bits: 10 }]));
    plays(&deep, Codec::H264, (320, 180), 60..=75);
    let full = file(
        "444.mp4",
        &format!("{} {BASELINE} -pix_fmt yuv444p", moving(1.0)),
    );
    assert_eq!(
        reasons(&full),
        Some(vec![Reason::Chroma {
            format: "yuv444p".to_owned()
        }])
    );
    plays(&full, Codec::Vp8, (320, 180), 60..=75);
}

#[test]
fn interlaced_pictures_are_made_whole() {
    let input = file(
        "i.mp4",
        &format!(
            "{} {BASELINE} -vf setfield=tff -flags +ildct+ilme -x264opts tff=1",
            moving(1.0)
        ),
    );
    assert_eq!(reasons(&input), Some(vec![Reason::Interlaced]));
    plays(&input, Codec::H264, (320, 180), 58..=75);
}

#[test]
fn odd_sizes_become_even() {
    let input = file(
        "odd.webm",
        "-f lavfi -i testsrc=size=321x181:rate=25:duration=1 -pix_fmt yuv420p -c:v libvpx -cpu-used 8 -deadline realtime",
    );
    assert_eq!(reasons(&input), Some(vec![Reason::OddSize]));
    plays(&input, Codec::H264, (320, 180), 60..=75);
}

#[test]
fn turned_pictures_are_upright() {
    // A corner of the stored picture is red; where it is shown tells how it was turned.
    let stored = made(
        "stored.mp4",
        "-f lavfi -i color=gray:size=320x180:rate=25:duration=1 -vf drawbox=0:0:80:45:red:fill -c:v libx264 -preset ultrafast -bf 0 -pix_fmt yuv420p",
    );
    // The tool's `rotate` counts the other way round.
    for (degrees, size, red_at) in [
        (90, (180, 320), (160, 20)),
        (180, (320, 180), (300, 160)),
        (270, (180, 320), (20, 300)),
    ] {
        let input = file(
            "turned.mp4",
            &format!(
                "-i {} -c copy -metadata:s:v:0 rotate={}",
                stored.display(),
                360 - degrees
            ),
        );
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
        let picture = first_picture(&played.of(Codec::H264));
        assert_eq!((picture.width(), picture.height()), size);
        let red = |(x, y): (usize, usize)| picture.data(2)[y / 2 * picture.stride(2) + x / 2];
        assert!(red(red_at) > 200, "{degrees}: {}", red(red_at));
        assert!(red((size.0 as usize / 2, size.1 as usize / 2)) < 150);
    }
}

#[test]
fn pixels_that_are_not_square_are_stretched() {
    let input = file(
        "sar.mp4",
        &format!("{} {BASELINE} -vf setsar=4/3", moving(1.0)),
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
    plays(&input, Codec::H264, (426, 180), 60..=75);
}

#[test]
fn keyframes_more_than_20_s_apart_are_encoded_again() {
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
fn odds_and_ends_play_too() {
    for (name, arguments, size) in [
        ("a.gif", "", (320, 180)),
        ("prores.mov", "-c:v prores_ks", (320, 180)),
        (
            "b.avi",
            "-c:v libx264 -preset veryfast -bf 2 -g 25",
            (320, 180),
        ),
        ("h263.3gp", "-c:v h263 -s 352x288", (384, 288)),
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
        let input = file(name, &format!("{} {arguments}", moving(1.0)));
        for codec in [Codec::H264, Codec::Vp8] {
            let played = play(&input, &[codec], 1.6);
            let units = played.of(codec);
            assert!(!units.is_empty(), "{name} {codec:?}");
            let (count, shown) = decoded(&units);
            assert_eq!(shown.1, size.1, "{name} {codec:?}");
            assert!(shown.0.abs_diff(size.0) <= 2, "{name} {codec:?} {shown:?}");
            assert!((36..=52).contains(&count), "{name} {codec:?} {count}");
        }
    }
}

//! Files that change, or that differ from their beginning, while they play.

use std::fs;

use crate::rotation::rotated;
use crate::support::*;
use media::control::Control;
use media::error::MediaError;
use media::source::{Input, probe, run, track_of};
use shared::api::{Codec, Delivery, Reason};

#[test]
fn a_file_that_grows_has_its_new_length_in_the_next_iteration() {
    let short = fs::read(generate(
        "short.ts",
        &format!("{} {BASELINE}", test_video(1.0)),
    ))
    .unwrap();
    let long = fs::read(generate(
        "long.ts",
        &format!("{} {BASELINE}", test_video(2.0)),
    ))
    .unwrap();
    let path = write_file("grows.ts", &short);
    let input = Input::File(path.clone());
    let probe = probe(&input).unwrap();
    let mut count = 0;
    let played = play_with(&input, &probe, &[], 5.0, |_, _| {
        count += 1;
        if count == 10 {
            fs::write(&path, &long).unwrap();
        }
    });
    let units = played.of(Codec::H264);
    let longest = units
        .windows(2)
        .map(|pair| pair[1].time.micros_since(pair[0].time))
        .max()
        .unwrap();
    assert!(longest <= 80_000, "{longest}");
    assert!(units.len() >= 120);
}

#[test]
fn a_late_b_frame_changes_the_plan_and_the_video_continues() {
    let plain = generate("plain.ts", &format!("{} {BASELINE} -g 50", test_video(8.0)));
    let b = generate(
        "b.ts",
        &format!(
            "{} -c:v libx264 -preset veryfast -bf 2 -g 25 -pix_fmt yuv420p -output_ts_offset 8",
            test_video(2.0)
        ),
    );
    let joined = [fs::read(plain).unwrap(), fs::read(b).unwrap()].concat();
    let input = Input::File(write_file("late-b.ts", &joined));
    let probe = probe(&input).unwrap();
    assert!(probe.passes_through(Codec::H264));
    let played = play_with(&input, &probe, &[Codec::H264], 13.0, |_, _| {});
    assert_eq!(played.replanned.len(), 1);
    let now = &played.replanned[0];
    assert!(!now.passes_through(Codec::H264));
    assert_eq!(
        now.video.as_ref().unwrap().delivery,
        Delivery::Reencode {
            codec: Codec::H264,
            reasons: vec![Reason::BFrames]
        }
    );
    let units = played.of(Codec::H264);
    let longest = units
        .windows(2)
        .map(|pair| pair[1].time.micros_since(pair[0].time))
        .max()
        .unwrap();
    let after = played.units[played.replanned_at[0]..]
        .iter()
        .find(|unit| unit.codec == Codec::H264);
    assert!(
        after.unwrap().keyframe,
        "the encoder begins with a keyframe"
    );
    assert!(longest <= 400_000, "{longest}");
    assert!(units.last().unwrap().time.0 > 12_500_000);
}

#[test]
fn a_change_of_size_is_reported() {
    let small = generate("size-a.ts", &format!("{} {BASELINE}", test_video(1.0)));
    let large = generate(
        "size-b.ts",
        &format!(
            "-f lavfi -i testsrc2=size=640x360:rate=25:duration=1 {BASELINE} -output_ts_offset 1"
        ),
    );
    let joined = [fs::read(small).unwrap(), fs::read(large).unwrap()].concat();
    let input = Input::File(write_file("size.ts", &joined));
    let played = play(&input, &[Codec::Vp8], 1.5);
    let video = played
        .replanned
        .last()
        .expect("the size changed")
        .video
        .clone()
        .unwrap();
    assert_eq!(
        (video.width, video.height, video.delivery),
        (640, 360, Delivery::Passthrough)
    );
    assert_eq!(decode_video(&played.of(Codec::H264)).1, (640, 360));
    assert_eq!(decode_video(&played.of(Codec::Vp8)).1, (640, 360));
}

#[test]
fn a_file_that_is_removed_while_it_plays_ends_with_an_error() {
    let path = write_file(
        "gone.mp4",
        &fs::read(generate(
            "gone.mp4",
            &format!("{} {BASELINE}", test_video(1.0)),
        ))
        .unwrap(),
    );
    let input = Input::File(path.clone());
    let probe = probe(&input).unwrap();
    fs::remove_file(&path).unwrap();
    let error = run(
        &input,
        &probe,
        &Control::default(),
        &mut RecordingSink::default(),
    )
    .unwrap_err();
    assert!(matches!(error, MediaError::Missing(_)));
}

#[test]
fn a_file_that_is_replaced_by_another_kind_ends_with_an_error() {
    let one = fs::read(generate(
        "one.mkv",
        &format!("{} {BASELINE}", test_video(0.5)),
    ))
    .unwrap();
    let other = fs::read(generate(
        "other.mkv",
        &format!("{} -c:v mpeg4", test_video(0.5)),
    ))
    .unwrap();
    let path = write_file("replaced.mkv", &one);
    let input = Input::File(path.clone());
    let probe = probe(&input).unwrap();
    fs::write(&path, &other).unwrap();
    let Err(error) = try_play(&input, &probe, &[], 1.0) else {
        panic!("the file has been replaced")
    };
    assert!(matches!(error, MediaError::Changed(_)), "{error}");
}

#[test]
fn missing_keyframes_change_the_plan_and_the_video_continues() {
    let video = "-f lavfi -i testsrc2=size=160x90:rate=10:duration=30 -c:v libx264 -preset ultrafast -bf 0 -pix_fmt yuv420p";
    // Keyframes at 0, 2, 4, 6, 8 s, then none: the beginning does not show it, and MPEG-TS has no index.
    let input = Input::File(generate(
        "sparse.ts",
        &format!("{video} -g 9999 -sc_threshold 0 -force_key_frames 0,2,4,6,8"),
    ));
    let probe = probe(&input).unwrap();
    assert!(probe.passes_through(Codec::H264));
    let played = play_with(&input, &probe, &[Codec::H264], 36.0, |_, _| {});
    assert!(!played.replanned[0].passes_through(Codec::H264));
    let after = played.units[played.replanned_at[0]..]
        .iter()
        .find(|unit| unit.codec == Codec::H264)
        .unwrap();
    assert!(
        after.keyframe && (27_000_000..30_000_000).contains(&after.time.0),
        "{:?}",
        after.time
    );
    let units = played.of(Codec::H264);
    let longest = units
        .windows(2)
        .map(|pair| pair[1].time.micros_since(pair[0].time))
        .max()
        .unwrap();
    assert!(longest <= 700_000, "{longest}");
    decode_video(&units);
}

#[test]
fn a_codec_that_is_released_and_requested_again_begins_with_a_keyframe() {
    let input = Input::File(generate(
        "again.mp4",
        &format!("{} {BASELINE}", test_video(2.0)),
    ));
    let probe = probe(&input).unwrap();
    let mut count = 0;
    let played = play_with(&input, &probe, &[Codec::Vp8], 4.0, |control, unit| {
        if unit.codec == Codec::H264 {
            count += 1;
            match count {
                30 => control.release_track(track_of(Codec::Vp8)),
                33 => control.request_track(track_of(Codec::Vp8)),
                _ => {}
            }
        }
    });
    let requested_again = played
        .units
        .iter()
        .enumerate()
        .filter(|(_, unit)| unit.codec == Codec::H264)
        .nth(32)
        .unwrap()
        .0;
    let first = played.units[requested_again..]
        .iter()
        .find(|unit| unit.codec == Codec::Vp8)
        .unwrap();
    assert!(first.keyframe);
    decode_video(&played.of(Codec::Vp8));
}

#[test]
fn a_file_that_is_replaced_has_the_rotation_aspect_and_fields_of_the_new_file() {
    let old = generate("old.mp4", &format!("{} {BASELINE}", test_video(1.0)));
    let rotated = rotated("new-rotated.mp4", &old, 90);
    let wide = generate(
        "new-wide.mp4",
        &format!("{} {BASELINE} -vf setsar=4/3", test_video(1.0)),
    );
    let interlaced = generate(
        "new-interlaced.mp4",
        &format!(
            "{} {BASELINE} -vf setfield=tff -flags +ildct+ilme",
            test_video(1.0)
        ),
    );
    for (new, size, reason) in [
        (rotated, (180, 320), Reason::Rotated { degrees: 90 }),
        (wide, (426, 180), Reason::PixelAspect),
        (interlaced, (320, 180), Reason::Interlaced),
    ] {
        let path = write_file("replaced.mp4", &fs::read(&old).unwrap());
        let input = Input::File(path.clone());
        let probe = probe(&input).unwrap();
        assert!(probe.passes_through(Codec::H264));
        let mut count = 0;
        let played = play_with(&input, &probe, &[Codec::H264], 2.8, |_, _| {
            count += 1;
            if count == 10 {
                let next = path.with_extension("next");
                fs::copy(&new, &next).unwrap();
                fs::rename(&next, &path).unwrap();
            }
        });
        let delivery = &played.replanned[0].video.as_ref().unwrap().delivery;
        assert_eq!(
            *delivery,
            Delivery::Reencode {
                codec: Codec::H264,
                reasons: vec![reason]
            }
        );
        let after: Vec<_> = played.units[played.replanned_at[0]..]
            .iter()
            .filter(|unit| unit.codec == Codec::H264)
            .collect();
        assert!(after[0].keyframe);
        assert_eq!(decode_video(&after).1, size);
        assert!(after.len() >= 30, "{}", after.len());
    }
}

#[test]
fn a_rotated_file_that_is_replaced_by_an_upright_one_is_passed_through() {
    let new = generate("upright.mp4", &format!("{} {BASELINE}", test_video(1.0)));
    let old = rotated("old-rotated.mp4", &new, 90);
    let path = write_file("upright.mp4", &fs::read(old).unwrap());
    let input = Input::File(path.clone());
    let probe = probe(&input).unwrap();
    assert!(!probe.passes_through(Codec::H264));
    let mut count = 0;
    let played = play_with(&input, &probe, &[Codec::H264], 2.8, |_, _| {
        count += 1;
        if count == 10 {
            let next = path.with_extension("next");
            fs::copy(&new, &next).unwrap();
            fs::rename(&next, &path).unwrap();
        }
    });
    assert!(played.replanned[0].passes_through(Codec::H264));
    let after: Vec<_> = played.units[played.replanned_at[0]..].iter().collect();
    assert!(after[0].keyframe);
    assert_eq!(decode_video(&after).1, (320, 180));
    assert!(after.len() >= 30, "{}", after.len());
}

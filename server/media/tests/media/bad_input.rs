//! Damaged and unsuitable files: a clear error, or the part that can be played. Never a panic or a hang.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::*;
use media::control::Control;
use media::error::MediaError;
use media::poster::poster;
use media::source::{Input, probe, run, track_of};
use shared::api::{Codec, Delivery, Reason};

fn error(path: impl Into<PathBuf>) -> MediaError {
    probe(&Input::File(path.into())).expect_err("an error")
}

#[test]
fn an_unplayable_input_gives_an_error_with_advice() {
    let missing = error("/nowhere/video.mp4");
    assert_eq!(
        missing.to_string(),
        "/nowhere/video.mp4 does not exist; check the path"
    );
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(error(folder.path()), MediaError::Directory(_)));
    assert!(matches!(error("/dev/zero"), MediaError::NotAFile(_)));
    for (name, content) in [
        ("text.mp4", &b"This is not a video.\n"[..]),
        ("text.txt", b"Neither is this.\n"),
        ("empty.mp4", b""),
        ("zeros.mkv", &[0; 100_000]),
    ] {
        let error = error(write_file(name, content));
        assert!(
            matches!(
                error,
                MediaError::NotMedia { .. }
                    | MediaError::NotPlayable { .. }
                    | MediaError::NoTracks(_)
                    | MediaError::Empty(_)
            ),
            "{name}: {error}"
        );
        assert!(error.to_string().contains("ffprobe"), "{error}");
    }
    let playlist =
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n";
    let error = error(write_file("list.m3u8", playlist));
    assert!(error.to_string().contains("is a playlist"), "{error}");
}

#[test]
fn an_encrypted_file_is_refused_with_advice() {
    let key = "-encryption_scheme cenc-aes-ctr -encryption_key 00112233445566778899aabbccddeeff \
               -encryption_kid ffeeddccbbaa99887766554433221100";
    for (name, codecs) in [
        ("both.mp4", format!("{BASELINE} -c:a aac {key}")),
        (
            "fragments.mp4",
            format!("{BASELINE} -c:a aac {key} -movflags frag_keyframe+empty_moov"),
        ),
        ("audio.m4a", format!("-vn -c:a aac {key}")),
    ] {
        let path = generate(
            name,
            &format!("{} {} {codecs}", test_video(1.0), test_tone(1.0)),
        );
        let error = error(&path);
        assert!(matches!(error, MediaError::Encrypted(_)), "{name}: {error}");
        assert!(error.to_string().contains("encrypted"), "{error}");
        assert!(poster(&Input::File(path.clone())).is_err());
        if name == "fragments.mp4" {
            assert_encrypted_without_its_end(&path);
        }
    }
}

/// FFmpeg cannot open what is left of the file, as FFmpeg 7 cannot open the whole one.
fn assert_encrypted_without_its_end(path: &Path) {
    let mut mp4 = fs::read(path).unwrap();
    let entry = mp4.windows(4).position(|name| name == b"encv").unwrap();
    mp4.truncate(entry + 100);
    let error = error(write_file("cut.mp4", &mp4));
    assert!(matches!(error, MediaError::Encrypted(_)), "{error}");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf_8_is_refused_with_advice() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"caf\xe9.mp4"));
    fs::write(&path, b"x").unwrap();
    assert!(matches!(error(path), MediaError::NameNotUtf8(_)));
}

#[test]
fn names_with_spaces_chinese_and_special_characters_are_plain_file_names() {
    let source = generate("name.mp4", &format!("{} {BASELINE}", test_video(1.0)));
    let folder = tempfile::tempdir().unwrap();
    for name in ["我的 视频.mp4", "http:x.mp4", "50%d.mp4", "a:b|c.mp4"] {
        let path = folder.path().join(name);
        fs::copy(&source, &path).unwrap();
        assert!(probe(&Input::File(path)).is_ok(), "{name}");
    }
}

#[test]
fn a_truncated_file_plays_as_far_as_it_goes() {
    let mp4 = fs::read(generate(
        "whole.mp4",
        &format!("{} {BASELINE}", test_video(2.0)),
    ))
    .unwrap();
    // The index is at the end, so a truncated mp4 cannot be read.
    let cut = error(write_file("cut.mp4", &mp4[..mp4.len() / 2]));
    assert!(cut.to_string().contains("ffprobe"));
    for (name, arguments) in [
        ("whole.ts", String::new()),
        ("whole.mkv", String::new()),
        ("faststart.mp4", "-movflags +faststart".to_owned()),
    ] {
        let whole = fs::read(generate(
            name,
            &format!("{} {BASELINE} {arguments}", test_video(2.0)),
        ))
        .unwrap();
        let input = Input::File(write_file(name, &whole[..whole.len() * 6 / 10]));
        let played = play(&input, &[], 3.0);
        let units = played.of(Codec::H264);
        assert!(units.len() > 50, "{name} {}", units.len());
    }
}

#[test]
fn damage_in_the_middle_is_skipped() {
    for name in ["damaged.ts", "damaged.mkv", "damaged.mp4", "damaged.webm"] {
        let encoder = if name.ends_with("webm") {
            "-c:v libvpx -cpu-used 8 -deadline realtime -g 25"
        } else {
            BASELINE
        };
        let mut bytes = fs::read(generate(
            name,
            &format!("{} {} {encoder}", test_video(2.0), test_tone(2.0)),
        ))
        .unwrap();
        let (from, to) = (bytes.len() * 4 / 10, bytes.len() * 45 / 100);
        for (n, byte) in bytes[from..to].iter_mut().enumerate() {
            *byte = (n * 31 % 251) as u8;
        }
        let input = Input::File(write_file(name, &bytes));
        for codec in [Codec::H264, Codec::Vp8] {
            let played = play(&input, &[codec], 4.0);
            assert!(
                played.of(codec).len() > 50,
                "{name} {codec:?} {}",
                played.of(codec).len()
            );
        }
    }
}

#[test]
fn files_truncated_anywhere_never_cause_a_panic() {
    let whole = fs::read(generate(
        "small.mp4",
        &format!(
            "{} {} {BASELINE} -movflags +faststart",
            test_video(0.4),
            test_tone(0.4)
        ),
    ))
    .unwrap();
    for n in 1..24 {
        let path = write_file("part.mp4", &whole[..whole.len() * n / 24]);
        let input = Input::File(path);
        let _ = poster(&input);
        if let Ok(probe) = probe(&input) {
            let control = Control::default();
            control.request_track(track_of(Codec::Vp8));
            control.stop();
            let _ = run(&input, &probe, &control, &mut RecordingSink::default());
        }
    }
}

#[test]
fn an_edit_list_that_begins_between_keyframes_is_respected() {
    let whole = generate(
        "edited-from.mp4",
        &format!(
            "{} {} {BASELINE} -g 50 -c:a aac",
            test_video(3.0),
            test_tone(3.0)
        ),
    );
    let input = Input::File(generate(
        "edited.mp4",
        &format!("-ss 1.0 -i {} -c copy", whole.display()),
    ));
    let probe = probe(&input).unwrap();
    match probe.video.unwrap().delivery {
        Delivery::Reencode { reasons, .. } => assert_eq!(reasons, [Reason::Timestamps]),
        Delivery::Passthrough => panic!("the edit list hides frames"),
    }
    let played = play(&input, &[Codec::H264], 1.5);
    assert!(played.of(Codec::H264)[0].time.0 < 100_000);
    decode_video(&played.of(Codec::H264));
}

#[test]
fn negative_and_missing_timestamps_play() {
    let shifted = Input::File(generate(
        "negative.mkv",
        &format!(
            "{} {} {BASELINE} -c:a libopus -output_ts_offset -0.5 -avoid_negative_ts disabled",
            test_video(1.0),
            test_tone(1.0)
        ),
    ));
    let played = play(&shifted, &[Codec::H264], 1.5);
    // Matroska has no times below zero: the frames before it are lost.
    let counts = (played.of(Codec::H264).len(), played.of(Codec::Opus).len());
    assert!(counts.0 >= 15 && counts.1 >= 50, "{counts:?}");
    for (name, encoder) in [
        ("raw.h264", BASELINE),
        ("raw-b.h264", "-c:v libx264 -bf 2 -g 25"),
        ("raw.ivf", "-c:v libvpx -cpu-used 8 -deadline realtime"),
    ] {
        let input = Input::File(generate(name, &format!("{} {encoder}", test_video(1.0))));
        let played = play(&input, &[Codec::Vp8], 2.0);
        let (count, size) = decode_video(&played.of(Codec::Vp8));
        assert!(count >= 45, "{name} {count}");
        assert_eq!(size, (320, 180));
    }
}

#[test]
fn a_jump_of_a_broadcast_clock_leaves_no_gap() {
    let part = |name: &str, offset: &str| {
        fs::read(generate(
            name,
            &format!(
                "{} {} {BASELINE} -c:a aac -output_ts_offset {offset}",
                test_video(1.0),
                test_tone(1.0)
            ),
        ))
        .unwrap()
    };
    let joined = [part("one.ts", "10"), part("two.ts", "5000")].concat();
    let input = Input::File(write_file("jump.ts", &joined));
    let played = play(&input, &[], 3.0);
    let units = played.of(Codec::H264);
    let longest = units
        .windows(2)
        .map(|pair| pair[1].time.micros_since(pair[0].time))
        .max()
        .unwrap();
    assert!(longest < 500_000, "{longest}");
    assert!(units.len() > 60);
}

#[test]
fn bytes_changed_anywhere_never_cause_a_panic() {
    for name in [
        "flip.mp4", "flip.mkv", "flip.ts", "flip.avi", "flip.ogg", "flip.flv",
    ] {
        let codecs = match name {
            "flip.avi" => "-c:v mpeg4 -c:a libmp3lame",
            "flip.ogg" => "-c:v libtheora -c:a libvorbis",
            _ => "-c:v libx264 -preset ultrafast -bf 0 -g 5 -pix_fmt yuv420p -c:a aac",
        };
        let whole = fs::read(generate(
            name,
            &format!("{} {} {codecs}", test_video(0.4), test_tone(0.4)),
        ))
        .unwrap();
        let mut seed = 7u64;
        let mut random = || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize
        };
        let path = write_file(name, b"");
        for _ in 0..12 {
            let mut bytes = whole.clone();
            for _ in 0..20 {
                // The first kilobyte, which has the headers, is changed more often than the rest.
                let range = if random() % 2 == 0 {
                    bytes.len().min(1024)
                } else {
                    bytes.len()
                };
                let at = random() % range;
                bytes[at] = random() as u8;
            }
            fs::write(&path, &bytes).unwrap();
            let input = Input::File(path.clone());
            let _ = poster(&input);
            if let Ok(probe) = probe(&input) {
                let _ = try_play(&input, &probe, &[Codec::H264, Codec::Vp8], 0.6);
            }
        }
    }
}

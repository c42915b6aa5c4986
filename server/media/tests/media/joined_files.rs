//! Recordings that were joined or cut, so that their clock jumps: every part plays in each loop, audio and video in sync.

use std::fs;
use std::path::PathBuf;

use crate::support::*;
use crate::sync::*;
use media::source::{Input, probe};
use shared::api::Codec;

/// The files one after the other.
fn joined(name: &str, parts: &[&PathBuf]) -> Input {
    let parts: Vec<u8> = parts
        .iter()
        .flat_map(|part| fs::read(part).unwrap())
        .collect();
    Input::File(write_file(name, &parts))
}

/// Both parts of `input`, of six seconds each, play in two loops.
fn assert_both_parts_play(name: &str, input: &Input, codec: Codec) {
    let played = play(input, &[codec], 25.0);
    let flashes = flashes(&played, codec);
    assert_in_sync(name, &flashes, &beeps(&played), 12);
    for pair in flashes.windows(2) {
        // The parts of some containers begin a few frames late.
        assert!(
            (pair[1] - pair[0] - 2_000_000).abs() <= 200_000,
            "{name}: flashes at {flashes:?}"
        );
    }
}

#[test]
fn two_recordings_in_one_file_play_one_after_the_other() {
    for (name, codecs, codec) in [
        ("joined.ts", format!("{BASELINE} -c:a aac"), Codec::H264),
        (
            "b-frames.ts",
            "-c:v libx264 -preset veryfast -bf 2 -g 25 -pix_fmt yuv420p -c:a mp2".to_owned(),
            Codec::Vp8,
        ),
        (
            "joined.mpg",
            "-c:v mpeg2video -bf 2 -c:a mp2".to_owned(),
            Codec::Vp8,
        ),
        ("joined.mkv", format!("{BASELINE} -c:a aac"), Codec::H264),
        (
            "joined.webm",
            "-c:v libvpx -cpu-used 8 -deadline realtime -c:a libopus -live 1".to_owned(),
            Codec::Vp8,
        ),
        (
            "joined.ogv",
            "-c:v libtheora -c:a libvorbis".to_owned(),
            Codec::Vp8,
        ),
    ] {
        let part = flashes_and_beeps(name, 6, &codecs);
        assert_both_parts_play(name, &joined(name, &[&part, &part]), codec);
    }
}

#[test]
fn a_jump_forward_of_a_broadcast_clock_leaves_no_gap() {
    for offset in [11, 5000] {
        let codecs = format!("{BASELINE} -c:a aac");
        let first = flashes_and_beeps("first.ts", 6, &codecs);
        let second = flashes_and_beeps(
            "second.ts",
            6,
            &format!("{codecs} -output_ts_offset {offset}"),
        );
        let name = format!("jump-{offset}.ts");
        assert_both_parts_play(&name, &joined(&name, &[&first, &second]), Codec::H264);
        // The clock jumps back by more than it has come.
        let name = format!("jump-back-{offset}.ts");
        assert_both_parts_play(&name, &joined(&name, &[&second, &first]), Codec::H264);
    }
}

#[test]
fn two_recordings_of_audio_play_one_after_the_other() {
    for (name, codec) in [
        ("joined.opus", "libopus"),
        ("joined.ogg", "libvorbis"),
        ("joined.mka", "aac"),
    ] {
        let part = generate(name, &format!("{} -c:a {codec}", test_tone(6.0)));
        let input = joined(name, &[&part, &part]);
        let played = play(&input, &[], 24.0);
        let units = played.of(Codec::Opus);
        // The last packet of an Opus file may be cut.
        assert!(
            units
                .windows(2)
                .all(|pair| (5_000..=40_000).contains(&pair[1].time.micros_since(pair[0].time))),
            "{name}"
        );
        assert!(
            units.iter().all(|unit| !unit.data.starts_with(b"OpusTags")),
            "{name}: a header is no audio"
        );
        let audio = decode_audio(&units);
        let loud = audio
            .chunks(960)
            .filter(|part| loudness(part) > 0.05)
            .count();
        assert!(loud > 1180, "{name}: {loud} of {} frames", units.len());
    }
}

#[test]
fn a_gap_of_one_track_of_a_broadcast_stays() {
    let codecs = format!("{BASELINE} -c:a aac");
    let source = flashes_and_beeps("gap.mkv", 12, &codecs);
    for (name, filter) in [
        (
            "video-gap.ts",
            "-c:a copy -vsync vfr -vf select='not(between(t,2.5,9.5))'",
        ),
        (
            "audio-gap.ts",
            "-c:v copy -af aselect='not(between(t,2.5,9.5))'",
        ),
    ] {
        let input = file(name, &format!("-i {} {codecs} {filter}", source.display()));
        let played = play(&input, &[Codec::H264], 23.9);
        let (flashes, beeps) = (flashes(&played, Codec::H264), beeps(&played));
        let has =
            |times: &[i64], time: i64| times.iter().any(|found| (found - time).abs() < 100_000);
        for second in [11, 12 + 11] {
            assert!(
                has(&flashes, second * 1_000_000),
                "{name}: flashes at {flashes:?}"
            );
            assert!(
                has(&beeps, second * 1_000_000),
                "{name}: beeps at {beeps:?}"
            );
        }
    }
}

#[test]
fn audio_that_begins_late_in_a_broadcast_stays_late() {
    let input = file(
        "late.ts",
        &format!(
            "{} -itsoffset 8 {} {BASELINE} -c:a libopus",
            test_video(10.0),
            test_tone(2.0)
        ),
    );
    assert!(probe(&input).unwrap().passes_through(Codec::Opus));
    let first = play(&input, &[], 9.0).of(Codec::Opus)[0].time.0;
    assert!((7_950_000..8_050_000).contains(&first), "{first}");
}

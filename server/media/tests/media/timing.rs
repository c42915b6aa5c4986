//! Sources over time: tracks of different lengths, slow machines, long files, and leaks.

use std::time::{Duration, Instant};

use crate::clock::TestClock;
use crate::support::*;
use crate::sync::*;
use bitstream::sps::SpsInfo;
use media::control::Control;
use media::source::{Input, probe, run_on, track_of};
use shared::api::{Codec, Reason};
use testkit::process::{ProcessUsage, in_own_process};

#[test]
fn audio_that_ends_before_the_video_is_followed_by_silence() {
    let input = Input::File(generate(
        "short-audio.mp4",
        &format!("{} {} {BASELINE} -c:a aac", test_video(3.0), test_tone(1.0)),
    ));
    let played = play(&input, &[], 5.0);
    let units = played.of(Codec::Opus);
    assert!(
        units
            .windows(2)
            .all(|pair| pair[1].time.micros_since(pair[0].time) == 20_000)
    );
    let audio = decode_audio(&units);
    assert!(loudness(&audio[20_000..40_000]) > 0.05);
    assert!(loudness(&audio[70_000..130_000]) < 0.001);
    // The next iteration begins at 3 s.
    assert!(loudness(&audio[150_000..180_000]) > 0.05);
}

#[test]
fn the_last_frame_of_video_that_ends_before_the_audio_is_repeated() {
    let input = Input::File(generate(
        "short-frame.mkv",
        &format!(
            "{} {} -c:v mpeg4 -c:a libopus",
            test_video(1.0),
            test_tone(4.0)
        ),
    ));
    let played = play(&input, &[Codec::Vp8], 6.0);
    let units = played.of(Codec::Vp8);
    let longest = units
        .windows(2)
        .map(|pair| pair[1].time.micros_since(pair[0].time))
        .max()
        .unwrap();
    assert!(longest <= 1_100_000, "{longest}");
    assert!(
        units
            .iter()
            .any(|unit| (4_000_000..4_050_000).contains(&unit.time.0)),
        "the next iteration begins at 4 s"
    );
}

#[test]
fn a_flash_and_a_beep_stay_in_sync_in_every_iteration() {
    for (name, codecs) in [
        ("flash.mp4", format!("{BASELINE} -c:a aac")),
        (
            "flash.mkv",
            "-c:v libx264 -preset veryfast -bf 2 -pix_fmt yuv420p -c:a libmp3lame".to_owned(),
        ),
        ("flash.ts", "-c:v mpeg2video -c:a ac3".to_owned()),
        (
            "flash.webm",
            "-c:v libvpx -cpu-used 8 -deadline realtime -c:a libvorbis".to_owned(),
        ),
    ] {
        let input = Input::File(flashes_and_beeps(name, 2, &codecs));
        let played = play(&input, &[Codec::Vp8], 5.0);
        assert_in_sync(name, &flashes(&played, Codec::Vp8), &beeps(&played), 2);
    }
}

#[test]
fn after_a_thousand_loops_audio_and_video_are_as_far_apart_as_in_the_first() {
    // Five frames; a beep in the second half. The audio is a little longer, because AAC has whole frames.
    let input = Input::File(generate(
        "loop.mp4",
        &format!(
            "-f lavfi -i color=black:size=64x64:rate=25:duration=0.2 \
             -f lavfi -i aevalsrc='gte(t,0.1)*0.3*sin(2*PI*1000*t)':s=44100:d=0.2 {BASELINE} -c:a aac"
        ),
    ));
    let played = play(&input, &[], 230.0);
    let starts: Vec<i64> = played
        .of(Codec::H264)
        .iter()
        .filter(|unit| unit.keyframe)
        .map(|unit| unit.time.0)
        .collect();
    let length = starts[1] - starts[0];
    assert!((200_000..225_000).contains(&length), "{length}");
    assert!(starts.len() > 1001, "{}", starts.len());
    assert!(
        starts
            .iter()
            .enumerate()
            .all(|(pass, start)| *start == pass as i64 * length),
        "all iterations have the same length"
    );
    let audio = played.of(Codec::Opus);
    assert!(
        audio
            .windows(2)
            .all(|pair| pair[1].time.micros_since(pair[0].time) == 20_000)
    );
    // When the beep of an iteration begins, in milliseconds after its first frame.
    let beep = |pass: usize| {
        let from = audio
            .iter()
            .position(|unit| unit.time.0 >= starts[pass] - 100_000)
            .unwrap();
        let decoded = decode_audio(&audio[from..from + 25]);
        let silence_from = (starts[pass] - audio[from].time.0) as usize * 48 / 1000 + 48 * 30;
        let loud = decoded[silence_from..]
            .chunks(48)
            .position(|chunk| loudness(chunk) > 0.05)
            .unwrap();
        loud as i64 + 30
    };
    let (first, last) = (beep(1), beep(1000));
    assert!((first - 100).abs() <= 10, "{first} ms");
    assert!((first - last).abs() <= 3, "{first} ms and {last} ms");
}

#[test]
fn a_slow_encoder_drops_frames_and_never_delays_passthrough() {
    let input = Input::File(generate(
        "slow.mp4",
        &format!(
            "{} {} {BASELINE} -c:a libopus",
            test_video(4.0),
            test_tone(4.0)
        ),
    ));
    let probe = probe(&input).unwrap();
    let control = Control::default();
    control.request_track(track_of(Codec::Vp8));
    // 25 frames and 50 audio packets per second take 75 * 11 ms, which leaves less than that for VP8.
    let clock = TestClock::new(&control, Duration::from_millis(11), Duration::from_secs(8));
    let mut recorder = RecordingSink::default();
    run_on(&clock, &input, &probe, &control, &mut recorder).unwrap();
    let (passed, encoded) = (
        recorder.of(Codec::H264).len(),
        recorder.of(Codec::Vp8).len(),
    );
    assert!(
        recorder.dropped > 0,
        "{passed} passed, {encoded} encoded, {:?}",
        recorder.anchors
    );
    assert!(encoded > 0 && encoded < passed);
    assert_eq!(recorder.anchors.len(), 1, "passthrough never stalls");
}

#[test]
fn encoded_h264_is_constrained_baseline_of_at_most_1080_lines() {
    let input = Input::File(generate(
        "large.mp4",
        "-f lavfi -i testsrc2=size=2560x1440:rate=25:duration=0.4 -c:v libx265 -preset ultrafast -x265-params log-level=error",
    ));
    let played = play(&input, &[Codec::H264], 0.3);
    let units = played.of(Codec::H264);
    assert_eq!(decode_video(&units).1, (1920, 1080));
    let nal = units[0]
        .data
        .windows(5)
        .find(|bytes| bytes[..4] == [0, 0, 0, 1] && bytes[4] & 0x1f == 7)
        .unwrap();
    let at = nal.as_ptr() as usize - units[0].data.as_ptr() as usize + 4;
    let sps = SpsInfo::parse(&units[0].data[at..at + 20]).unwrap();
    assert_eq!((sps.profile, sps.constraints & 0x40), (66, 0x40));
}

#[test]
fn the_bit_rate_of_the_encoder_and_the_size_of_keyframes_are_bounded() {
    let played = play(&clip(), &[Codec::Vp8], 5.0);
    let units = played.of(Codec::Vp8);
    let bits = units.iter().map(|unit| unit.data.len() * 8).sum::<usize>() as f64 / 5.0;
    assert!((500_000.0..3_500_000.0).contains(&bits), "{bits} bit/s");
    let largest = units.iter().map(|unit| unit.data.len()).max().unwrap();
    assert!(largest < 250_000, "{largest}");
    let keyframes: Vec<i64> = units
        .iter()
        .filter(|unit| unit.keyframe)
        .map(|unit| unit.time.0)
        .collect();
    assert!(
        keyframes
            .windows(2)
            .all(|pair| pair[1] - pair[0] <= 2_050_000),
        "{keyframes:?}"
    );
}

#[test]
fn a_file_of_ten_hours_is_probed_within_two_seconds() {
    let input = Input::File(generate(
        "long.mp4",
        "-f lavfi -i color=size=64x64:rate=1:duration=36000 -c:v libx264 -preset ultrafast -bf 0 -g 10 -pix_fmt yuv420p",
    ));
    let start = Instant::now();
    let found = probe(&input).unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(found.duration.unwrap().as_secs(), 36_000);
    assert!(found.passes_through(Codec::H264));
    assert!(play(&input, &[], 30.0).of(Codec::H264).len() >= 30);
}

#[test]
fn an_irregular_frame_rate_is_evened_out() {
    // Bursts of ten frames, then a second without any.
    let input = Input::File(generate(
        "vfr.mkv",
        "-f lavfi -i testsrc2=size=160x90:rate=25:duration=6 -vf select=lt(mod(n\\,35)\\,10) -vsync vfr -c:v libx264 -preset ultrafast -bf 0 -g 10 -pix_fmt yuv420p",
    ));
    match probe(&input).unwrap().video.unwrap().delivery {
        shared::api::Delivery::Reencode { reasons, .. } => {
            assert_eq!(reasons, [Reason::VariableFrameRate])
        }
        shared::api::Delivery::Passthrough => panic!("browsers would count freezes"),
    }
    let played = play(&input, &[Codec::H264], 5.0);
    let units = played.of(Codec::H264);
    let longest = units
        .windows(2)
        .map(|pair| pair[1].time.micros_since(pair[0].time))
        .max()
        .unwrap();
    assert!(longest <= 200_000, "{longest}");
}

#[cfg(target_os = "linux")]
#[test]
fn starting_and_stopping_leaks_nothing() {
    if !in_own_process("timing::starting_and_stopping_leaks_nothing") {
        return;
    }
    let input = Input::File(generate(
        "again-and-again.mp4",
        &format!("{} {} {BASELINE} -c:a aac", test_video(0.4), test_tone(0.4)),
    ));
    let once = || {
        let played = play(&input, &[Codec::Vp8, Codec::H264], 0.3);
        assert!(!played.units.is_empty());
    };
    for _ in 0..10 {
        once();
    }
    let before = ProcessUsage::own();
    for _ in 0..testkit::repetitions(30, 300) {
        once();
    }
    let after = ProcessUsage::own();
    assert!(after.files <= before.files, "{before:?} to {after:?}");
    assert!(
        after.memory < before.memory + 32_000 * 1024,
        "{before:?} to {after:?}"
    );
}

//! Sources on the wall clock, the test source, and posters.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::TestClock;
use crate::rotation::rotated;
use crate::support::*;
use media::access_unit::AccessUnit;
use media::control::Control;
use media::poster::poster;
use media::source::{Input, LEAD, Probe, Sink, probe, run, run_on, track_of};
use media::time::MediaTime;
use media::track::TrackId;
use shared::api::{Codec, Delivery, Reason};

#[test]
fn units_arrive_at_most_a_lead_before_they_are_live_and_never_in_a_burst() {
    let control = Control::default();
    let clock = TestClock::new(&control, Duration::from_millis(1), Duration::from_secs(7));
    let mut arrivals = Vec::new();
    let mut sink = RecordingSink::calling(|unit| arrivals.push((unit.clone(), clock.peek())));
    run_on(
        &clock,
        &clip(),
        &probe(&clip()).unwrap(),
        &control,
        &mut sink,
    )
    .unwrap();
    let ((anchor, at), dropped) = (sink.anchors[0], sink.dropped);
    assert_eq!((sink.anchors.len(), dropped), (1, 0));
    drop(sink);
    let sleeps = clock.sleeps();
    assert!(sleeps <= 7 * 15, "it woke {sleeps} times in 7 s");
    // After the start, and across the end of the first iteration at 5.3 s.
    for (unit, arrived) in arrivals.iter().filter(|(unit, _)| unit.time.0 > 600_000) {
        let live = at + Duration::from_micros(unit.time.micros_since(anchor) as u64);
        let early = live.saturating_duration_since(*arrived);
        assert!(early <= LEAD, "{:?} {early:?}", unit.codec);
        assert!(
            *arrived < live,
            "{:?} of {:?} is late",
            unit.codec,
            unit.time
        );
    }
    assert!(arrivals.last().unwrap().0.time.0 > 6_500_000);
}

#[test]
fn a_codec_that_is_requested_late_starts_within_two_seconds() {
    let control = Control::default();
    // A slow machine: 25 frames and 50 audio packets per second take more than half of the time.
    let clock = TestClock::new(&control, Duration::from_millis(4), Duration::from_secs(5));
    let mut requested = None;
    let mut first = None;
    let mut sink = RecordingSink::calling(|unit| match unit.codec {
        Codec::H264 if unit.time.0 >= 2_000_000 && requested.is_none() => {
            control.request_track(track_of(Codec::Vp8));
            requested = Some(clock.peek());
        }
        Codec::Vp8 if first.is_none() => first = Some((unit.keyframe, clock.peek())),
        _ => {}
    });
    run_on(
        &clock,
        &clip(),
        &probe(&clip()).unwrap(),
        &control,
        &mut sink,
    )
    .unwrap();
    drop(sink);
    let (keyframe, arrived) = first.unwrap();
    let waited = arrived.duration_since(requested.unwrap());
    assert!(keyframe);
    assert!(waited < Duration::from_secs(2), "{waited:?}");
}

/// Sends the time of each unit.
struct Times(mpsc::Sender<MediaTime>);

impl Sink for Times {
    fn anchor(&mut self, _: MediaTime, _: Instant) {}

    fn begin_run(&mut self) {}

    fn append(&mut self, _: TrackId, unit: AccessUnit) {
        // The receiver is dropped before the source stops.
        let _ = self.0.send(unit.time);
    }

    fn replanned(&mut self, _: &Probe) {}

    fn dropped(&mut self, _: u64) {}
}

#[test]
fn on_the_wall_clock_a_source_keeps_the_live_rate_and_stops_on_request() {
    let (input, control) = (clip(), Arc::new(Control::default()));
    let probe = probe(&input).unwrap();
    let (sender, times) = mpsc::channel();
    let started = Instant::now();
    let source = thread::spawn({
        let control = Arc::clone(&control);
        move || run(&input, &probe, &control, &mut Times(sender))
    });
    let time = Duration::from_millis(1000);
    let arrived = times
        .iter()
        .find(|unit| unit.0 >= time.as_micros() as i64)
        .map(|_| started.elapsed());
    assert!(arrived.unwrap() >= time - LEAD, "{arrived:?}");
    control.stop();
    let asked = Instant::now();
    source.join().unwrap().unwrap();
    let stopped = asked.elapsed();
    assert!(stopped < Duration::from_secs(1), "{stopped:?}");
}

#[test]
fn the_test_source_has_video_and_a_tone() {
    let described = probe(&Input::Test).unwrap();
    let video = described.video.as_ref().unwrap();
    assert_eq!(
        (video.width, video.height, video.fps),
        (1280, 720, Some(30.0))
    );
    assert_eq!(
        video.delivery,
        Delivery::Reencode {
            codec: Codec::H264,
            reasons: vec![Reason::Codec]
        }
    );
    assert_eq!(described.duration, None);
    let played = play(&Input::Test, &[Codec::H264, Codec::Vp8], 2.2);
    for codec in [Codec::H264, Codec::Vp8] {
        let units = played.of(codec);
        assert!(
            (60..=80).contains(&units.len()),
            "{codec:?} {}",
            units.len()
        );
        let keyframes: Vec<i64> = units
            .iter()
            .filter(|unit| unit.keyframe)
            .map(|unit| unit.time.0)
            .collect();
        assert_eq!(keyframes, [0, 1_000_000, 2_000_000], "a GOP lasts a second");
        assert_eq!(decode_video(&units), (units.len(), (1280, 720)));
        let bytes: usize = units
            .iter()
            .filter(|unit| unit.time.0 < 2_000_000)
            .map(|unit| unit.data.len())
            .sum();
        assert!(bytes * 8 / 2 < 6_000_000, "{} bit/s", bytes * 8 / 2);
    }
    let audio = decode_audio(&played.of(Codec::Opus));
    assert!((frequency(&audio[24_000..40_000]) - 440.0).abs() < 5.0);
}

#[test]
fn a_requested_keyframe_is_encoded() {
    let input = Input::Test;
    let probe = probe(&input).unwrap();
    let mut count = 0;
    let played = play_with(
        &input,
        &probe,
        &[Codec::H264, Codec::Vp8],
        1.0,
        |control, unit| {
            if unit.codec == Codec::Vp8 {
                count += 1;
                if count == 10 {
                    control.request_keyframe(track_of(Codec::H264));
                    control.request_keyframe(track_of(Codec::Vp8));
                }
            }
        },
    );
    for codec in [Codec::H264, Codec::Vp8] {
        let keyframes: Vec<i64> = played
            .of(codec)
            .iter()
            .filter(|unit| unit.keyframe)
            .map(|unit| unit.time.0)
            .collect();
        assert!(
            keyframes
                .iter()
                .any(|time| (300_000..500_000).contains(time)),
            "{codec:?} {keyframes:?}"
        );
    }
}

#[test]
fn a_poster_is_a_small_upright_jpeg() {
    let size = |jpeg: &[u8]| {
        assert_eq!(jpeg[..2], [0xff, 0xd8]);
        let mut decoder = ffmpeg_next::codec::Context::new_with_codec(
            ffmpeg_next::decoder::find_by_name("mjpeg").unwrap(),
        )
        .decoder()
        .video()
        .unwrap();
        decoder
            .send_packet(&ffmpeg_next::Packet::copy(jpeg))
            .unwrap();
        decoder.send_eof().unwrap();
        let mut frame = ffmpeg_next::frame::Video::empty();
        decoder.receive_frame(&mut frame).unwrap();
        (frame.width(), frame.height())
    };
    let clip_poster = poster(&clip()).unwrap();
    assert_eq!(size(&clip_poster), (640, 360));
    assert!(
        (5_000..150_000).contains(&clip_poster.len()),
        "{}",
        clip_poster.len()
    );
    assert_eq!(size(&poster(&Input::Test).unwrap()), (640, 360));
    let upright = generate(
        "poster.mp4",
        &format!("{} -c:v libx264 -preset ultrafast", test_video(1.0)),
    );
    let rotated = rotated("poster-rotated.mp4", &upright, 270);
    assert_eq!(size(&poster(&Input::File(rotated)).unwrap()), (180, 320));
    let still = generate(
        "poster.png",
        "-f lavfi -i testsrc2=size=1000x1000 -frames:v 1",
    );
    assert_eq!(size(&poster(&Input::File(still)).unwrap()), (640, 640));
    // Rows stored from bottom to top.
    let rows = generate(
        "poster.avi",
        &format!("{} -c:v rawvideo -pix_fmt bgr24", test_video(0.2)),
    );
    assert_eq!(size(&poster(&Input::File(rows)).unwrap()), (320, 180));
    let audio = generate("poster.wav", &test_tone(0.2));
    assert!(poster(&Input::File(audio)).is_err());
    let dark = generate(
        "poster-dark.mp4",
        "-f lavfi -i color=black:size=320x180:rate=25:duration=1 -f lavfi -i testsrc2=size=320x180:rate=25:duration=1 -filter_complex [0][1]concat -c:v libx264 -preset ultrafast -g 12 -pix_fmt yuv420p",
    );
    assert!(
        poster(&Input::File(dark)).unwrap().len() > 5_000,
        "the poster is not the black frame"
    );
}

//! The clip in `assets`: H.264 that is passed through, and AAC 5.1 that becomes stereo Opus, in a loop.

use crate::support::*;
use media::packetize::{MAX_PAYLOAD, packetize};
use media::source::{probe, track_of};
use shared::api::{Codec, Delivery, Reason};

#[test]
fn the_video_is_passed_through_and_the_audio_becomes_opus() {
    let probe = probe(&clip()).unwrap();
    let video = probe.video.as_ref().unwrap();
    assert_eq!(
        (video.codec.as_str(), video.width, video.height),
        ("h264", 1280, 720)
    );
    assert_eq!(video.fps, Some(25.0));
    assert_eq!(video.delivery, Delivery::Passthrough);
    let audio = probe.audio.as_ref().unwrap();
    assert_eq!(
        (audio.codec.as_str(), audio.channels, audio.sample_rate),
        ("aac", 6, 48_000)
    );
    assert_eq!(
        audio.delivery,
        Delivery::Reencode {
            codec: Codec::Opus,
            reasons: vec![Reason::Codec]
        }
    );
    assert_eq!(probe.video_codecs(), [Codec::H264, Codec::Vp8]);
    assert!(
        probe.passes_through(Codec::H264)
            && !probe.passes_through(Codec::Vp8)
            && !probe.passes_through(Codec::Opus)
    );
}

#[test]
fn it_loops_without_a_gap_and_both_tracks_stay_together() {
    let played = play(&clip(), &[], 17.0);
    let frames = played.of(Codec::H264);
    let keyframes: Vec<_> = frames.iter().filter(|unit| unit.keyframe).collect();
    assert!(keyframes.len() >= 4);
    // 132 frames per iteration, which is as long as the audio: 5.312 s.
    let starts: Vec<i64> = frames.iter().step_by(132).map(|unit| unit.time.0).collect();
    assert_eq!(starts[..3], [0, 5_312_000, 10_624_000]);
    assert!(frames[132].keyframe && frames[264].keyframe);
    assert_eq!(frames[0].data, frames[132].data);
    let audio = played.of(Codec::Opus);
    assert!(
        audio
            .windows(2)
            .all(|pair| pair[1].time.micros_since(pair[0].time) == 20_000),
        "the audio has no gap"
    );
    let (video_end, audio_end) = (frames.last().unwrap().time, audio.last().unwrap().time);
    assert!(
        video_end.micros_since(audio_end).abs() < 100_000,
        "{video_end:?} {audio_end:?}"
    );
    assert_eq!(played.anchors.len(), 1);
    assert!(played.replanned.is_empty());
}

#[test]
fn every_unit_packetizes_within_the_limit() {
    let played = play(&clip(), &[Codec::Vp8], 4.0);
    for codec in [Codec::H264, Codec::Vp8, Codec::Opus] {
        let units = played.of(codec);
        assert!(units.len() >= 100, "{codec:?} {}", units.len());
        for unit in units {
            let payloads = packetize(unit).unwrap();
            assert!(
                payloads
                    .iter()
                    .all(|payload| !payload.is_empty() && payload.len() <= MAX_PAYLOAD)
            );
        }
    }
}

#[test]
fn vp8_starts_on_request_and_stops_when_it_is_released() {
    let input = clip();
    let probe = probe(&input).unwrap();
    let mut frames = 0;
    let mut requested_at = None;
    let mut first = None;
    let mut ended = None;
    let played = play_with(&input, &probe, &[], 5.0, |control, unit| match unit.codec {
        Codec::H264 => {
            frames += 1;
            if frames == 60 {
                control.request_track(track_of(Codec::Vp8));
                requested_at = Some(unit.time);
            }
            if frames == 100 {
                control.release_track(track_of(Codec::Vp8));
                ended = Some(unit.time);
            }
        }
        Codec::Vp8 => {
            first.get_or_insert(unit.time);
        }
        _ => {}
    });
    let (requested_at, first, ended) = (requested_at.unwrap(), first.unwrap(), ended.unwrap());
    assert!(
        first.micros_since(requested_at).abs() <= 500_000,
        "requested at {requested_at:?}, first frame at {first:?}"
    );
    let last = played.of(Codec::Vp8).last().unwrap().time;
    assert!(last <= ended.plus_micros(100_000));
}

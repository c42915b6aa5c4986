use bytes::Bytes;
use proptest::prelude::*;
use shared::api::Codec;

use super::*;
use crate::rtcp::SenderInfo;
use crate::sequence::TimestampExtender;
use simulation::{SECOND, SSRC, Simulation, TODAY, Timed, Track};

mod simulation;

/// Pictures take 80 ms, sound 20 ms; both start somewhere.
fn pictures_and_sound() -> Vec<Track> {
    vec![
        Track::new(Codec::Vp8, 0xffff_0000, 80_000).reporting(),
        Track::new(Codec::Opus, 12_345, 20_000).reporting(),
    ]
}

fn assert_never_back(units: &[Timed]) {
    for track in 0..2 {
        let mut times = units.iter().filter(|unit| unit.track == track);
        let Some(mut before) = times.next() else {
            continue;
        };
        for unit in times {
            assert!(unit.time > before.time, "{before:?}, {unit:?}");
            before = unit;
        }
    }
}

/// The times of all units are those at which they were taken, plus one delay.
fn assert_true(units: &[Timed], delay: i64, within: i64) {
    for unit in units {
        let error = unit.time - unit.taken - delay;
        assert!(error.abs() <= within, "{error}: {unit:?}");
    }
}

#[test]
fn without_reports_each_track_follows_its_arrivals_without_their_jitter() {
    let mut tracks = pictures_and_sound();
    tracks
        .iter_mut()
        .for_each(|track| track.next_report = i64::MAX);
    let mut simulation = Simulation::new(tracks);
    simulation.jitter = 30_000;
    let units = simulation.run(60 * SECOND);
    assert_never_back(&units);
    let settled = units.iter().filter(|unit| unit.taken > 5 * SECOND);
    for unit in settled {
        let delay = [80_000, 20_000][unit.track];
        let error = unit.time - unit.taken - delay;
        assert!(error.abs() <= 10_000, "{error}: {unit:?}");
    }
}

#[test]
fn steps_are_those_of_the_rtp_clock_or_small() {
    let mut simulation = Simulation::new(pictures_and_sound());
    (simulation.jitter, simulation.drift_ppm) = (60_000, 300);
    let units = simulation.run(300 * SECOND);
    for (track, interval) in [(0, 40_000), (1, 20_000)] {
        let times: Vec<_> = units.iter().filter(|unit| unit.track == track).collect();
        let steps = times
            .windows(2)
            .map(|pair| pair[1].time - pair[0].time - interval);
        let corrections: Vec<_> = steps.filter(|step| step.abs() > 40).collect();
        assert!(corrections.iter().all(|step| step.abs() <= MAX_STEP + 40));
        // 90 ms of drift, the first pictures, and little for the jitter.
        assert!(corrections.len() <= 60, "{track}: {}", corrections.len());
    }
}

#[test]
fn reports_put_pictures_and_sound_together() {
    let mut simulation = Simulation::new(pictures_and_sound());
    simulation.tracks[0].delay = 400_000;
    simulation.jitter = 20_000;
    let units = simulation.run(60 * SECOND);
    assert_never_back(&units);
    let settled = units.partition_point(|unit| unit.taken < 10 * SECOND);
    assert_true(&units[settled..], 20_000, 20_000);
}

#[test]
fn a_day_with_drift_lost_reports_and_wraps_ends_where_it_should() {
    for drift_ppm in [-100, 100] {
        let mut simulation = Simulation::new(pictures_and_sound());
        (simulation.drift_ppm, simulation.jitter) = (drift_ppm, 15_000);
        simulation.lost_reports = 30;
        // So that a test of a day is short.
        simulation
            .tracks
            .iter_mut()
            .for_each(|track| track.interval = 400_000);
        let units = simulation.run(24 * 3600 * SECOND);
        assert_never_back(&units);
        let settled = units.partition_point(|unit| unit.taken < 60 * SECOND);
        assert_true(&units[settled..], 20_000, 20_000);
    }
}

#[test]
fn reports_that_contradict_themselves_or_each_other_are_not_followed() {
    type Spoil = fn(&mut Simulation, u64);
    let constant: Spoil = |simulation, _| simulation.ntp = TODAY - simulation.tracks[0].next;
    let random: Spoil = |simulation, random| simulation.ntp = random as i64 % TODAY;
    let zero: Spoil = |simulation, _| simulation.ntp = -simulation.tracks[0].next;
    for spoil in [constant, random, zero] {
        let mut simulation = Simulation::new(pictures_and_sound());
        let mut units = Vec::new();
        for at in 1..600 {
            let random = simulation.random(u64::MAX);
            spoil(&mut simulation, random);
            units.extend(simulation.run(at * SECOND / 10));
        }
        assert_never_back(&units);
        let settled = units.iter().filter(|unit| unit.taken > 10 * SECOND);
        for unit in settled {
            let error = unit.time - unit.arrived;
            assert!(error.abs() <= 150_000, "{error}: {unit:?}");
        }
    }
}

#[test]
fn a_wall_clock_of_any_year_will_do() {
    for ntp in [
        1,
        70 * 365 * 86_400 * SECOND,
        (1 << 32) * SECOND - 30 * SECOND,
    ] {
        let mut simulation = Simulation::new(pictures_and_sound());
        simulation.ntp = ntp;
        let units = simulation.run(90 * SECOND);
        assert_never_back(&units);
        let settled = units.partition_point(|unit| unit.taken < 70 * SECOND);
        assert_true(&units[settled..], 20_000, 20_000);
    }
}

#[test]
fn without_reports_any_more_a_track_returns_to_its_arrivals() {
    let mut simulation = Simulation::new(pictures_and_sound());
    simulation.run(30 * SECOND);
    simulation.lost_reports = 100;
    let units = simulation.run(200 * SECOND);
    assert_never_back(&units);
    let last = units.iter().rev().find(|unit| unit.track == 0).unwrap();
    assert!((last.time - last.arrived).abs() <= 10_000, "{last:?}");
}

/// The track is at its arrivals within a second, and does not go back; the other one is not disturbed.
fn assert_begins_anew(change: impl Fn(&mut Simulation)) {
    let mut simulation = Simulation::new(pictures_and_sound());
    let mut units = simulation.run(30 * SECOND);
    change(&mut simulation);
    units.extend(simulation.run(60 * SECOND));
    assert_never_back(&units);
    let sound: Vec<_> = units
        .iter()
        .filter(|unit| unit.track == 1)
        .copied()
        .collect();
    assert_true(&sound[100..], 20_000, 10_000);
    let after = units.iter().filter(|unit| unit.track == 0);
    for unit in after.skip_while(|unit| unit.taken < 31 * SECOND) {
        let error = unit.time - unit.arrived;
        assert!((-70_000..10_000).contains(&error), "{error}: {unit:?}");
    }
    let settled = units.partition_point(|unit| unit.taken < 40 * SECOND);
    assert_true(&units[settled..], 20_000, 20_000);
}

#[test]
fn a_track_whose_rtp_clock_jumps_begins_anew() {
    for jump in [
        200_000,
        -200_000,
        90_000 * 7,
        -90_000 * 7,
        i32::MAX,
        i32::MIN,
    ] {
        assert_begins_anew(|simulation| {
            let track = &mut simulation.tracks[0];
            track.first = track.first.wrapping_add(jump as u32);
        });
    }
}

#[test]
fn another_ssrc_begins_anew() {
    assert_begins_anew(|simulation| {
        let track = &mut simulation.tracks[0];
        (track.ssrc, track.first) = (SSRC + 1, 77);
        (track.extender, track.report) = (TimestampExtender::default(), None);
    });
}

#[test]
fn a_sender_that_stood_still_goes_on_at_its_arrivals() {
    let mut simulation = Simulation::new(pictures_and_sound());
    let mut units = simulation.run(30 * SECOND);
    // The machine slept: its RTP clocks stood still with it.
    for track in &mut simulation.tracks {
        track.first = track.first.wrapping_sub(60 * track.codec.clock_rate());
        track.next += 60 * SECOND;
        track.next_report += 60 * SECOND;
    }
    units.extend(simulation.run(120 * SECOND));
    assert_never_back(&units);
    let settled = units.partition_point(|unit| unit.taken < 105 * SECOND);
    assert_true(&units[settled..], 20_000, 20_000);
}

#[test]
fn presentation_times_of_b_frames_keep_their_distances() {
    let start = Instant::now();
    let mut clock = SenderClock::new(start);
    let order = (0..100).flat_map(|group| [3, 1, 2].map(|at| 3 * group + at));
    for picture in order {
        // A picture leaves when the last one that it needs was taken.
        let arrived = (picture + 2) / 3 * 3 * 40;
        let unit = ReceivedUnit {
            codec: Codec::H264,
            rtp_time: picture * 3600,
            arrived: start + Duration::from_millis(arrived.unsigned_abs()),
            keyframe: picture == 3,
            data: Bytes::new(),
            sps: None,
        };
        let time = clock.time(0, SSRC, &unit, None);
        let time = clock.micros(time);
        assert_eq!(time, picture * 40_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pictures_and_sound_stay_together(
        seed in 1u64..,
        firsts in any::<[u32; 2]>(),
        drift_ppm in -500i64..500,
        jitter in 0i64..60_000,
        delays in [5_000i64..300_000, 5_000i64..300_000],
        lost_reports in 0u64..30,
    ) {
        let mut simulation = Simulation::new(pictures_and_sound());
        for (track, (first, delay)) in simulation.tracks.iter_mut().zip(firsts.into_iter().zip(delays)) {
            (track.first, track.delay) = (first, delay);
        }
        (simulation.rng, simulation.drift_ppm, simulation.jitter) = (seed, drift_ppm, jitter);
        simulation.lost_reports = lost_reports;
        let units = simulation.run(200 * SECOND);
        assert_never_back(&units);
        let settled = units.partition_point(|unit| unit.taken < 60 * SECOND);
        assert_true(&units[settled..], delays[0].min(delays[1]), 20_000);
    }

    /// Whatever a sender does, its track is near its arrivals or follows its reports, and nothing overflows.
    #[test]
    fn times_stay_near_the_arrivals(
        events in proptest::collection::vec((0u64..3_000, any::<i32>(), any::<bool>(), any::<u64>(), any::<u32>()), 1..200),
    ) {
        let start = Instant::now();
        let mut clock = SenderClock::new(start);
        let (mut at, mut rtp_time) = (0, 0i64);
        for (elapsed, step, is_small, ntp, rtp) in events {
            at += elapsed;
            rtp_time += if is_small { i64::from(step) % 3_000 } else { step.into() };
            let arrived = start + Duration::from_millis(at);
            let report = ReceivedSenderReport {
                info: SenderInfo { ssrc: SSRC, ntp, rtp, packets: 0, octets: 0 },
                arrived,
            };
            let unit = ReceivedUnit {
                codec: Codec::Vp8,
                rtp_time,
                arrived,
                keyframe: true,
                data: Bytes::new(),
                sps: None,
            };
            for track in 0..2 {
                let time = clock.time(track, SSRC, &unit, Some(report));
                let error = clock.micros(time) - clock.micros(arrived);
                // An RTP clock that stands still is noticed when the windows of the time before are over, at the next unit.
                prop_assert!((-12 * SECOND..2 * SECOND).contains(&error), "{}", error);
            }
        }
    }
}

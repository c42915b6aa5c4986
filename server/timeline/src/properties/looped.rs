//! A file that loops.

use std::time::{Duration, Instant};

use media::time::MediaTime;
use proptest::prelude::*;

use super::{AUDIO, VIDEO, both, mark, unit, video_only};
use crate::log::Log;
use crate::playhead::{DueUnit, Playhead, Step};

/// A file with 25 video frames and 50 audio packets per second that loops after `length` microseconds.
struct Looped {
    start: Instant,
    log: Log,
    length: i64,
    gop: u32,
    video_frames: i64,
    audio_packets: i64,
}

const VIDEO_STEP: i64 = 40_000;
const AUDIO_STEP: i64 = 20_000;
const LEAD: i64 = 400_000;

impl Looped {
    fn new(length: i64, gop: u32) -> Self {
        let (start, mut log) = (Instant::now(), Log::default());
        log.set_anchor(MediaTime::ZERO, start);
        Self {
            start,
            log,
            length,
            gop,
            video_frames: 0,
            audio_packets: 0,
        }
    }

    fn at(&self, micros: i64) -> Instant {
        self.start + Duration::from_micros(micros as u64)
    }

    /// For the `count`th frame of a track with one every `step` microseconds: its time on the stream's clock, and its index
    /// in the file. Both tracks are shifted by the same length.
    fn locate(&self, count: i64, step: i64) -> (i64, i64) {
        let per_iteration = (self.length + step - 1) / step;
        (
            count / per_iteration * self.length + count % per_iteration * step,
            count % per_iteration,
        )
    }

    fn run_until(&mut self, now: i64) {
        loop {
            let (video, index) = self.locate(self.video_frames, VIDEO_STEP);
            let (audio, _) = self.locate(self.audio_packets, AUDIO_STEP);
            if video.min(audio) > now + LEAD {
                return;
            }
            let wall = self.at(now);
            if video <= audio {
                let keyframe = index % i64::from(self.gop) == 0;
                let unit = unit(video, keyframe, index as u32);
                assert!(self.log.append(VIDEO, unit, wall).is_some());
                self.video_frames += 1;
            } else {
                assert!(self.log.append(AUDIO, unit(audio, true, 0), wall).is_some());
                self.audio_packets += 1;
            }
        }
    }

    /// All frames that are due at `now`.
    fn drain(&self, playhead: &mut Playhead, now: i64) -> Vec<DueUnit> {
        let mut sent = Vec::new();
        while let Step::Send(due) = playhead.step(&self.log, self.at(now)) {
            sent.push(due);
        }
        sent
    }
}

#[test]
fn after_a_thousand_loops_audio_and_video_are_in_sync() {
    // Like the clip in `assets`: 132 frames, and audio that is 13.3 ms longer.
    let length = 5_293_333;
    let mut file = Looped::new(length, 132);
    let mut playhead = both(file.start);
    let (mut first_video, mut first_audio, mut last) = (Vec::new(), Vec::new(), MediaTime(-1));
    let mut now = 0;
    while now < length * 1000 {
        file.run_until(now);
        for due in file.drain(&mut playhead, now) {
            assert!(
                due.viewer_time >= last,
                "the viewer's clock went back at {now}"
            );
            last = due.viewer_time;
            if due.slot == 1 {
                if due.unit.unit().dts.0 % length == 0 {
                    first_audio.push(due.viewer_time);
                }
            } else if mark(&due.unit) == 0 {
                first_video.push(due.viewer_time);
            }
        }
        now += 10_000;
    }
    assert_eq!((first_video.len(), first_audio.len()), (1000, 1000));
    for (iteration, (video, audio)) in first_video.iter().zip(&first_audio).enumerate() {
        assert_eq!(
            video, audio,
            "audio and video differ in iteration {iteration}"
        );
        assert_eq!(
            video.0,
            length * iteration as i64,
            "iteration {iteration} begins at the wrong time"
        );
    }
    assert_eq!(playhead.skips(), 0);
}

#[test]
fn a_late_joiner_begins_on_a_keyframe_at_once_however_long_the_gop() {
    for gop in [1, 12, 250] {
        let mut file = Looped::new(60_000_000, gop);
        for now in (0..30_000_000).step_by(370_000) {
            file.run_until(now);
            let mut playhead = both(file.at(now));
            let sent = file.drain(&mut playhead, now);
            let first = sent.first().expect("something is due at once");
            assert!(
                first.slot == 0 && first.unit.unit().keyframe,
                "gop {gop}, at {now}"
            );
            assert_eq!(first.viewer_time, MediaTime::ZERO);
        }
    }
}

#[test]
fn a_viewer_who_lags_by_a_gop_keeps_playing_to_the_last_frame() {
    let mut file = Looped::new(60_000_000, 250);
    file.run_until(9_000_000);
    let mut playhead = both(file.at(9_000_000));
    let mut video_frames = Vec::new();
    for now in (9_000_000..90_000_000).step_by(5_000) {
        file.run_until(now);
        video_frames.extend(
            file.drain(&mut playhead, now)
                .iter()
                .filter(|due| due.slot == 0)
                .map(|due| mark(&due.unit)),
        );
    }
    assert_eq!(playhead.skips(), 0);
    assert!(
        video_frames
            .windows(2)
            .all(|two| two[1] == (two[0] + 1) % 1500),
        "a frame is missing"
    );
}

#[test]
fn a_slow_viewer_skips_to_the_next_keyframe_and_it_is_counted() {
    let mut file = Looped::new(60_000_000, 25);
    file.run_until(0);
    let mut playhead = video_only(file.start);
    assert!(!file.drain(&mut playhead, 0).is_empty());
    file.run_until(3_500_000);
    let sent = file.drain(&mut playhead, 3_500_000);
    assert_eq!(playhead.skips(), 1);
    assert!(sent[0].unit.unit().keyframe && sent[0].unit.unit().dts == MediaTime(3_000_000));
    assert_eq!(
        sent[0].viewer_time,
        MediaTime(3_500_000),
        "the viewer's clock does not jump"
    );
}

#[test]
fn without_a_newer_keyframe_a_slow_viewer_skips_no_frame() {
    let mut file = Looped::new(60_000_000, 1500);
    file.run_until(0);
    let mut playhead = video_only(file.start);
    let before = file.drain(&mut playhead, 0).len() as u32;
    file.run_until(3_000_000);
    let sent = file.drain(&mut playhead, 3_000_000);
    assert_eq!((playhead.skips(), mark(&sent[0].unit)), (0, before));
}

#[test]
fn memory_holds_two_gops_and_no_more() {
    let mut file = Looped::new(60_000_000, 50);
    file.run_until(1_000_000_000);
    // 2 GOPs of 2 s and 2 s of slack, the GOP that the horizon falls into, and the lead.
    let kept = file.log.units(VIDEO);
    assert!(kept <= 25 * 8 + 11, "{kept} units are kept");
}

#[test]
fn a_viewer_does_not_join_on_old_frames_of_a_restarted_encoder() {
    let (start, mut log) = (Instant::now(), Log::default());
    log.set_anchor(MediaTime::ZERO, start);
    assert!(log.append(VIDEO, unit(0, true, 1), start).is_some());
    log.clear(VIDEO);
    assert!(
        log.append(VIDEO, unit(90_000_000, false, 2), start)
            .is_none(),
        "there is no keyframe to decode it from"
    );
    let keyframe = unit(90_040_000, true, 3);
    assert!(log.append(VIDEO, keyframe, start).is_some());
    let mut playhead = video_only(start);
    assert!(matches!(playhead.step(&log, start), Step::Send(due) if mark(&due.unit) == 3));
}

proptest! {
    /// Appends at any times, polled at any times, with restarts in between.
    #[test]
    fn sent_frames_can_be_decoded_and_times_never_go_back(
        steps in prop::collection::vec((1_i64..3_000_000, any::<bool>(), 0_i64..4_000_000, any::<bool>(), 0_u8..20), 1..300),
    ) {
        let (start, mut log) = (Instant::now(), Log::default());
        log.set_anchor(MediaTime::ZERO, start);
        let mut playhead = both(start);
        let (mut time, mut now, mut number) = (0, 0_u64, 0);
        let (mut last_mark, mut last_at) = (None::<u32>, [MediaTime(-1); 2]);
        for (gap, keyframe, wait, audio, chance) in steps {
            time += gap;
            let wall = start + Duration::from_micros(now);
            if audio {
                log.append(AUDIO, unit(time, true, 0), wall);
            } else if log.append(VIDEO, unit(time, keyframe, number), wall).is_some() {
                number += 1;
            }
            now += wait as u64;
            if chance == 0 {
                playhead.restart();
            }
            while let Step::Send(due) = playhead.step(&log, start + Duration::from_micros(now)) {
                let at = &mut last_at[due.slot];
                prop_assert!(due.viewer_time >= *at, "the clock goes back");
                prop_assert!(due.due_at <= start + Duration::from_micros(now), "sent before it is due");
                // Units that are due together get slightly later times.
                prop_assert!(due.viewer_time.0 <= now as i64 + 60_000, "shown before it is due");
                *at = due.viewer_time;
                if due.slot == 0 {
                    let follows = last_mark.is_some_and(|last| mark(&due.unit) == last + 1);
                    prop_assert!(follows || due.unit.unit().keyframe, "a decoder cannot continue here");
                    last_mark = Some(mark(&due.unit));
                }
            }
        }
    }
}

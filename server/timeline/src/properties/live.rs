//! A live stream.

use std::time::{Duration, Instant};

use media::time::MediaTime;
use media::track::{TrackId, TrackKind};

use super::{AUDIO, VIDEO, both, mark, unit};
use crate::index::Pace;
use crate::log::Log;
use crate::playhead::{Command, DueUnit, Playhead, Step, Target};
use crate::retention::Retention;

/// 25 pictures and 50 packets of sound a second, appended when they are live.
struct Live {
    start: Instant,
    log: Log,
    /// Pictures from one keyframe to the next.
    gop: i64,
    pictures: i64,
    packets: i64,
    /// A second rendition, with its keyframes at the same places.
    rendition: bool,
}

const RENDITION: TrackId = TrackId(7);

impl Live {
    fn new(gop: i64) -> Self {
        let (start, mut log) = (Instant::now(), Log::new(Pace::Edge, Retention::default()));
        log.set_anchor(MediaTime::ZERO, start);
        Self {
            start,
            log,
            gop,
            pictures: 0,
            packets: 0,
            rendition: false,
        }
    }

    fn at(&self, millis: i64) -> Instant {
        self.start + Duration::from_millis(millis.unsigned_abs())
    }

    /// Appends what is live by then.
    fn run_until(&mut self, millis: i64) {
        let now = self.at(millis);
        while self.pictures * 40 <= millis {
            let number = self.pictures;
            let picture = unit(number * 40_000, number % self.gop == 0, number as u32);
            if self.rendition {
                self.log.append(RENDITION, picture.clone(), now);
            }
            self.log.append(VIDEO, picture, now);
            self.pictures += 1;
        }
        while self.packets.saturating_mul(20) <= millis {
            self.log
                .append(AUDIO, unit(self.packets * 20_000, true, 0), now);
            self.packets += 1;
        }
    }

    fn drain(&self, playhead: &mut Playhead, millis: i64) -> Vec<DueUnit> {
        let mut sent = Vec::new();
        while let Step::Send(due) = playhead.step(&self.log, self.at(millis)) {
            sent.push(due);
        }
        sent
    }
}

fn pictures(sent: &[DueUnit]) -> Vec<u32> {
    let pictures = sent.iter().filter(|due| due.slot == 0);
    pictures.map(|due| mark(&due.unit)).collect()
}

#[test]
fn a_joiner_gets_the_newest_keyframe_and_catches_up_at_once_with_sound_from_the_edge() {
    let mut live = Live::new(250);
    live.run_until(9_000);
    let mut playhead = both(live.at(9_000));
    let sent = live.drain(&mut playhead, 9_000);
    assert_eq!(pictures(&sent), (0..=225).collect::<Vec<_>>());
    assert_eq!(sent[0].viewer_time, MediaTime::ZERO);
    let last = sent.last().expect("pictures").viewer_time;
    assert!(
        last < MediaTime(60_000),
        "stamped when they are sent: {last:?}"
    );
    let sound: Vec<_> = sent.iter().filter(|due| due.slot == 1).collect();
    assert_eq!(sound.len(), 1);
    assert_eq!(sound[0].unit.unit().dts, MediaTime(9_000_000));
    // From then on it gets each unit when it is appended.
    for millis in (9_010..12_000).step_by(10) {
        live.run_until(millis);
        let sent = live.drain(&mut playhead, millis);
        assert_eq!(
            sent.len(),
            usize::from(millis % 40 == 0) + usize::from(millis % 20 == 0)
        );
    }
    assert_eq!(playhead.skips(), 0);
}

#[test]
fn a_longer_gop_is_not_caught_up_but_a_keyframe_asked_for() {
    let mut live = Live::new(2_000);
    live.run_until(20_000);
    let mut playhead = both(live.at(20_000));
    let sent = live.drain(&mut playhead, 20_000);
    assert_eq!(pictures(&sent), [0], "the first picture comes at once");
    assert_eq!(playhead.take_keyframe_wanted(), Some(VIDEO));
    live.gop = 1;
    live.run_until(20_100);
    let sent = live.drain(&mut playhead, 20_100);
    assert_eq!(pictures(&sent), [501, 502]);
}

#[test]
fn a_viewer_too_slow_to_catch_up_goes_on_with_the_next_keyframe() {
    let mut live = Live::new(300);
    live.run_until(9_000);
    let mut playhead = both(live.at(9_000));
    let mut sent = 0;
    // Three pictures in 100 ms: little more than the stream's rate.
    for millis in (9_000..10_200).step_by(100) {
        live.run_until(millis);
        for _ in 0..3 {
            let step = playhead.step(&live.log, live.at(millis));
            sent += i64::from(matches!(step, Step::Send(due) if due.slot == 0));
        }
    }
    assert!(sent < 40);
    assert_eq!(playhead.take_keyframe_wanted(), Some(VIDEO));
    live.gop = 1;
    live.run_until(10_240);
    let expected: Vec<_> = (253..=256).collect();
    assert_eq!(pictures(&live.drain(&mut playhead, 10_240)), expected);
}

#[test]
fn sound_that_its_source_appends_late_disturbs_no_picture() {
    let mut live = Live::new(250);
    live.run_until(4_000);
    let mut playhead = both(live.at(4_000));
    live.drain(&mut playhead, 4_000);
    for millis in (4_040..8_000).step_by(40) {
        // The sound of 300 ms ago.
        live.packets = i64::MAX;
        live.run_until(millis);
        for late in [millis - 320, millis - 300] {
            live.log
                .append(AUDIO, unit(late * 1000, true, 0), live.at(millis));
        }
        let sent = live.drain(&mut playhead, millis);
        assert_eq!(pictures(&sent), [millis as u32 / 40], "{millis}");
    }
    assert_eq!(
        (playhead.skips(), playhead.take_keyframe_wanted()),
        (0, None)
    );
}

#[test]
fn a_stall_of_the_source_leaves_no_delay() {
    let mut live = Live::new(50);
    live.run_until(2_000);
    let mut playhead = both(live.at(2_000));
    live.drain(&mut playhead, 2_000);
    for millis in (2_010..5_000).step_by(10) {
        assert!(live.drain(&mut playhead, millis).is_empty(), "{millis}");
    }
    // All that was late arrives at once.
    live.run_until(5_000);
    let sent = live.drain(&mut playhead, 5_000);
    let newest = pictures(&sent).last().copied();
    assert_eq!(newest, Some(125), "the viewer is at the edge again");
    for millis in (5_010..6_000).step_by(10) {
        live.run_until(millis);
        let sent = live.drain(&mut playhead, millis);
        assert_eq!(
            sent.len(),
            usize::from(millis % 40 == 0) + usize::from(millis % 20 == 0)
        );
    }
}

#[test]
fn a_source_whose_clock_pauses_leaves_no_delay() {
    let mut live = Live::new(50);
    live.run_until(2_000);
    let mut playhead = both(live.at(2_000));
    live.drain(&mut playhead, 2_000);
    // For three seconds nothing, then the clock goes on where it was.
    let (picture, sound) = (unit(2_040_000, false, 51), unit(2_020_000, true, 0));
    live.log.append(AUDIO, sound, live.at(5_000));
    live.log.append(VIDEO, picture, live.at(5_000));
    let sent = live.drain(&mut playhead, 5_000);
    assert_eq!((pictures(&sent), sent.len()), (vec![51], 2));
    let next = unit(2_080_000, false, 52);
    live.log.append(VIDEO, next, live.at(5_040));
    assert_eq!(pictures(&live.drain(&mut playhead, 5_040)), [52]);
}

#[test]
fn another_run_is_joined_at_its_first_keyframe() {
    let mut live = Live::new(50);
    live.run_until(2_000);
    let mut playhead = both(live.at(2_000));
    let before = live.drain(&mut playhead, 2_000);
    live.log.begin_run(None);
    live.log.set_anchor(MediaTime::ZERO, live.at(7_000));
    for number in 0..10 {
        let at = live.at(7_000 + number * 40);
        let picture = unit(number * 40_000, number == 0, 900 + number as u32);
        live.log.append(VIDEO, picture, at);
        let sent = live.drain(&mut playhead, 7_000 + number * 40);
        assert_eq!(pictures(&sent), [900 + number as u32]);
        let last = before.last().expect("units").viewer_time;
        assert!(
            sent[0].viewer_time.micros_since(last) > 4_900_000,
            "RTP time runs on"
        );
    }
}

#[test]
fn a_viewer_changes_to_another_rendition_at_a_keyframe_without_a_gap() {
    let mut live = Live::new(25);
    live.rendition = true;
    live.run_until(300);
    let mut playhead = both(live.at(300));
    let mut all = pictures(&live.drain(&mut playhead, 300));
    let command = Command {
        id: 1,
        tracks: vec![(0, RENDITION)],
        ..Command::default()
    };
    assert!(playhead.apply(&command, &live.log, live.at(300)));
    for millis in (310..3_000).step_by(10) {
        live.run_until(millis);
        all.extend(pictures(&live.drain(&mut playhead, millis)));
        let expected = if all.contains(&25) { RENDITION } else { VIDEO };
        assert_eq!(playhead.track(0), Some(expected), "{millis}");
    }
    assert_eq!(all, (0..75).collect::<Vec<_>>());
}

#[test]
fn pause_seek_and_return_to_the_edge() {
    let mut live = Live::new(25);
    live.run_until(3_000);
    let mut playhead = both(live.at(3_000));
    live.drain(&mut playhead, 3_000);
    let mut id = 0;
    let mut command = |play, seek| {
        id += 1;
        Command {
            id,
            play,
            seek,
            tracks: Vec::new(),
        }
    };
    playhead.apply(&command(Some(false), None), &live.log, live.at(3_010));
    live.run_until(3_500);
    assert!(matches!(
        playhead.step(&live.log, live.at(3_500)),
        Step::Held
    ));
    playhead.apply(&command(Some(true), None), &live.log, live.at(3_510));
    live.run_until(3_540);
    assert_eq!(
        pictures(&live.drain(&mut playhead, 3_540)),
        [76],
        "half a second behind"
    );

    let place = crate::place::Place {
        time: MediaTime(1_480_000),
        ..Default::default()
    };
    let seek = command(None, Some(Target::Place(place)));
    playhead.apply(&seek, &live.log, live.at(3_550));
    let sent = live.drain(&mut playhead, 3_570);
    assert_eq!(
        pictures(&sent),
        (25..=37).collect::<Vec<_>>(),
        "from the keyframe before"
    );
    let sound = sent.iter().find(|due| due.slot == 1).expect("sound");
    assert_eq!(sound.unit.unit().dts, MediaTime(1_480_000));

    playhead.apply(
        &command(None, Some(Target::Live)),
        &live.log,
        live.at(3_600),
    );
    live.run_until(3_600);
    let newest = pictures(&live.drain(&mut playhead, 3_600));
    assert_eq!(newest.last(), Some(&90));
}

#[test]
fn the_log_keeps_its_limit_and_the_keyframe_that_viewers_join_at() {
    let start = Instant::now();
    let retention = Retention {
        bytes: 4_000,
        ..Retention::default()
    };
    let mut log = Log::new(Pace::Edge, retention);
    log.set_anchor(MediaTime::ZERO, start);
    for number in 0..10_000_u32 {
        // Four bytes each; one GOP without end.
        let picture = unit(i64::from(number) * 40_000, number == 0, number);
        log.append(
            VIDEO,
            picture,
            start + Duration::from_millis(number.into()) * 40,
        );
        assert!(log.bytes() <= 4_000 + 256, "{}", log.bytes());
    }
    let now = start + Duration::from_secs(400);
    let mut playhead = Playhead::new([(VIDEO, TrackKind::Video)], now);
    let Step::Send(first) = playhead.step(&log, now) else {
        panic!("a picture at once");
    };
    assert_eq!(mark(&first.unit), 0);
    assert_eq!(playhead.take_keyframe_wanted(), Some(VIDEO));
}

//! Simulcast layers: tracks of one picture that begin and stop.

use std::time::{Duration, Instant};

use media::time::MediaTime;
use media::track::TrackId;

use super::{AUDIO, VIDEO, both, mark, unit};
use crate::index::Pace;
use crate::log::Log;
use crate::playhead::{DueUnit, Playhead, Step};
use crate::retention::Retention;

const LARGE: TrackId = VIDEO;
const SMALL: TrackId = TrackId(7);
/// The marks of pictures of the large layer are higher by this.
const IS_LARGE: u32 = 1_000_000;
/// The pictures of the large layer come so much later, in milliseconds.
const LATER: i64 = 30;

/// 25 pictures of two layers and 50 packets of sound a second, appended when they come.
struct Publisher {
    start: Instant,
    log: Log,
    playhead: Playhead,
    sent: Vec<(i64, DueUnit)>,
    /// Milliseconds so far.
    now: i64,
    sends_large: bool,
    /// The next picture is a keyframe in both layers.
    keyframe: bool,
    keyframes_wanted: Vec<(i64, TrackId)>,
    /// Pictures of the large layer that come later.
    coming: Vec<(i64, i64, bool)>,
}

impl Publisher {
    fn new() -> Self {
        let (start, mut log) = (Instant::now(), Log::new(Pace::Edge, Retention::default()));
        log.set_anchor(MediaTime::ZERO, start);
        Self {
            start,
            log,
            playhead: both(start),
            sent: Vec::new(),
            now: 0,
            sends_large: true,
            keyframe: true,
            keyframes_wanted: Vec::new(),
            coming: Vec::new(),
        }
    }

    fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.now.unsigned_abs())
    }

    /// As time passes: appends what comes, and sends what is due.
    fn run(&mut self, millis: i64) {
        for _ in 0..millis {
            let (now, at) = (self.now, self.at());
            if now % 20 == 0 {
                self.log.append(AUDIO, unit(now * 1_000, true, 0), at);
            }
            if now % 40 == 0 {
                let keyframe = std::mem::take(&mut self.keyframe);
                let number = now / 40;
                let small = unit(now * 1_000, keyframe, number as u32);
                self.log.append(SMALL, small, at);
                if self.sends_large {
                    self.coming.push((now + LATER, number, keyframe));
                }
            }
            if let Some((_, number, keyframe)) = self.coming.pop_if(|(at, ..)| *at <= now) {
                let large = unit(number * 40_000, keyframe, IS_LARGE + number as u32);
                self.log.append(LARGE, large, at);
            }
            self.step();
            self.now += 1;
        }
    }

    fn step(&mut self) {
        let at = self.at();
        while let Step::Send(due) = self.playhead.step(&self.log, at) {
            self.sent.push((self.now, due));
        }
        if let Some(track) = self.playhead.take_keyframe_wanted() {
            self.keyframes_wanted.push((self.now, track));
        }
    }

    /// The pictures that were sent since the last call: when, and which.
    fn pictures(&mut self) -> Vec<(i64, u32)> {
        let sent = std::mem::take(&mut self.sent);
        let mut viewer_times = [MediaTime(i64::MIN); 2];
        let mut newest_sound = None;
        for (_, due) in &sent {
            let before = &mut viewer_times[due.slot];
            assert!(due.viewer_time > *before, "the times of a viewer rise");
            *before = due.viewer_time;
            if due.slot == 1 {
                let sound = due.unit.unit().dts;
                let step = newest_sound.map(|before| sound.micros_since(before));
                assert!(
                    step.is_none_or(|step| step == 20_000),
                    "no sound is missing"
                );
                newest_sound = Some(sound);
            }
        }
        let pictures = sent.iter().filter(|(_, due)| due.slot == 0);
        pictures.map(|(at, due)| (*at, mark(&due.unit))).collect()
    }

    /// The difference of sound and picture on the clock of the viewer, less that on the clock of the publisher, in milliseconds.
    fn skew(&self) -> i64 {
        let newest = |slot| {
            let mut sent = self.sent.iter().rev();
            let (_, due) = sent
                .find(|(_, due)| due.slot == slot)
                .expect("both are sent");
            due.viewer_time.micros_since(due.unit.unit().dts)
        };
        (newest(0) - newest(1)) / 1_000
    }
}

#[test]
fn a_viewer_goes_on_with_the_next_layer_when_its_own_stops_and_the_sound_is_in_step() {
    let mut publisher = Publisher::new();
    publisher.run(1_000);
    let before = publisher.pictures();
    assert!(before.iter().all(|(_, mark)| *mark >= IS_LARGE));
    publisher.keyframes_wanted.clear();
    publisher.sends_large = false;
    publisher.run(700);
    publisher.log.withdraw(LARGE);
    publisher.step();
    assert!(matches!(
        publisher.playhead.step(&publisher.log, publisher.at()),
        Step::Withdrawn(0)
    ));
    let at = publisher.at();
    publisher.playhead.replace(0, SMALL, &publisher.log, at);
    publisher.run(300);
    assert!(publisher.skew().abs() <= 5, "{}", publisher.skew());
    let pictures = publisher.pictures();
    let small: Vec<_> = pictures
        .iter()
        .filter(|(_, mark)| *mark < IS_LARGE)
        .collect();
    // From the keyframe at 0 on, at once, to the edge.
    let first = small.first().expect("pictures of the small layer");
    assert_eq!(**first, (1_700, 0));
    let at_once = small.iter().filter(|(at, _)| *at == 1_700).count();
    assert!((40..=43).contains(&at_once), "{at_once}");
    assert_eq!(small.last().expect("pictures").1, 1_960 / 40);
    assert_eq!(publisher.keyframes_wanted, []);
    assert_eq!(publisher.playhead.track(0), Some(SMALL));
}

#[test]
fn a_keyframe_that_is_far_back_is_not_shown_again_but_asked_for() {
    let mut publisher = Publisher::new();
    publisher.run(5_000);
    publisher.keyframes_wanted.clear();
    publisher.sends_large = false;
    publisher.run(700);
    publisher.pictures();
    publisher.log.withdraw(LARGE);
    publisher.step();
    let at = publisher.at();
    publisher.playhead.replace(0, SMALL, &publisher.log, at);
    publisher.run(100);
    assert_eq!(publisher.pictures(), []);
    let (asked, track) = publisher.keyframes_wanted[0];
    assert_eq!((asked, track), (5_700, SMALL));
    publisher.keyframe = true;
    publisher.run(200);
    let pictures = publisher.pictures();
    let expected: Vec<_> = (145..150)
        .map(|number| (40 * i64::from(number), number))
        .collect();
    assert_eq!(pictures, expected);
}

#[test]
fn a_viewer_goes_on_with_a_larger_layer_at_its_next_keyframe() {
    let mut publisher = Publisher::new();
    publisher.playhead.change_track(0, SMALL);
    publisher.run(3_000);
    let pictures = publisher.pictures();
    assert!(
        pictures.iter().all(|(_, mark)| *mark < IS_LARGE),
        "it had not joined"
    );
    publisher.playhead.change_track(0, LARGE);
    publisher.run(500);
    assert!(
        publisher
            .pictures()
            .iter()
            .all(|(_, mark)| *mark < IS_LARGE)
    );
    assert!(
        publisher
            .keyframes_wanted
            .iter()
            .all(|(_, track)| *track == LARGE)
    );
    assert!(!publisher.keyframes_wanted.is_empty());
    publisher.keyframe = true;
    publisher.run(500);
    assert!(publisher.skew().abs() <= LATER + 5, "{}", publisher.skew());
    let marks: Vec<_> = publisher
        .pictures()
        .into_iter()
        .map(|(_, mark)| mark)
        .collect();
    let first = marks
        .iter()
        .position(|mark| *mark >= IS_LARGE)
        .expect("a large picture");
    // The keyframe is of the picture 88, which the small layer has shown when it comes.
    assert_eq!(marks[first], IS_LARGE + 88);
    assert_eq!(marks[first - 1], 88);
    let large: Vec<_> = (88..88 + (marks.len() - first) as u32)
        .map(|number| IS_LARGE + number)
        .collect();
    assert_eq!(marks[first..], large);
    publisher.keyframes_wanted.clear();
    publisher.run(500);
    assert_eq!(publisher.keyframes_wanted, []);
}

//! A viewer of an encoded rendition whose decoder asks for a keyframe.

use std::time::{Duration, Instant};

use media::time::MediaTime;
use proptest::prelude::*;

use super::{AUDIO, VIDEO, both, unit};
use crate::index::Pace;
use crate::log::Log;
use crate::playhead::Step;
use crate::retention::Retention;

/// What a pause may be above the encoder's own, in milliseconds.
const MAX_PAUSE: u64 = 150;
const PICTURE: u64 = 40;
const LEAD: u64 = media::source::LEAD.as_millis() as u64;

/// A film that is encoded as it is played: 25 pictures and 50 packets of sound a second, appended a lead before they are live.
struct Film {
    start: Instant,
    log: Log,
    gop: u64,
    since_keyframe: u64,
    pictures: u64,
    packets: u64,
    /// The encoder has been asked, and makes the next picture after this a keyframe.
    keyframe_from: Option<u64>,
    /// When the keyframe that it was asked for was appended.
    delivered: Option<u64>,
}

impl Film {
    fn new(gop: u64) -> Self {
        let start = Instant::now();
        let mut log = Log::new(Pace::Keyframe, Retention::default());
        log.set_anchor(MediaTime::ZERO, start);
        Self {
            start,
            log,
            gop,
            since_keyframe: 0,
            pictures: 0,
            packets: 0,
            keyframe_from: None,
            delivered: None,
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn run_until(&mut self, millis: u64, sound_late: u64) {
        let now = self.at(millis);
        while self.pictures * PICTURE <= millis + LEAD {
            let asked = self.keyframe_from.is_some_and(|from| from <= millis);
            let keyframe = asked || self.pictures == 0 || self.since_keyframe >= self.gop;
            if asked {
                self.keyframe_from = None;
                self.delivered = Some(millis);
            }
            self.since_keyframe = if keyframe { 1 } else { self.since_keyframe + 1 };
            let dts = (self.pictures * PICTURE * 1000) as i64;
            self.log.append(VIDEO, unit(dts, keyframe, 0), now);
            self.pictures += 1;
        }
        while self.packets * 20 + sound_late <= millis + LEAD {
            let dts = (self.packets * 20_000) as i64;
            self.log.append(AUDIO, unit(dts, true, 0), now);
            self.packets += 1;
        }
    }
}

proptest! {
    #[test]
    fn a_keyframe_request_stops_no_viewer_for_longer_than_the_encoder_takes(
        gop in 10_u64..60,
        joined in 0_u64..6_000,
        asked_after in 300_u64..3_000,
        encoder in 0_u64..300,
        sound_late in 0_u64..100,
    ) {
        let mut film = Film::new(gop);
        for millis in 0..joined {
            film.run_until(millis, sound_late);
        }
        let mut playhead = both(film.at(joined));
        let asked = joined + asked_after;
        let (mut last_picture, mut resumed) = (None, None);
        // By kind, the newest unit: media time and time on the viewer's clock.
        let mut newest = [None; 2];
        for millis in joined..asked + 3_000 {
            film.run_until(millis, sound_late);
            let now = film.at(millis);
            if millis == asked {
                // As the viewer does.
                if playhead.skip_to_newest_keyframe(&film.log, now) {
                    film.delivered = Some(millis);
                } else {
                    playhead.await_keyframe(&film.log, now);
                    film.keyframe_from = Some(millis + encoder);
                }
            }
            let mut pictures = 0;
            while let Step::Send(due) = playhead.step(&film.log, now) {
                let place = due.unit.place();
                newest[due.slot] = Some((place.time, due.viewer_time));
                if let [Some((video, shown)), Some((audio, heard))] = newest {
                    let media = video.micros_since(audio);
                    let viewer = shown.micros_since(heard);
                    // Not while it moves: one kind has no unit from after the move yet.
                    let settled = resumed.is_some_and(|at| millis >= at + 150) || millis < asked;
                    prop_assert!(!settled || (media - viewer).abs() < 1_000, "sound and picture are apart by {}", media - viewer);
                }
                if due.slot != 0 {
                    continue;
                }
                pictures += 1;
                if millis >= asked && resumed.is_none() {
                    prop_assert!(due.unit.unit().keyframe);
                    resumed = Some(millis);
                } else if let (Some(last), true) = (last_picture, millis > asked) {
                    prop_assert!(millis - last <= MAX_PAUSE, "{} ms after it went on", millis - last);
                }
                last_picture = Some(millis);
            }
            prop_assert!(millis < asked || pictures <= 1, "a burst of {pictures} pictures");
        }
        let resumed = resumed.expect("it goes on");
        let ready = film.delivered.unwrap_or(resumed);
        let pause = resumed.saturating_sub(ready);
        prop_assert!(pause <= MAX_PAUSE, "a pause of {pause} ms after the keyframe was there");
    }
}

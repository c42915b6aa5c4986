//! What the tracks of a log keep together.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use media::access_unit::AccessUnit;
use media::packetize::packetize;
use media::time::MediaTime;
use media::track::TrackId;
use shared::api::Codec;

use super::{AUDIO, VIDEO, mark, unit, video_only};
use crate::index::{Bias, Found, Index, Pace};
use crate::log::Log;
use crate::playhead::Step;
use crate::retention::Retention;

/// Bytes of a chunk: 25 units.
const CHUNK: usize = 100;

/// A log, and when it began.
struct Publisher {
    start: Instant,
    log: Log,
}

impl Publisher {
    fn new(retention: Retention) -> Self {
        let (start, mut log) = (Instant::now(), Log::new(Pace::Edge, retention));
        log.set_anchor(MediaTime::ZERO, start);
        Self { start, log }
    }

    fn at(&self, millis: u32) -> Instant {
        self.start + Duration::from_millis(millis.into())
    }

    /// 25 units a second of each track, one GOP.
    fn send(&mut self, tracks: &[TrackId], millis: std::ops::Range<u32>) {
        for at in millis.clone().step_by(40) {
            for track in tracks {
                let unit = unit(i64::from(at) * 1_000, at == millis.start, at);
                self.log.append(*track, unit, self.at(at));
            }
        }
    }

    fn uses(&mut self, tracks: &[TrackId], millis: u32) {
        let (used, now) = (BTreeSet::from_iter(tracks.iter().copied()), self.at(millis));
        self.log.set_used(&used, now);
    }
}

#[test]
fn a_track_that_is_not_in_use_goes_some_seconds_after_its_last_unit() {
    let mut publisher = Publisher::new(Retention::default());
    publisher.send(&[VIDEO, AUDIO], 0..4_000);
    publisher.uses(&[AUDIO], 4_000);
    publisher.log.withdraw(VIDEO);
    // Who has not been sent all of it gets the rest.
    publisher.send(&[AUDIO], 4_000..8_000);
    let mut slow = video_only(publisher.at(8_000));
    let Step::Send(first) = slow.step(&publisher.log, publisher.at(8_000)) else {
        panic!("a picture");
    };
    assert_eq!(mark(&first.unit), 0);
    // It is noted once more, as each change of the offering does.
    publisher.uses(&[AUDIO], 8_000);
    publisher.send(&[AUDIO], 8_000..15_000);
    assert_eq!(publisher.log.units(VIDEO), 0);
    assert!(publisher.log.units(AUDIO) >= 7 * 25);
    let now = publisher.at(15_000);
    let ends = std::iter::repeat_with(|| slow.step(&publisher.log, now));
    let mut ends = ends.filter(|step| !matches!(step, Step::Send(_)));
    assert!(matches!(ends.next(), Some(Step::Withdrawn(0))));
    // It begins anew.
    publisher.log.restore(VIDEO);
    publisher.uses(&[VIDEO, AUDIO], 15_000);
    publisher.send(&[VIDEO, AUDIO], 15_000..40_000);
    assert_eq!(publisher.log.units(VIDEO), 25 * 25);
}

#[test]
fn a_track_that_is_not_in_use_goes_also_when_nothing_is_sent_any_more() {
    let mut publisher = Publisher::new(Retention::default());
    publisher.send(&[VIDEO, AUDIO], 0..4_000);
    publisher.uses(&[AUDIO], 4_000);
    for (millis, units) in [(13_900, 100), (14_000, 0)] {
        publisher.log.expire(publisher.at(millis));
        assert_eq!(publisher.log.units(VIDEO), units, "{millis}");
        assert_eq!(publisher.log.units(AUDIO), 100, "what viewers join at");
    }
}

#[test]
fn when_the_largest_track_has_nothing_to_give_the_others_do() {
    let mut publisher = Publisher::new(Retention {
        total: 500,
        ..Retention::default()
    });
    let (large, at) = (TrackId(9), publisher.at(10));
    let mut picture = unit(0, true, 0);
    picture.payloads = packetize(&AccessUnit {
        codec: Codec::Opus,
        dts: MediaTime::ZERO,
        time: MediaTime::ZERO,
        keyframe: true,
        data: vec![0; 450].into(),
    })
    .expect("a picture");
    publisher.log.append(large, picture, at);
    publisher.send(&[VIDEO, AUDIO], 0..4_000);
    publisher.send(&[VIDEO, AUDIO], 4_000..8_000);
    assert_eq!(publisher.log.units(large), 1, "viewers join at it");
    // The keyframe that viewers join at, and the newest.
    let bytes = publisher.log.bytes();
    assert!(bytes <= 450 + 4 * CHUNK, "{bytes}");
}

#[test]
fn a_track_that_nobody_was_offered_stays_while_it_is_appended_to() {
    let mut publisher = Publisher::new(Retention::default());
    publisher.send(&[VIDEO, AUDIO], 0..1_000);
    publisher.uses(&[AUDIO], 1_000);
    publisher.send(&[VIDEO, AUDIO], 1_000..30_000);
    assert_eq!(publisher.log.units(VIDEO), 30 * 25);
}

#[test]
fn tracks_keep_a_limit_together_and_those_that_are_not_in_use_go_first() {
    const TOTAL: usize = 2_000;
    let mut publisher = Publisher::new(Retention {
        total: TOTAL,
        ..Retention::default()
    });
    // A publisher that changes its codec or layer for each GOP.
    let tracks: Vec<_> = (10..30).map(TrackId).collect();
    let mut most = 0;
    for (turn, track) in (0..).zip(&tracks) {
        let from = turn * 4_000;
        publisher.uses(&[AUDIO, *track], from);
        publisher.send(&[AUDIO, *track], from..from + 4_000);
        most = most.max(publisher.log.bytes());
        assert_eq!(publisher.log.units(*track), 100, "what is in use stays");
    }
    assert!((TOTAL / 2..=TOTAL).contains(&most), "{most}");
    // All of them at once, and none is withdrawn.
    let all = [&tracks[..], &[AUDIO]].concat();
    publisher.uses(&all, 80_000);
    publisher.send(&all, 80_000..200_000);
    let least = all.len() * 2 * CHUNK;
    assert!(publisher.log.bytes() <= least, "{}", publisher.log.bytes());
    for track in all {
        // The keyframe that viewers join at, and the newest.
        let live = publisher.log.live(publisher.at(200_000));
        let first = publisher.log.seek(track, live, Bias::KeyframeBefore);
        assert!(matches!(first, Found::Here(chunk) if chunk.begins_with_keyframe()));
        let newest = publisher.log.newest(track).expect("units");
        assert_eq!(newest.time, MediaTime(199_960_000));
    }
}

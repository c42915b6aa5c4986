//! How a viewer whose decoder needs a keyframe goes on at once, although its clock is behind the source.

use std::time::{Duration, Instant};

use super::lateness::last_keyframe;
use super::{MIN_LATENESS, Playhead, edge};
use crate::cursor::Fetched;
use crate::index::{Bias, Index};
use crate::origin::Origin;
use crate::place::Place;

/// A keyframe that is not live yet is sent this much after it was appended at most: the audio of its place may be appended that much later.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// Keyframes that are further ahead of the live place were not made for a viewer that asks now.
const MAX_AHEAD: Duration = media::source::LEAD;

impl Playhead {
    /// Continues with the next keyframe to be appended, after one has been requested for the decoder. Audio continues until it is there.
    pub fn await_keyframe(&mut self, index: &impl Index, now: Instant) {
        let place = self.place_at(index, now);
        if let Some(cursor) = self.main() {
            cursor.await_keyframe(index, place);
        }
        self.resuming = true;
    }

    /// Continues with the newest keyframe if that is ahead of what is due: a viewer joins a file up to a GOP behind its live place. False: there is
    /// none, or the viewer is at the live place, or has chosen to be behind.
    pub fn skip_to_newest_keyframe(&mut self, index: &impl Index, now: Instant) -> bool {
        let (Some(origin), true) = (self.origin, self.at_edge) else {
            return false;
        };
        let Some(track) = self.main().map(|cursor| cursor.track) else {
            return false;
        };
        let ahead = MAX_AHEAD.as_micros() as i64;
        let live = edge(index, track, now);
        // A replay shows such a viewer all pictures.
        if live.run != origin.run() || origin.instant_of(live.time) <= now + MIN_LATENESS {
            return false;
        }
        let until = live.plus_micros(ahead);
        let Some(keyframe) = last_keyframe(index, track, until) else {
            return false;
        };
        let is_ahead = keyframe <= until && keyframe.run == origin.run();
        if !(is_ahead && origin.instant_of(keyframe.time) > now + MIN_LATENESS) {
            return false;
        }
        for cursor in self.video() {
            cursor.seek(keyframe, Bias::KeyframeAfter);
        }
        self.resuming = true;
        true
    }

    /// Moves the origin once the keyframe is there, so that it is due now and not on the viewer's late clock. Audio goes on at the same place.
    /// True when it moved.
    pub(super) fn resume(&mut self, index: &impl Index, now: Instant) -> bool {
        let (Some(origin), Some(cursor)) = (self.origin, self.main()) else {
            self.resuming = false;
            return false;
        };
        let Fetched::Unit(place) = cursor.fetch(index, now) else {
            return false;
        };
        self.resuming = false;
        if place.run != origin.run() || origin.instant_of(place.time) <= now + MIN_LATENESS {
            return false;
        }
        self.origin = Some(Origin {
            place,
            at: now + until_live(index, place, now),
        });
        for cursor in self.audio() {
            cursor.seek(place, Bias::UnitAfter);
        }
        true
    }
}

fn until_live(index: &impl Index, place: Place, now: Instant) -> Duration {
    let micros = place.time.micros_since(index.live(now).time).max(0);
    Duration::from_micros(micros.unsigned_abs()).min(MAX_WAIT)
}

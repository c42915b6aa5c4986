//! What is skipped for a viewer that is late.

use std::time::{Duration, Instant};

use media::track::{TrackId, TrackKind};

use super::{MIN_LATENESS, Playhead, edge};
use crate::cursor::Fetched;
use crate::index::{Bias, Found, Index, Pace};
use crate::origin::Origin;
use crate::place::Place;

/// A viewer that is later than this skips units: video if there is a newer keyframe, audio always.
const MAX_LATENESS: Duration = Duration::from_millis(800);

impl Playhead {
    /// Moves the video back to the newest keyframe, for a decoder that has lost a reference frame. The video then catches
    /// up with the audio.
    pub fn rewind_video(&mut self, now: Instant) {
        let Some(origin) = self.origin else {
            return;
        };
        self.resuming = false;
        if let Some(cursor) = self.main() {
            cursor.seek(origin.place_at(now), Bias::KeyframeBefore);
        }
    }

    /// Whether a picture is due and has not been returned.
    pub fn has_due_video(&mut self, index: &impl Index, now: Instant) -> bool {
        let Some(origin) = self.origin else {
            return false;
        };
        self.main()
            .is_some_and(|cursor| match cursor.fetch(index, now) {
                Fetched::Unit(place) => origin.instant_of(place.time) <= now,
                _ => false,
            })
    }

    /// How long ago the newest keyframe of a track was live.
    pub fn keyframe_age(
        &self,
        track: TrackId,
        index: &impl Index,
        now: Instant,
    ) -> Option<Duration> {
        let newest = index.newest(track)?;
        let keyframe = last_keyframe(index, track, newest)?;
        let age = edge(index, track, now)
            .time
            .micros_since(keyframe.time)
            .max(0);
        Some(Duration::from_micros(age.unsigned_abs()))
    }

    /// True when the rest of the picture that was returned last need not be sent: it is late, and there is a newer
    /// keyframe to continue with.
    pub fn should_drop_frame(&mut self, index: &impl Index, now: Instant) -> bool {
        let Some(origin) = self.origin else {
            return false;
        };
        let next = self.lead().map(|cursor| cursor.fetch(index, now));
        let Some(Fetched::Unit(place)) = next else {
            return false;
        };
        is_late(origin.instant_of(place.time), now)
            && self.newer_keyframe(index, origin.place_at(now), place)
    }

    /// Skips units when the viewer is late: video up to a newer keyframe, if there is one; audio up to the unit that is due at `now`. True when
    /// something moved. `place`: the earliest next unit, of the cursor of `slot`, which is due at
    /// `due_at`.
    pub(super) fn skip_if_late(
        &mut self,
        index: &impl Index,
        now: Instant,
        slot: usize,
        due_at: Instant,
        place: Place,
    ) -> bool {
        let Some(origin) = self.origin else {
            return false;
        };
        let is_video = self.cursors[slot].kind.is_picture();
        if now.saturating_duration_since(due_at) <= MIN_LATENESS {
            if is_video {
                self.catching_up = None;
            }
            return false;
        }
        // Sound alone is at the edge from the beginning, or its source is late with it.
        if is_video && self.stop_catching_up(index, now) {
            self.skips += 1;
            return true;
        }
        let at_edge = self.at_edge && index.pace() == Pace::Edge;
        if !(at_edge || is_late(due_at, now)) {
            return false;
        }
        let newest = self.newest(index);
        if let Some(newest) = newest.filter(|newest| newest.run == origin.run()) {
            let late = now.saturating_duration_since(origin.instant_of(newest.time));
            // The source is late, not the viewer: the origin moves, so that all further units are due later by the same time.
            if at_edge && late > MIN_LATENESS {
                self.origin = Some(Origin {
                    place: newest,
                    at: now,
                });
                return true;
            }
            if late > MAX_LATENESS {
                self.origin = Some(Origin { place, at: now });
                return true;
            }
        }
        let live = origin.place_at(now);
        let mut moved = false;
        for slot in 0..self.cursors.len() {
            let cursor = &mut self.cursors[slot];
            if cursor.is_idle {
                continue;
            }
            let Fetched::Unit(place) = cursor.fetch(index, now) else {
                continue;
            };
            if place.run != origin.run() || !is_late(origin.instant_of(place.time), now) {
                continue;
            }
            if cursor.kind == TrackKind::Audio {
                cursor.seek(live, Bias::UnitAfter);
            } else if keyframe_between(index, cursor.track, place, live) {
                cursor.seek(live, Bias::KeyframeBefore);
            } else {
                continue;
            }
            self.skips += 1;
            moved = true;
        }
        moved
    }

    /// Whether the leading video can go on with a keyframe that is newer than `place`.
    fn newer_keyframe(&mut self, index: &impl Index, live: Place, place: Place) -> bool {
        let lead = self.lead().map(|lead| lead.track);
        lead.is_some_and(|track| keyframe_between(index, track, place, live))
    }
}

/// Whether a track has a keyframe after one place and not after the other.
pub(super) fn keyframe_between(
    index: &impl Index,
    track: TrackId,
    after: Place,
    until: Place,
) -> bool {
    last_keyframe(index, track, until).is_some_and(|keyframe| keyframe > after && keyframe <= until)
}

/// The last keyframe in memory at or before a place, or else the first one.
pub(super) fn last_keyframe(index: &impl Index, track: TrackId, until: Place) -> Option<Place> {
    let Found::Here(chunk) = index.seek(track, until, Bias::KeyframeBefore) else {
        return None;
    };
    let keyframe = chunk.find(until.time, Bias::KeyframeBefore).unwrap_or(0);
    let unit = chunk.get(keyframe)?;
    Some(Place {
        time: unit.dts,
        ..chunk.key()
    })
}

fn is_late(due: Instant, now: Instant) -> bool {
    now.saturating_duration_since(due) > MAX_LATENESS
}

//! Where a viewer begins, and how it gets to the edge of a live stream.

use std::time::{Duration, Instant};

use media::track::TrackKind;

use super::{Playhead, Step, want};
use crate::cursor::{Cursor, Fetched};
use crate::index::{Bias, Index, Pace};
use crate::origin::Origin;
use crate::place::Place;

/// How long audio waits for the first picture when a stream starts, in microseconds.
const MAX_VIDEO_WAIT: i64 = 1_000_000;
/// The longest part of a GOP that a viewer who joins a live stream is sent to catch up, in microseconds.
const MAX_CATCH_UP: i64 = 10_000_000;
/// The longest part that a viewer is sent who goes on with another track. Its decoder is asked for less than by one that has nothing to show, in microseconds.
const MAX_ENTRY: i64 = 2_000_000;
/// A viewer that has not caught up by then goes on with the next keyframe.
const CATCH_UP_TIME: Duration = Duration::from_secs(1);
/// A viewer at the edge is this much behind its source at most: less is the jitter of its arrivals.
const MAX_BEHIND: Duration = super::MIN_LATENESS;

impl Playhead {
    /// Restarts where viewers join, for a decoder that has lost a reference frame.
    pub fn restart(&mut self) {
        self.origin = None;
    }

    /// Sets all cursors to where the viewer joins. `Some`: it cannot join yet.
    pub(super) fn join(&mut self, index: &impl Index, now: Instant) -> Option<Step> {
        self.at_edge = true;
        self.catching_up = None;
        self.resuming = false;
        match index.pace() {
            Pace::Keyframe => self.join_at_keyframe(index, now),
            Pace::Edge => self.join_at_edge(index, now),
        }
    }

    fn join_at_keyframe(&mut self, index: &impl Index, now: Instant) -> Option<Step> {
        let live = index.live(now);
        let mut first = [None; 2];
        let mut load = None;
        for (slot, cursor) in followed(&mut self.cursors) {
            cursor.seek(live, Bias::KeyframeBefore);
            match cursor.fetch(index, now) {
                Fetched::Unit(place) => {
                    first[usize::from(cursor.kind == TrackKind::Audio)].get_or_insert(place);
                }
                Fetched::Load(want) => load = load.or(Some(want)),
                Fetched::Withdrawn => return Some(Step::Withdrawn(slot)),
                Fetched::NotYet | Fetched::Evicted(_) | Fetched::End => {}
            }
        }
        let has_video = self.video().next().is_some();
        let [video, audio] = first;
        let place = match (has_video, video, audio) {
            (_, Some(place), _) | (false, None, Some(place)) => place,
            // The video of this stream, or its encoder, starts later than the audio.
            (true, None, Some(place))
                if live.time.micros_since(place.time) > MAX_VIDEO_WAIT && load.is_none() =>
            {
                place
            }
            _ => return Some(load.map_or(Step::Starved, Step::Load)),
        };
        for cursor in &mut self.cursors {
            let bias = match cursor.kind {
                TrackKind::Video | TrackKind::Inset if video.is_some() => Bias::KeyframeBefore,
                TrackKind::Video | TrackKind::Inset => Bias::KeyframeAfter,
                TrackKind::Audio => Bias::UnitAfter,
            };
            cursor.seek(place, bias);
        }
        self.origin = Some(Origin { place, at: now });
        None
    }

    /// The newest keyframe at once, then what lies between it and the edge as fast as the path allows. Audio begins at the edge.
    fn join_at_edge(&mut self, index: &impl Index, now: Instant) -> Option<Step> {
        let newest = self.newest(index);
        let Some(edge) = newest else {
            for (slot, cursor) in followed(&mut self.cursors) {
                cursor.seek(Place::default(), Bias::UnitAfter);
                // Registers what it waits for.
                if let Fetched::Withdrawn = cursor.fetch(index, now) {
                    return Some(Step::Withdrawn(slot));
                }
            }
            return Some(Step::Starved);
        };
        for (slot, cursor) in followed(&mut self.cursors) {
            if cursor.kind == TrackKind::Audio {
                cursor.seek(edge, Bias::UnitAfter);
                continue;
            }
            cursor.seek(edge, Bias::KeyframeBefore);
            match cursor.fetch(index, now) {
                Fetched::Unit(place) if place.run == edge.run => {
                    let newest = index.newest(cursor.track).unwrap_or(edge);
                    let behind = newest.time.micros_since(place.time);
                    if behind > MAX_CATCH_UP {
                        // Only the picture itself; moving on would take too long.
                        cursor.stay_until_keyframe(newest);
                        want(&mut self.keyframes_wanted, cursor.track);
                    }
                }
                Fetched::Withdrawn => return Some(Step::Withdrawn(slot)),
                // Of another run, or evicted.
                _ => {
                    cursor.await_keyframe(index, edge);
                    want(&mut self.keyframes_wanted, cursor.track);
                }
            }
        }
        self.origin = Some(Origin {
            place: edge,
            at: now,
        });
        self.catching_up = Some(now + CATCH_UP_TIME);
        None
    }

    /// Goes on in a track that is at the edge already: at its newest keyframe, or when that is too far back, at the next one. The clock and the sound of the
    /// viewer stay as they are.
    pub(super) fn enter(&mut self, slot: usize, index: &impl Index, now: Instant) {
        if index.pace() != Pace::Edge {
            return;
        }
        let due = self.place_at(index, now);
        let newest = self.newest(index).filter(|_| self.at_edge);
        let edge = newest.map_or(due, |newest| newest.max(due));
        let Some(cursor) = self.cursors.get_mut(slot) else {
            return;
        };
        cursor.seek(edge, Bias::KeyframeBefore);
        match cursor.fetch(index, now) {
            Fetched::Unit(place)
                if place.run == edge.run && edge.time.micros_since(place.time) <= MAX_ENTRY =>
            {
                self.catching_up = Some(now + CATCH_UP_TIME);
            }
            // The next step tells.
            Fetched::Withdrawn => {}
            _ => {
                cursor.await_keyframe(index, edge);
                want(&mut self.keyframes_wanted, cursor.track);
            }
        }
    }

    /// For a viewer of a live stream that waits although newer units are there, because the source was late or its clock has stepped: goes to the edge.
    /// True when it moved.
    pub(super) fn return_to_edge(&mut self, index: &impl Index, now: Instant) -> bool {
        let Some(origin) = self.origin else {
            return false;
        };
        if !self.at_edge || index.pace() != Pace::Edge {
            return false;
        }
        let Some(lead) = self.lead().map(|lead| lead.track) else {
            return false;
        };
        let Some(edge) = index.newest(lead).filter(|edge| edge.run == origin.run()) else {
            return false;
        };
        let behind = origin.instant_of(edge.time).saturating_duration_since(now);
        if behind <= MAX_BEHIND {
            return false;
        }
        self.origin = Some(Origin {
            place: edge,
            at: now,
        });
        self.catching_up = Some(now + CATCH_UP_TIME);
        for cursor in self.audio() {
            cursor.seek(edge, Bias::UnitAfter);
        }
        true
    }

    /// Gives up catching up when that takes too long: the next keyframe comes at the edge. True when a cursor moved.
    pub(super) fn stop_catching_up(&mut self, index: &impl Index, now: Instant) -> bool {
        let Some(until) = self.catching_up else {
            return false;
        };
        if now < until {
            return false;
        }
        self.catching_up = None;
        let Some(origin) = self.origin else {
            return false;
        };
        let place = origin.place_at(now);
        let mut tracks = Vec::new();
        for cursor in self.video() {
            cursor.await_keyframe(index, place);
            tracks.push(cursor.track);
        }
        for track in tracks {
            want(&mut self.keyframes_wanted, track);
        }
        true
    }
}

/// The cursors that the source has something for, by their slots.
fn followed(cursors: &mut [Cursor]) -> impl Iterator<Item = (usize, &mut Cursor)> {
    let cursors = cursors.iter_mut().enumerate();
    cursors.filter(|(_, cursor)| !cursor.is_idle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;
    use crate::properties::{AUDIO, VIDEO, both, unit};
    use crate::retention::Retention;
    use media::time::MediaTime;

    /// Joins 9 s into a GOP of 12 s, on a path that takes this long for each picture. Returns when the newest picture was sent, and whether a keyframe
    /// was asked for.
    fn join_on_a_path(picture: Duration) -> (Duration, bool) {
        let start = Instant::now();
        let at = |micros: i64| start + Duration::from_micros(micros.unsigned_abs());
        let mut log = Log::new(Pace::Edge, Retention::default());
        log.set_anchor(MediaTime::ZERO, start);
        let mut appended = 0;
        let mut append_until = |log: &mut Log, now: Instant| {
            while at(appended) <= now {
                log.append(AUDIO, unit(appended, true, 0), now);
                if appended % 40_000 == 0 {
                    log.append(VIDEO, unit(appended, appended == 0, 0), now);
                }
                appended += 20_000;
            }
        };
        let joined = at(9_000_000);
        let (mut now, mut sent_until, mut asked) = (joined, joined, false);
        let mut playhead = both(joined);
        let mut newest = joined;
        while now < joined + Duration::from_secs(2) {
            append_until(&mut log, now);
            // As a shard does: sound goes on while a picture is being sent.
            let step = if now < sent_until {
                playhead.step_audio(&log, now)
            } else {
                playhead.step(&log, now)
            };
            asked |= playhead.take_keyframe_wanted().is_some();
            match step {
                Step::Send(due) if due.slot == 0 => {
                    newest = now;
                    sent_until = now + picture;
                }
                Step::Send(_) => {}
                _ => now += Duration::from_millis(1),
            }
        }
        (newest.saturating_duration_since(joined), asked)
    }

    #[test]
    fn a_viewer_that_has_not_caught_up_after_a_second_waits_for_the_next_keyframe() {
        let (newest, asked) = join_on_a_path(Duration::from_millis(10));
        let expected = Duration::from_millis(900)..Duration::from_millis(1_100);
        assert!(expected.contains(&newest) && asked, "{newest:?}, {asked}");
    }

    #[test]
    fn a_viewer_that_has_caught_up_goes_on_without_a_keyframe() {
        let (newest, asked) = join_on_a_path(Duration::from_millis(3));
        assert!(
            newest > Duration::from_millis(1_900) && !asked,
            "{newest:?}, {asked}"
        );
    }
}

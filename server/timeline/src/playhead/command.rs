//! Pause, seek, another track.

use std::time::{Duration, Instant};

use media::track::{TrackId, TrackKind};

use super::Playhead;
use crate::index::{Bias, Index};
use crate::origin::Origin;
use crate::place::Place;

/// What a viewer asks of its playhead. Absent fields leave things as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Rises with each command: an older one that arrives late is ignored.
    pub id: u64,
    /// True: play. False: pause.
    pub play: Option<bool>,
    pub seek: Option<Target>,
    /// For slots, the tracks to go on with from their next keyframe on.
    pub tracks: Vec<(usize, TrackId)>,
}

/// Where a seek goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Clamped to what there is.
    Place(Place),
    /// Where viewers join.
    Live,
}

/// From a seek to the first sound: the pictures before the target are sent and decoded meanwhile.
const SEEK_LEAD: Duration = Duration::from_millis(20);

impl Playhead {
    /// False: a newer command came before it.
    pub fn apply(&mut self, command: &Command, index: &impl Index, now: Instant) -> bool {
        if command.id <= self.newest_command {
            return false;
        }
        self.newest_command = command.id;
        match command.seek {
            Some(Target::Live) => self.restart(),
            Some(Target::Place(place)) => self.seek(place, index, now),
            None => {}
        }
        match (command.play, self.paused) {
            (Some(false), None) => self.paused = Some(now),
            (Some(true), Some(since)) => {
                self.paused = None;
                let by = now.saturating_duration_since(since);
                self.origin = self.origin.map(|origin| origin.delayed(by));
                self.at_edge = false;
            }
            _ => {}
        }
        for (slot, track) in &command.tracks {
            if let Some(cursor) = self.cursors.get_mut(*slot) {
                cursor.change_to(*track);
            }
        }
        true
    }

    /// Goes on with another rendition from its next keyframe on. A viewer that has not joined joins there.
    pub fn change_track(&mut self, slot: usize, track: TrackId) {
        let has_joined = self.origin.is_some();
        if let Some(cursor) = self.cursors.get_mut(slot) {
            match has_joined {
                true => cursor.change_to(track),
                false => cursor.follow(track),
            }
        }
    }

    /// Whether the source has something for a slot. What it has when it begins again is sent from its newest keyframe on.
    pub fn set_idle(&mut self, slot: usize, idle: bool, index: &impl Index, now: Instant) {
        let Some(cursor) = self.cursors.get_mut(slot) else {
            return;
        };
        let begins = std::mem::replace(&mut cursor.is_idle, idle) && !idle;
        cursor.wait = None;
        if begins && self.origin.is_some() {
            self.enter(slot, index, now);
        }
    }

    /// Goes on with another track of the same kind in place of one that was withdrawn: from its first keyframe of the current run on, or where it is by now.
    pub fn replace(&mut self, slot: usize, track: TrackId, index: &impl Index, now: Instant) {
        let run = index.live(now).run;
        if let Some(cursor) = self.cursors.get_mut(slot) {
            cursor.replace(track, run);
        }
        // In another run the viewer joins anew, as all do.
        if self.origin.is_some_and(|origin| origin.run() != run) {
            self.origin = None;
        }
        if self.origin.is_some() && index.newest(track).is_some_and(|newest| newest.run == run) {
            self.enter(slot, index, now);
        }
    }

    /// The pictures from the keyframe before the place on are sent at once, and stamped when they are sent; audio begins at the place.
    fn seek(&mut self, place: Place, index: &impl Index, now: Instant) {
        let newest = self.newest(index);
        let place = newest.map_or(place, |newest| place.min(newest));
        for cursor in &mut self.cursors {
            let bias = match cursor.kind {
                TrackKind::Video | TrackKind::Inset => Bias::KeyframeBefore,
                TrackKind::Audio => Bias::UnitAfter,
            };
            cursor.seek(place, bias);
        }
        self.origin = Some(Origin {
            place,
            at: now + SEEK_LEAD,
        });
        self.at_edge = false;
        self.catching_up = None;
        self.resuming = false;
        if self.paused.is_some() {
            self.paused = Some(now);
        }
    }
}

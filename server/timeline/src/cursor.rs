//! A playhead's position in one track.

use std::sync::Arc;
use std::time::Instant;

use media::time::MediaTime;
use media::track::{TrackId, TrackKind};

use super::chunk::{Chunk, Next, UnitRef};
use super::index::{Bias, Found, Index, Pace, Want};
use super::place::{Place, RunId, Wait};

/// The next unit of one track, and the track that it changes to.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) track: TrackId,
    pub(super) kind: TrackKind,
    position: Position,
    /// After the next unit, the first keyframe after this place is sought.
    then: Option<Place>,
    change: Option<Change>,
    /// The viewer time of the last unit.
    pub(super) last: MediaTime,
    /// What it waits for.
    pub(super) wait: Option<Wait>,
    /// The source has nothing for it at present.
    pub(super) is_idle: bool,
}

/// Another track to go on with.
#[derive(Debug)]
struct Change {
    track: TrackId,
    /// The keyframe to begin with is its first one from here on, once that is known.
    since: Option<Place>,
    keyframe: Option<UnitRef>,
}

#[derive(Debug)]
enum Position {
    /// This unit of a chunk in memory, which may not have been appended yet.
    At(Arc<Chunk>, u16),
    /// To be looked up.
    Seek(Place, Bias),
}

/// What a cursor has next.
#[derive(Debug)]
pub(super) enum Fetched {
    /// In memory, at this place; [`Cursor::unit`] returns it.
    Unit(Place),
    /// Not appended yet; [`Cursor::wait`] says what to wait for.
    NotYet,
    Load(Want),
    /// What follows this place has been evicted, and what comes then cannot be decoded from there.
    Evicted(Place),
    End,
    Withdrawn,
}

/// Look-ups for one unit; more mean that the index contradicts itself.
const MAX_LOOKUPS: usize = 8;

impl Cursor {
    pub(super) fn new(track: TrackId, kind: TrackKind, last: MediaTime) -> Self {
        Self {
            track,
            kind,
            position: Position::Seek(Place::default(), Bias::UnitAfter),
            then: None,
            change: None,
            last,
            wait: None,
            is_idle: false,
        }
    }

    pub(super) fn seek(&mut self, place: Place, bias: Bias) {
        self.then = None;
        self.position = Position::Seek(place, bias);
    }

    /// Goes on with the next keyframe: one that is appended from now on, or at `place` at the latest. The source may be late, so that the keyframe it is asked
    /// for now comes before the place that is due; an encoder that has just been started begins with what was sent before.
    pub(super) fn await_keyframe(&mut self, index: &impl Index, place: Place) {
        let newest = index.newest(self.track);
        let next = newest.map_or(beginning(place.run), |newest| newest.plus_micros(1));
        let next = place.min(next);
        self.seek(next, Bias::KeyframeAfter);
    }

    /// Sends the unit that it is at, and then goes on with the first keyframe after `place`.
    pub(super) fn stay_until_keyframe(&mut self, place: Place) {
        self.then = Some(place);
    }

    /// The unit that was fetched.
    pub(super) fn unit(&self) -> Option<UnitRef> {
        match &self.position {
            Position::At(chunk, unit) => UnitRef::new(chunk, *unit),
            Position::Seek(..) => None,
        }
    }

    /// Moves past the unit that was fetched.
    pub(super) fn advance(&mut self) {
        if let Some(place) = self.then.take() {
            self.seek(place, Bias::KeyframeAfter);
        } else if let Position::At(_, unit) = &mut self.position {
            *unit += 1;
        }
    }

    /// The next unit. Without a look-up, and so without the log's lock, while the chunk has one.
    pub(super) fn fetch(&mut self, index: &impl Index, now: Instant) -> Fetched {
        for _ in 0..MAX_LOOKUPS {
            let (found, sought) = match &self.position {
                Position::At(chunk, unit) => match chunk.next(*unit) {
                    Next::Here => {
                        let place = chunk.place(*unit);
                        return place.map_or(Fetched::NotYet, Fetched::Unit);
                    }
                    Next::NotYet => return self.wait_for(Some(chunk.key())),
                    Next::Elsewhere => (index.next(self.track, chunk.key()), None),
                },
                Position::Seek(place, bias) => {
                    let found = index.seek(self.track, *place, *bias);
                    (found, Some((*place, *bias)))
                }
            };
            match (found, sought) {
                (Found::Here(chunk), None) => {
                    let follows = self.chunk_key() == chunk.follows();
                    if !(follows || chunk.begins_with_keyframe()) {
                        return Fetched::Evicted(self.passed());
                    }
                    self.position = Position::At(chunk, 0);
                }
                (Found::Here(chunk), Some((place, bias))) => {
                    let time = if chunk.key().run == place.run {
                        place.time
                    } else {
                        // In another run, its beginning.
                        chunk.key().time
                    };
                    let unit = chunk.find(time, bias).unwrap_or(0);
                    self.position = Position::At(chunk, unit);
                }
                (Found::Gap(until), sought) => {
                    let bias = sought.map_or(Bias::KeyframeAfter, |(_, bias)| bias);
                    let bias = match bias {
                        Bias::KeyframeBefore => Bias::KeyframeAfter,
                        other => other,
                    };
                    self.position = Position::Seek(until, bias);
                }
                (Found::Away(place) | Found::Unmapped(place, _), _) => {
                    return Fetched::Load(Want {
                        track: self.track,
                        place,
                        deadline: now,
                    });
                }
                (Found::Live, _) => return self.wait_for(self.chunk_key()),
                (Found::End, _) => return Fetched::End,
                (Found::Withdrawn, _) => return Fetched::Withdrawn,
            }
        }
        Fetched::Evicted(self.passed())
    }

    /// The unit before the next one, as far as that is known.
    fn passed(&self) -> Place {
        match &self.position {
            Position::At(chunk, unit) => {
                let passed = chunk.place(unit.saturating_sub(1));
                passed.unwrap_or(chunk.key())
            }
            Position::Seek(place, _) => *place,
        }
    }

    /// True when it goes on with a keyframe that is not there yet.
    pub(super) fn awaits_keyframe(&self) -> bool {
        matches!(self.position, Position::Seek(_, Bias::KeyframeAfter))
    }

    fn wait_for(&mut self, chunk: Option<Place>) -> Fetched {
        self.wait = Some(Wait {
            track: self.track,
            chunk,
        });
        Fetched::NotYet
    }

    /// The chunk that it is in.
    fn chunk_key(&self) -> Option<Place> {
        match &self.position {
            Position::At(chunk, _) => Some(chunk.key()),
            Position::Seek(..) => None,
        }
    }

    /// Goes on with another track from its next keyframe on.
    pub(super) fn change_to(&mut self, track: TrackId) {
        let is_known = |change: &Change| change.track == track;
        if track == self.track {
            self.change = None;
        } else if !self.change.as_ref().is_some_and(is_known) {
            self.change = Some(Change {
                track,
                since: None,
                keyframe: None,
            });
        }
    }

    /// Goes on with another track, from its first keyframe of a run on.
    pub(super) fn replace(&mut self, track: TrackId, run: RunId) {
        self.follow(track);
        self.seek(beginning(run), Bias::KeyframeAfter);
    }

    /// Goes on with another track. Its place is to be sought.
    pub(super) fn follow(&mut self, track: TrackId) {
        self.track = track;
        self.change = None;
        self.wait = None;
    }

    /// The track whose next keyframe it waits for.
    pub(super) fn changes_to(&self) -> Option<TrackId> {
        let change = self.change.as_ref()?;
        change.keyframe.is_none().then_some(change.track)
    }

    /// Changes to the other track if its keyframe is due before the unit at `next`, which would be next in this one, or with it. Renditions of one source have
    /// their keyframes at the same places, so that nothing is missing in between. At the edge of a live stream the units of the larger track come later, and
    /// the change is made at a keyframe that is just past: what was shown since is sent again.
    pub(super) fn try_change(&mut self, index: &impl Index, next: Place) -> bool {
        let Some(change) = &mut self.change else {
            return false;
        };
        let since = match index.pace() {
            Pace::Keyframe => next,
            Pace::Edge => {
                let just_past = next.plus_micros(-MAX_BACK);
                let since = change.since.get_or_insert(just_past);
                // The run before is over.
                *since = (*since).max(beginning(next.run));
                *since
            }
        };
        if change.keyframe.is_none()
            && let Found::Here(chunk) = index.seek(change.track, since, Bias::KeyframeAfter)
        {
            let from_beginning = chunk.key().run != since.run;
            let found = chunk.find(since.time, Bias::KeyframeAfter);
            change.keyframe = UnitRef::new(&chunk, found.filter(|_| !from_beginning).unwrap_or(0));
        }
        let Some(keyframe) = &change.keyframe else {
            return false;
        };
        if keyframe.place() > next.plus_micros(SAME_INSTANT) {
            return false;
        }
        self.position = Position::At(Arc::clone(keyframe.chunk()), keyframe.index());
        self.track = change.track;
        self.change = None;
        true
    }
}

fn beginning(run: RunId) -> Place {
    Place {
        run,
        time: MediaTime(i64::MIN),
    }
}

/// In microseconds: pictures of two renditions that show the same instant are this close.
const SAME_INSTANT: i64 = 8_000;
/// In microseconds: the pictures that are sent again when a viewer changes to a track at a keyframe that is past already.
const MAX_BACK: i64 = 200_000;

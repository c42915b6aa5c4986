//! A viewer's position in a log.
//!
//! | module | content |
//! |---|---|
//! | `joining` | where a viewer begins, and how it gets to the edge of a live stream |
//! | `lateness` | what is skipped for a viewer that is late |
//! | `resuming` | how it goes on at a keyframe that its decoder needs |
//! | `command` | pause, seek, another track |

mod command;
mod joining;
mod lateness;
mod resuming;

use std::time::{Duration, Instant};

use media::time::MediaTime;
use media::track::{TrackId, TrackKind};

pub use self::command::{Command, Target};

use super::chunk::UnitRef;
use super::cursor::{Cursor, Fetched};
use super::index::{Bias, Index, Pace, Want};
use super::origin::Origin;
use super::place::{Place, Wait};

/// A viewer's cursors, one for each track that it follows, and the clock that all of them follow.
///
/// Two maps lead from the media to the viewer. Media time to the viewer's clock: the origin, which moves when the viewer joins, seeks, pauses or skips.
/// The viewer's clock to RTP: begins when the playhead is created, and never jumps, scales or stops. So RTP timestamps made from
/// [`DueUnit::viewer_time`] are continuous, and one sender report maps all tracks.
#[derive(Debug)]
pub struct Playhead {
    started: Instant,
    cursors: Vec<Cursor>,
    origin: Option<Origin>,
    /// True while the viewer is to be at the edge of a live stream.
    at_edge: bool,
    /// Until then a viewer that has just joined may catch up picture by picture.
    catching_up: Option<Instant>,
    /// The video goes on at a keyframe, which is due as soon as it is there.
    resuming: bool,
    paused: Option<Instant>,
    /// True after [`Step::Load`].
    loading: bool,
    /// Tracks that cannot go on without a keyframe, each once.
    keyframes_wanted: Vec<TrackId>,
    newest_command: u64,
    skips: u64,
}

/// The next action of a viewer.
#[derive(Debug)]
pub enum Step {
    /// Send this unit now, then call again.
    Send(DueUnit),
    /// No unit is due before this instant.
    Wait(Instant),
    /// This chunk is needed; call again when it is there.
    Load(Want),
    /// All appended units have been sent; call again when one of [`Playhead::waits`] has grown.
    Starved,
    /// Paused; call again after a command.
    Held,
    /// The end of the media.
    End,
    /// The source does not offer the track of this slot any more, and all its units have been sent. [`Playhead::replace`] goes on with another one.
    Withdrawn(usize),
    /// The stream was stopped.
    Closed,
}

/// A unit that is due.
#[derive(Clone, Debug)]
pub struct DueUnit {
    /// The index of the track among those that the playhead was created with; it stays when the viewer changes to another rendition.
    pub slot: usize,
    pub unit: UnitRef,
    /// When it is shown on the viewer's clock, which starts when the playhead is created.
    pub viewer_time: MediaTime,
    /// The earliest instant at which it could have been sent.
    pub due_at: Instant,
}

/// Pictures that are less late than this get the timestamp at which they were due.
const MIN_LATENESS: Duration = Duration::from_millis(150);
/// Moves in one step; more mean that the source contradicts itself. Then the viewer waits.
const MAX_MOVES: usize = 8;
const MOVE_INTERVAL: Duration = Duration::from_millis(10);
/// The minimum viewer time between two units of a track, in microseconds.
const MIN_STEP: i64 = 200;

impl Playhead {
    /// A playhead that follows these tracks from the place where viewers join. The first video track leads; without one, the first track.
    pub fn new(tracks: impl IntoIterator<Item = (TrackId, TrackKind)>, now: Instant) -> Self {
        let tracks = tracks.into_iter();
        Self {
            started: now,
            cursors: tracks
                .map(|(track, kind)| Cursor::new(track, kind, MediaTime(-MIN_STEP)))
                .collect(),
            origin: None,
            at_edge: true,
            catching_up: None,
            resuming: false,
            paused: None,
            loading: false,
            keyframes_wanted: Vec::new(),
            newest_command: 0,
            skips: 0,
        }
    }

    /// How often units were skipped because the viewer was too slow.
    pub fn skips(&self) -> u64 {
        self.skips
    }

    /// `now` on the viewer's clock.
    pub fn clock(&self, now: Instant) -> MediaTime {
        micros(now.saturating_duration_since(self.started))
    }

    /// What the viewer waits for after [`Step::Starved`].
    pub fn waits(&self) -> impl Iterator<Item = Wait> {
        self.cursors.iter().filter_map(|cursor| cursor.wait)
    }

    /// The track of a slot: not always the one that the playhead was created with.
    pub fn track(&self, slot: usize) -> Option<TrackId> {
        self.cursors.get(slot).map(|cursor| cursor.track)
    }

    /// A track whose source is to be asked for a keyframe; `None` until there is another need.
    pub fn take_keyframe_wanted(&mut self) -> Option<TrackId> {
        self.keyframes_wanted.pop()
    }

    /// The next unit, if one is due.
    pub fn step(&mut self, index: &impl Index, now: Instant) -> Step {
        self.step_of(None, index, now)
    }

    /// As [`Self::step`], for audio only: while a picture is still being sent.
    pub fn step_audio(&mut self, index: &impl Index, now: Instant) -> Step {
        self.step_of(Some(TrackKind::Audio), index, now)
    }

    fn step_of(&mut self, only: Option<TrackKind>, index: &impl Index, now: Instant) -> Step {
        for _ in 0..MAX_MOVES {
            if let Some(step) = self.try_step(only, index, now) {
                return step;
            }
        }
        Step::Wait(now + MOVE_INTERVAL)
    }

    /// `None`: the playhead moved; try again.
    fn try_step(
        &mut self,
        only: Option<TrackKind>,
        index: &impl Index,
        now: Instant,
    ) -> Option<Step> {
        if index.is_closed() {
            return Some(Step::Closed);
        }
        if self.paused.is_some() {
            return Some(Step::Held);
        }
        for cursor in &mut self.cursors {
            cursor.wait = None;
        }
        if self.origin.is_none()
            && let Some(step) = self.join(index, now)
        {
            return Some(step);
        }
        if self.resuming && self.resume(index, now) {
            return None;
        }
        let (slot, place) = match self.earliest(only, index, now) {
            Ok(earliest) => earliest,
            Err(step) => return Some(step),
        };
        let origin = match self.origin {
            Some(origin) if origin.run() == place.run => origin,
            // Nothing is left of the run before: the viewer joins the next one.
            _ => {
                self.origin = None;
                return None;
            }
        };
        let mut due_at = origin.instant_of(place.time);
        if std::mem::take(&mut self.loading) && due_at < now {
            // The disk was late, not the viewer.
            self.origin = Some(Origin { place, at: now });
            due_at = now;
        }
        if self.skip_if_late(index, now, slot, due_at, place) {
            return None;
        }
        if due_at > now {
            let moved = self.return_to_edge(index, now);
            return (!moved).then_some(Step::Wait(due_at));
        }
        self.send(slot, due_at, now)
    }

    /// The earliest next unit of the cursors, or what to do when there is none.
    fn earliest(
        &mut self,
        only: Option<TrackKind>,
        index: &impl Index,
        now: Instant,
    ) -> Result<(usize, Place), Step> {
        let mut earliest: Option<(usize, Place)> = None;
        let mut load = None;
        let (mut ended, mut followed) = (0, 0);
        for (slot, cursor) in self.cursors.iter_mut().enumerate() {
            if cursor.is_idle || only.is_some_and(|only| only != cursor.kind) {
                continue;
            }
            followed += 1;
            let mut fetched = cursor.fetch(index, now);
            if let Fetched::Evicted(place) = fetched {
                self.skips += 1;
                let edge = edge(index, cursor.track, now);
                if lateness::keyframe_between(index, cursor.track, place, edge) {
                    self.origin = None;
                    return Err(self.join(index, now).unwrap_or(Step::Wait(now)));
                }
                // The only keyframe in memory has been sent: what followed it was too much to keep.
                cursor.seek(edge.max(place.plus_micros(1)), Bias::KeyframeAfter);
                fetched = cursor.fetch(index, now);
            }
            if let Fetched::Unit(place) = fetched
                && cursor.try_change(index, place)
            {
                fetched = cursor.fetch(index, now);
            }
            let mut keyframe_wanted = cursor.changes_to();
            match fetched {
                Fetched::Unit(place) => {
                    if earliest.is_none_or(|(_, other)| place < other) {
                        earliest = Some((slot, place));
                    }
                }
                Fetched::NotYet | Fetched::Evicted(_) => {
                    // Else it might wait for ever.
                    if cursor.awaits_keyframe() {
                        keyframe_wanted = Some(cursor.track);
                    }
                }
                Fetched::Load(want) => {
                    // The one that is needed first.
                    if load.is_none_or(|other: Want| want.place < other.place) {
                        load = Some(want);
                    }
                }
                Fetched::Withdrawn => return Err(Step::Withdrawn(slot)),
                Fetched::End => ended += 1,
            }
            if let Some(track) = keyframe_wanted {
                want(&mut self.keyframes_wanted, track);
            }
        }
        let loaded_first =
            |(_, place): &(usize, Place)| load.is_none_or(|want| *place <= want.place);
        match (earliest.filter(loaded_first), load) {
            (Some(earliest), _) => Ok(earliest),
            (None, Some(want)) => {
                self.loading = true;
                Err(Step::Load(want))
            }
            (None, None) if ended > 0 && ended == followed => Err(Step::End),
            (None, None) => Err(Step::Starved),
        }
    }

    /// Moves the cursor past its unit, and stamps that.
    fn send(&mut self, slot: usize, due_at: Instant, now: Instant) -> Option<Step> {
        let cursor = &mut self.cursors[slot];
        let unit = cursor.unit()?;
        cursor.advance();
        // A late picture gets a late timestamp. Otherwise the receiver would delay the audio to keep both in sync.
        let is_late =
            cursor.kind.is_picture() && now.saturating_duration_since(due_at) > MIN_LATENESS;
        let shown = if is_late { now } else { due_at };
        let decoded = micros(shown.saturating_duration_since(self.started))
            .max(cursor.last.plus_micros(MIN_STEP));
        cursor.last = decoded;
        let reordering = unit.unit().pts.micros_since(unit.unit().dts).max(0);
        Some(Step::Send(DueUnit {
            slot,
            unit,
            viewer_time: decoded.plus_micros(reordering),
            due_at,
        }))
    }

    /// The cursor that decides where the viewer is.
    fn lead(&mut self) -> Option<&mut Cursor> {
        let video = |cursor: &Cursor| cursor.kind == TrackKind::Video;
        let lead = self.cursors.iter().position(video).unwrap_or(0);
        self.cursors.get_mut(lead)
    }

    /// The first picture.
    fn main(&mut self) -> Option<&mut Cursor> {
        let mut cursors = self.cursors.iter_mut();
        cursors.find(|cursor| cursor.kind == TrackKind::Video)
    }

    /// All pictures.
    fn video(&mut self) -> impl Iterator<Item = &mut Cursor> {
        let cursors = self.cursors.iter_mut();
        cursors.filter(|cursor| cursor.kind.is_picture() && !cursor.is_idle)
    }

    fn audio(&mut self) -> impl Iterator<Item = &mut Cursor> {
        let cursors = self.cursors.iter_mut();
        cursors.filter(|cursor| cursor.kind == TrackKind::Audio)
    }

    /// The newest unit of all tracks that it follows.
    fn newest(&self, index: &impl Index) -> Option<Place> {
        let tracks = self.cursors.iter().map(|cursor| cursor.track);
        tracks.filter_map(|track| index.newest(track)).max()
    }

    /// The place that is due at `now`.
    fn place_at(&self, index: &impl Index, now: Instant) -> Place {
        self.origin
            .map_or_else(|| index.live(now), |origin| origin.place_at(now))
    }
}

/// The newest place at which viewers may join a track.
fn edge(index: &impl Index, track: TrackId, now: Instant) -> Place {
    match index.pace() {
        Pace::Keyframe => index.live(now),
        Pace::Edge => index.newest(track).unwrap_or_default(),
    }
}

fn want(keyframes: &mut Vec<TrackId>, track: TrackId) {
    if !keyframes.contains(&track) {
        keyframes.push(track);
    }
}

fn micros(duration: Duration) -> MediaTime {
    MediaTime(duration.as_micros() as i64)
}

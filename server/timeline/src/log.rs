//! The log of one stream, in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Instant, SystemTime};

use media::time::MediaTime;
use media::track::TrackId;

use super::index::{Bias, Found, Index, Pace};
use super::place::{ChunkKey, Place, RunId, Wait};
use super::retention::Retention;
use super::track::Track;
use super::unit::Unit;

/// What a source has appended, by track, and the mapping from its clock to the wall clock.
#[derive(Debug)]
pub struct Log {
    tracks: BTreeMap<TrackId, Track>,
    /// The runs that may still be in memory. Never empty; the last one is being appended to.
    runs: VecDeque<Run>,
    pace: Pace,
    retention: Retention,
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    id: RunId,
    /// When its decode time zero was, by the clock on the wall.
    epoch: Option<SystemTime>,
    anchor: Option<Anchor>,
}

/// `time` is live at the instant `at`.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    time: MediaTime,
    at: Instant,
}

/// Older runs than these are not kept in mind: a publisher that returns again and again must not fill the memory.
const MAX_RUNS: usize = 64;

impl Log {
    pub fn new(pace: Pace, retention: Retention) -> Self {
        let first = Run {
            id: RunId(0),
            epoch: None,
            anchor: None,
        };
        Self {
            tracks: BTreeMap::new(),
            runs: VecDeque::from([first]),
            pace,
            retention,
            closed: false,
        }
    }

    /// Begins another run: decode times need not rise from the run before.
    pub fn begin_run(&mut self, epoch: Option<SystemTime>) -> RunId {
        let id = RunId(self.run().id.0.wrapping_add(1));
        if self.runs.len() == MAX_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(Run {
            id,
            epoch,
            anchor: None,
        });
        id
    }

    fn run(&self) -> &Run {
        self.runs.back().expect("never empty")
    }

    /// When decode time zero of a run was, by the clock on the wall; `None` while that is unknown.
    pub fn epoch(&self, run: RunId) -> Option<SystemTime> {
        self.runs.iter().find(|known| known.id == run)?.epoch
    }

    /// Sets the mapping of the current run to the wall clock: `time` is live at `at`.
    pub fn set_anchor(&mut self, time: MediaTime, at: Instant) {
        let wall = SystemTime::now();
        let run = self.runs.back_mut().expect("never empty");
        run.anchor = Some(Anchor { time, at });
        let zero = std::time::Duration::from_micros(time.0.unsigned_abs());
        run.epoch = run.epoch.or_else(|| wall.checked_sub(zero));
    }

    /// Appends a unit, and evicts what no viewer can need. Returns who is to be woken; `None`: the unit was refused, because there is no keyframe to
    /// decode it from, or because its decode time does not rise.
    pub fn append(&mut self, track: TrackId, unit: Unit, now: Instant) -> Option<Wait> {
        let run = self.run().id;
        let chunk = self.tracks.entry(track).or_default().append(run, unit)?;
        let live = self.live(now);
        let longest = self.tracks.values().map(Track::longest_gop).max();
        let slack = self.retention.slack.as_micros() as i64;
        let horizon = live.plus_micros(-(2 * longest.unwrap_or(0) + slack));
        if let Some(track) = self.tracks.get_mut(&track) {
            track.note_appended(now);
            track.trim(live, horizon, &self.retention);
        }
        self.expire(now);
        self.trim_to_total(live);
        Some(Wait { track, chunk })
    }

    /// Forgets tracks that are not in use any more: also to be called now and then, while nothing is appended.
    pub fn expire(&mut self, now: Instant) {
        for track in self.tracks.values_mut() {
            track.expire(now, self.retention.unused);
        }
    }

    fn trim_to_total(&mut self, live: Place) {
        while self.bytes() > self.retention.total {
            let mut tracks: Vec<_> = self.tracks.values_mut().collect();
            tracks.sort_by_key(|track| Reverse((track.is_unused(), track.bytes())));
            // The largest may be one GOP that is being written.
            if !tracks.into_iter().any(|track| track.shrink(live)) {
                return;
            }
        }
    }

    /// As [`Log::append`]: a unit of this run, which is refused when another one has begun.
    pub fn append_in(
        &mut self,
        run: RunId,
        track: TrackId,
        unit: Unit,
        now: Instant,
    ) -> Option<Wait> {
        match self.run().id == run {
            true => self.append(track, unit, now),
            false => None,
        }
    }

    /// Drops the units of a track that is no longer encoded, so that no viewer joins on an old one.
    pub fn clear(&mut self, track: TrackId) {
        if let Some(track) = self.tracks.get_mut(&track) {
            track.clear();
        }
    }

    /// The source uses these tracks, and no others of those that it has appended to: the others go soon, also where nobody was offered them.
    pub fn set_used(&mut self, used: &BTreeSet<TrackId>, now: Instant) {
        for (id, track) in &mut self.tracks {
            track.set_used(used.contains(id), now);
        }
    }

    /// The source does not offer this track any more: its viewers end after its last unit. Returns who is to be woken.
    pub fn withdraw(&mut self, track: TrackId) -> Wait {
        let chunk = self.tracks.entry(track).or_default().withdraw();
        Wait { track, chunk }
    }

    /// The source offers a track again: nobody joins on what it had before it was withdrawn.
    pub fn restore(&mut self, track: TrackId) {
        if let Some(track) = self.tracks.get_mut(&track) {
            track.restore();
        }
    }

    /// The tracks that anything was appended to.
    pub fn tracks(&self) -> impl Iterator<Item = TrackId> {
        self.tracks.keys().copied()
    }

    /// Ends the stream: for every viewer, at once.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Bytes of all units in memory.
    pub fn bytes(&self) -> usize {
        self.tracks.values().map(Track::bytes).sum()
    }

    #[cfg(test)]
    pub(super) fn units(&self, track: TrackId) -> usize {
        self.tracks.get(&track).map_or(0, Track::units)
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new(Pace::default(), Retention::default())
    }
}

impl Index for Log {
    fn seek(&self, track: TrackId, place: Place, bias: Bias) -> Found {
        let track = self.tracks.get(&track);
        track.map_or(Found::Live, |track| track.seek(place, bias))
    }

    fn next(&self, track: TrackId, after: ChunkKey) -> Found {
        let track = self.tracks.get(&track);
        track.map_or(Found::Live, |track| track.next(after))
    }

    fn newest(&self, track: TrackId) -> Option<Place> {
        self.tracks.get(&track)?.newest()
    }

    fn live(&self, now: Instant) -> Place {
        let run = self.run();
        let time = run.anchor.map_or(MediaTime::ZERO, |Anchor { time, at }| {
            let ahead = now.saturating_duration_since(at).as_micros() as i64;
            let behind = at.saturating_duration_since(now).as_micros() as i64;
            time.plus_micros(ahead - behind)
        });
        Place { run: run.id, time }
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn is_closed(&self) -> bool {
        self.closed
    }
}

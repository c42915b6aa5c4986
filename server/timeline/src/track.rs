//! The chunks of one track in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::time::MediaTime;

use super::chunk::Chunk;
use super::index::{Bias, Found};
use super::place::{ChunkKey, Place, RunId};
use super::retention::Retention;
use super::unit::Unit;

/// Invariants: a track's first unit is a keyframe; decode times strictly rise within a run; runs rise.
#[derive(Debug, Default)]
pub(super) struct Track {
    chunks: BTreeMap<ChunkKey, Resident>,
    /// The chunks that begin with a keyframe.
    heads: BTreeSet<ChunkKey>,
    writer: Option<Writer>,
    bytes: usize,
    /// The longest GOP so far in microseconds, the open one included.
    longest_gop: i64,
    withdrawn: bool,
    /// The source does not use it any more: since when nothing was appended to it.
    unused: Option<Instant>,
}

#[derive(Debug)]
struct Resident {
    chunk: Arc<Chunk>,
    bytes: usize,
}

/// The end of the track.
#[derive(Debug)]
struct Writer {
    chunk: Arc<Chunk>,
    units: usize,
    bytes: usize,
    newest: MediaTime,
    /// True when the newest unit is a keyframe.
    at_keyframe: bool,
    /// Where the newest GOP begins.
    gop: MediaTime,
}

impl Track {
    /// The chunk at whose end viewers may wait for this unit, `Some(None)` at the beginning of the track. `None`: the unit was refused, because there is
    /// no keyframe to decode it from, or because its decode time does not rise.
    pub(super) fn append(&mut self, run: RunId, unit: Unit) -> Option<Option<ChunkKey>> {
        self.withdrawn = false;
        let bytes = unit.payloads.unit().len();
        let dts = unit.dts;
        let key = Place { run, time: dts };
        let Some(writer) = self.writer.as_mut().filter(|writer| writer.run() == run) else {
            if !unit.keyframe {
                return None;
            }
            let ended = self.close();
            self.begin(key, None, unit, bytes);
            return Some(ended);
        };
        if dts <= writer.newest {
            return None;
        }
        let waiting = Some(writer.chunk.key());
        let fits = writer.units < Chunk::MAX_UNITS
            && writer.bytes + bytes <= Chunk::MAX_BYTES
            && dts.micros_since(writer.chunk.key().time) < Chunk::MAX_LENGTH
            && (!unit.keyframe || writer.at_keyframe);
        self.longest_gop = self.longest_gop.max(dts.micros_since(writer.gop));
        if !fits {
            self.close();
            self.begin(key, waiting, unit, bytes);
            return Some(waiting);
        }
        writer.newest = dts;
        writer.at_keyframe = unit.keyframe;
        if unit.keyframe {
            writer.gop = dts;
        }
        writer.chunk.set(writer.units, unit);
        writer.units += 1;
        writer.bytes += bytes;
        self.bytes += bytes;
        if let Some(resident) = self.chunks.get_mut(&writer.chunk.key()) {
            resident.bytes = writer.bytes;
        }
        Some(waiting)
    }

    fn begin(&mut self, key: ChunkKey, follows: Option<ChunkKey>, unit: Unit, bytes: usize) {
        let keyframe = unit.keyframe;
        let gop = match self.writer.take() {
            Some(before) if !keyframe => before.gop,
            _ => key.time,
        };
        let chunk = Arc::new(Chunk::new(key, follows, unit));
        self.writer = Some(Writer {
            chunk: Arc::clone(&chunk),
            units: 1,
            bytes,
            newest: key.time,
            at_keyframe: keyframe,
            gop,
        });
        self.bytes += bytes;
        self.chunks.insert(key, Resident { chunk, bytes });
        if keyframe {
            self.heads.insert(key);
        }
    }

    /// Closes the open chunk, so that the next unit begins another; returns its key.
    pub(super) fn close(&mut self) -> Option<ChunkKey> {
        let writer = self.writer.as_ref()?;
        writer.chunk.close();
        Some(writer.chunk.key())
    }

    /// The source does not offer the track any more.
    pub(super) fn withdraw(&mut self) -> Option<ChunkKey> {
        self.withdrawn = true;
        self.close()
    }

    /// Forgets the units from before it was withdrawn. Without effect when something was appended since.
    pub(super) fn restore(&mut self) {
        if self.withdrawn {
            self.clear();
        }
    }

    pub(super) fn newest(&self) -> Option<Place> {
        let writer = self.writer.as_ref()?;
        Some(Place {
            run: writer.run(),
            time: writer.newest,
        })
    }

    pub(super) fn longest_gop(&self) -> i64 {
        self.longest_gop
    }

    pub(super) fn seek(&self, place: Place, bias: Bias) -> Found {
        let found = match bias {
            Bias::KeyframeBefore => {
                let beginning = Place {
                    time: MediaTime(i64::MIN),
                    ..place
                };
                let before = self.heads.range(beginning..=place).next_back();
                let first = self.heads.range(beginning..).next();
                let head = before.or(first);
                head.and_then(|head| self.chunks.get(head))
            }
            Bias::KeyframeAfter => {
                // A chunk of many keyframes may begin before the place and end after it.
                let before = self.heads.range(..place).next_back();
                let after = self.heads.range(place..).next();
                let mut heads = before.into_iter().chain(after);
                heads.find_map(|head| {
                    let resident = self.chunks.get(head)?;
                    let here = resident.chunk.key() >= place
                        || resident.chunk.key().run == place.run
                            && resident.chunk.find(place.time, bias).is_some();
                    here.then_some(resident)
                })
            }
            Bias::UnitAfter => {
                let before = self.chunks.range(..place).next_back();
                let after = self.chunks.range(place..).next();
                before
                    .into_iter()
                    .filter(|(key, resident)| {
                        key.run == place.run && resident.chunk.find(place.time, bias).is_some()
                    })
                    .chain(after)
                    .map(|(_, resident)| resident)
                    .next()
            }
        };
        match found {
            Some(resident) => Found::Here(Arc::clone(&resident.chunk)),
            None => self.edge(),
        }
    }

    pub(super) fn next(&self, after: ChunkKey) -> Found {
        let from = after.plus_micros(1);
        match self.chunks.range(from..).next() {
            Some((_, resident)) => Found::Here(Arc::clone(&resident.chunk)),
            None => self.edge(),
        }
    }

    fn edge(&self) -> Found {
        if self.withdrawn {
            Found::Withdrawn
        } else {
            Found::Live
        }
    }

    /// Whether the source uses the track: it offers the track, or encodes it again.
    pub(super) fn set_used(&mut self, used: bool, now: Instant) {
        self.unused = match used {
            true => None,
            false => self.unused.or(Some(now)),
        };
    }

    pub(super) fn is_unused(&self) -> bool {
        self.unused.is_some()
    }

    /// Something was appended.
    pub(super) fn note_appended(&mut self, now: Instant) {
        self.unused = self.unused.map(|_| now);
    }

    /// Forgets its units when it has not been in use for this long.
    pub(super) fn expire(&mut self, now: Instant, after: Duration) {
        let is_over = |since| now.saturating_duration_since(since) >= after;
        if self.bytes > 0 && self.unused.is_some_and(is_over) {
            self.release();
        }
    }

    /// Evicts what no viewer needs. `live`: viewers join at the newest keyframe at or before it.
    pub(super) fn trim(&mut self, live: Place, horizon: Place, retention: &Retention) {
        while let Some((&oldest, _)) = self.chunks.first_key_value() {
            let next = self.chunks.keys().nth(1);
            let is_past = next.is_some_and(|next| *next < horizon);
            if !(is_past && self.precedes_entry(oldest, live)) {
                break;
            }
            self.evict(oldest);
        }
        while self.bytes > retention.bytes && self.shrink(live) {}
    }

    /// Evicts what viewers have least need of: all of it when it is not in use; else the oldest chunk before the keyframe that they join at, or, when the newest
    /// GOP alone is too large, what follows its keyframe, and then what is older than the newest chunks. False: nothing can go.
    pub(super) fn shrink(&mut self, live: Place) -> bool {
        if self.is_unused() && self.bytes > 0 {
            self.release();
            return true;
        }
        let Some((&oldest, _)) = self.chunks.first_key_value() else {
            return false;
        };
        let open = self.writer.as_ref().map(|writer| writer.chunk.key());
        let mut rest = self.chunks.keys().skip(1);
        let evicted = match self.precedes_entry(oldest, live) {
            true => Some(oldest),
            false => rest.find(|key| Some(**key) != open).copied(),
        };
        evicted.inspect(|key| self.evict(*key)).is_some()
    }

    /// The chunk is older than the keyframe that viewers join at.
    fn precedes_entry(&self, chunk: ChunkKey, live: Place) -> bool {
        let entry = self.heads.range(..=live).next_back();
        let entry = entry.or_else(|| self.heads.first());
        entry.is_some_and(|entry| chunk < *entry)
    }

    fn evict(&mut self, key: ChunkKey) {
        if let Some(resident) = self.chunks.remove(&key) {
            self.bytes -= resident.bytes;
            self.heads.remove(&key);
        }
    }

    /// Forgets all units: of an encoder that was stopped, so that no viewer joins on old ones.
    pub(super) fn clear(&mut self) {
        self.close();
        *self = Self::default();
    }

    /// Forgets all units, and not whether it is offered or in use.
    fn release(&mut self) {
        let (withdrawn, unused) = (self.withdrawn, self.unused);
        self.clear();
        (self.withdrawn, self.unused) = (withdrawn, unused);
    }

    #[cfg(test)]
    pub(super) fn units(&self) -> usize {
        let chunks = self.chunks.values();
        chunks.map(|resident| resident.chunk.units().count()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Writer {
    fn run(&self) -> RunId {
        self.chunk.key().run
    }
}

//! The chunks of one track in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

    /// Evicts what no viewer needs. `live`: viewers join at the newest keyframe at or before it.
    pub(super) fn trim(&mut self, live: Place, horizon: Place, retention: &Retention) {
        let entry = self.heads.range(..=live).next_back().copied();
        let entry = entry.or_else(|| self.heads.first().copied());
        while let Some((&oldest, _)) = self.chunks.first_key_value() {
            let next = self.chunks.keys().nth(1).copied();
            let past = next.is_some_and(|next| next < horizon);
            let evictable = entry.is_some_and(|entry| oldest < entry);
            if !(evictable && (past || self.bytes > retention.bytes)) {
                break;
            }
            self.evict(oldest);
        }
        // The newest GOP alone is too large: what follows its keyframe goes, then what is older than the newest chunks.
        while self.bytes > retention.bytes {
            let open = self.writer.as_ref().map(|writer| writer.chunk.key());
            let mut rest = self.chunks.keys().skip(1);
            match rest.find(|key| Some(**key) != open).copied() {
                Some(key) => self.evict(key),
                None => break,
            }
        }
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

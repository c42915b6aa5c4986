//! Some consecutive units of a track.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use media::time::MediaTime;

use super::index::Bias;
use super::place::{ChunkKey, Place};
use super::unit::Unit;

/// At most one second, one megabyte and 64 units of one track, or one larger unit: what is loaded, evicted and waited for.
///
/// Keyframes come first in a chunk: either it begins with one or more, or it has none. It grows until it is closed, and is read without the lock of
/// the log.
#[derive(Debug)]
pub struct Chunk {
    key: ChunkKey,
    /// The chunk before it, when nothing is missing in between.
    follows: Option<ChunkKey>,
    units: Box<[OnceLock<Unit>]>,
    closed: AtomicBool,
}

/// A unit, and the chunk that keeps it in memory.
#[derive(Clone, Debug)]
pub struct UnitRef {
    chunk: Arc<Chunk>,
    index: u16,
}

/// What follows a unit of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Here,
    /// The chunk may still grow.
    NotYet,
    /// In another chunk, if at all.
    Elsewhere,
}

impl Chunk {
    pub const MAX_UNITS: usize = 64;
    pub const MAX_BYTES: usize = 1 << 20;
    /// In microseconds.
    pub const MAX_LENGTH: i64 = 1_000_000;

    /// An open chunk that begins with `first`.
    pub(super) fn new(key: ChunkKey, follows: Option<ChunkKey>, first: Unit) -> Self {
        let mut units = vec![OnceLock::new(); Self::MAX_UNITS];
        units[0] = first.into();
        Self {
            key,
            follows,
            units: units.into(),
            closed: AtomicBool::new(false),
        }
    }

    pub fn key(&self) -> ChunkKey {
        self.key
    }

    pub fn follows(&self) -> Option<ChunkKey> {
        self.follows
    }

    pub fn get(&self, index: u16) -> Option<&Unit> {
        self.units.get(usize::from(index))?.get()
    }

    /// The place of a unit.
    pub(super) fn place(&self, index: u16) -> Option<Place> {
        let time = self.get(index)?.dts;
        Some(Place { time, ..self.key })
    }

    /// The units so far, in decode order.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter().map_while(OnceLock::get)
    }

    pub fn begins_with_keyframe(&self) -> bool {
        self.get(0).is_some_and(|unit| unit.keyframe)
    }

    /// Adds the unit with this index. For the one writer, which counts.
    pub(super) fn set(&self, index: usize, unit: Unit) {
        let refused = self.units[index].set(unit);
        debug_assert!(refused.is_ok(), "a place is written once");
    }

    /// No unit follows.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn next(&self, index: u16) -> Next {
        if self.get(index).is_some() {
            return Next::Here;
        }
        if !self.closed.load(Ordering::Acquire) {
            return Next::NotYet;
        }
        // It may have been added just before the chunk was closed.
        match self.get(index) {
            Some(_) => Next::Here,
            None => Next::Elsewhere,
        }
    }

    /// The index of the unit in this chunk that is sought.
    pub(super) fn find(&self, time: MediaTime, bias: Bias) -> Option<u16> {
        let found = match bias {
            Bias::KeyframeBefore => self
                .units()
                .take_while(|unit| unit.keyframe && unit.dts <= time)
                .count()
                .checked_sub(1),
            Bias::KeyframeAfter => self
                .units()
                .position(|unit| unit.keyframe && unit.dts >= time),
            Bias::UnitAfter => self.units().position(|unit| unit.dts >= time),
        };
        found.and_then(|index| index.try_into().ok())
    }
}

impl UnitRef {
    /// `None`: the chunk has no such unit yet.
    pub fn new(chunk: &Arc<Chunk>, index: u16) -> Option<Self> {
        chunk.get(index)?;
        Some(Self {
            chunk: Arc::clone(chunk),
            index,
        })
    }

    pub fn unit(&self) -> &Unit {
        self.chunk
            .get(self.index)
            .expect("a unit is never taken out of its chunk")
    }

    pub fn place(&self) -> Place {
        Place {
            run: self.chunk.key.run,
            time: self.unit().dts,
        }
    }

    pub(super) fn chunk(&self) -> &Arc<Chunk> {
        &self.chunk
    }

    pub(super) fn index(&self) -> u16 {
        self.index
    }
}

impl PartialEq for UnitRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunk, &other.chunk) && self.index == other.index
    }
}

//! The log of a running source, shared by the source's thread and the viewers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use media::track::TrackId;
use timeline::index::{Bias, Found, Index, Pace};
use timeline::log::Log;
use timeline::place::{ChunkKey, Place, RunId, Wait};
use timeline::unit::Unit;
use tokio::sync::Notify;

use super::append_times::{Activity, AppendTimes};
use super::shard_waker::ShardWaker;

/// A log, and the wakers of the shards that follow it. Viewers read units without its lock; they take it only to find the next chunk.
#[derive(Debug)]
pub struct SharedLog {
    log: Mutex<Log>,
    /// As in the log, readable without its lock.
    pace: Pace,
    /// As in the log, readable without its lock.
    closed: AtomicBool,
    appended: Notify,
    wakers: Mutex<Vec<Weak<ShardWaker>>>,
    dropped: AtomicU64,
    encoder_failing: AtomicBool,
    times: AppendTimes,
}

impl SharedLog {
    pub fn new(log: Log) -> Self {
        Self {
            pace: log.pace(),
            log: log.into(),
            closed: AtomicBool::new(false),
            appended: Notify::new(),
            wakers: Mutex::default(),
            dropped: AtomicU64::new(0),
            encoder_failing: AtomicBool::new(false),
            times: AppendTimes::new(Instant::now()),
        }
    }

    /// Locks the log. Hold the lock briefly, and never across an await.
    pub fn lock(&self) -> MutexGuard<'_, Log> {
        // The log is consistent between two calls of its methods, so a poisoned lock is usable.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Completes at the next append. Enable it, check the log again, then await it, so that no append is missed.
    pub fn appended(&self) -> tokio::sync::futures::Notified<'_> {
        self.appended.notified()
    }

    /// Adds `waker`, which every append wakes. The log holds a weak reference: the subscription ends when the shard drops the waker.
    pub fn subscribe(&self, waker: &Arc<ShardWaker>) {
        let mut wakers = self.wakers();
        wakers.retain(|waker| waker.strong_count() > 0);
        wakers.push(Arc::downgrade(waker));
    }

    /// Appends a unit and wakes the viewers that wait for it. False: the track refuses the unit (see [`Log::append`]).
    pub fn append(&self, track: TrackId, unit: Unit, now: Instant) -> bool {
        let grown = self.lock().append(track, unit, now);
        if grown.is_some() {
            self.times.note(now);
        }
        grown.map(|grown| self.wake(&[grown])).is_some()
    }

    /// As [`Self::append`]: what an encoder makes of a unit of this run. It does not count as what comes from a publisher.
    pub(super) fn append_encoded(
        &self,
        run: RunId,
        track: TrackId,
        unit: Unit,
        now: Instant,
    ) -> bool {
        let grown = self.lock().append_in(run, track, unit, now);
        grown.map(|grown| self.wake(&[grown])).is_some()
    }

    pub(super) fn activity(&self, now: Instant) -> Activity {
        self.times.activity(now)
    }

    /// The source does not offer these tracks any more.
    pub fn withdraw(&self, tracks: impl IntoIterator<Item = TrackId>) {
        let mut log = self.lock();
        let grown: Vec<_> = tracks
            .into_iter()
            .map(|track| log.withdraw(track))
            .collect();
        drop(log);
        self.wake(&grown);
    }

    /// The source uses these tracks, and no others (see [`Log::set_used`]).
    pub(super) fn set_used(&self, used: &BTreeSet<TrackId>) {
        self.lock().set_used(used, Instant::now());
    }

    /// Forgets tracks that are not in use any more (see [`Log::expire`]).
    pub(super) fn expire(&self, now: Instant) {
        self.lock().expire(now);
    }

    /// The source offers these tracks, some of them again.
    pub(super) fn restore(&self, tracks: impl IntoIterator<Item = TrackId>) {
        let mut log = self.lock();
        for track in tracks {
            log.restore(track);
        }
    }

    /// Ends the stream for every viewer.
    pub fn finish(&self) {
        self.lock().close();
        self.closed.store(true, Ordering::SeqCst);
        self.appended.notify_waiters();
        for waker in self.wakers().iter().filter_map(Weak::upgrade) {
            waker.wake_all();
        }
    }

    pub fn is_over(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Video frames that were dropped because an encoder could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn add_dropped(&self, frames: u64) {
        self.dropped.fetch_add(frames, Ordering::Relaxed);
    }

    /// An encoder that viewers need could not be started; it is tried again.
    pub(super) fn is_encoder_failing(&self) -> bool {
        self.encoder_failing.load(Ordering::Relaxed)
    }

    pub(super) fn set_encoder_failing(&self, failing: bool) {
        self.encoder_failing.store(failing, Ordering::Relaxed);
    }

    fn wake(&self, grown: &[Wait]) {
        // Orders the append before the look at `armed`: a viewer arms its waker, and then looks for the unit once more.
        fence(Ordering::SeqCst);
        self.appended.notify_waiters();
        for waker in self.wakers().iter().filter_map(Weak::upgrade) {
            for grown in grown {
                waker.wake(*grown);
            }
        }
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Weak<ShardWaker>>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SharedLog {
    fn default() -> Self {
        Self::new(Log::default())
    }
}

impl Index for SharedLog {
    fn seek(&self, track: TrackId, place: Place, bias: Bias) -> Found {
        self.lock().seek(track, place, bias)
    }

    fn next(&self, track: TrackId, after: ChunkKey) -> Found {
        self.lock().next(track, after)
    }

    fn newest(&self, track: TrackId) -> Option<Place> {
        self.lock().newest(track)
    }

    fn live(&self, now: Instant) -> Place {
        self.lock().live(now)
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn is_closed(&self) -> bool {
        self.is_over()
    }
}

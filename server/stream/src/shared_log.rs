//! The log of a running source, shared by the source's thread and the viewers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use shared::api::Codec;
use timeline::frame::Frame;
use timeline::log::Log;
use tokio::sync::Notify;

use super::shard_waker::ShardWaker;

/// A log, and the wakers of the shards that follow it.
#[derive(Debug, Default)]
pub struct SharedLog {
    log: Mutex<Log>,
    appended: Notify,
    wakers: Mutex<Vec<Weak<ShardWaker>>>,
    dropped: AtomicU64,
}

impl SharedLog {
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

    /// Appends a frame and wakes the waiting viewers, unless the track refuses the frame (see [`Log::append`]).
    pub fn append(&self, codec: Codec, frame: Frame, now: Instant) {
        if self.lock().append(codec, frame, now) {
            self.wake();
        }
    }

    /// Marks the log as ended, and wakes all waiters.
    pub fn finish(&self) {
        self.lock().finish();
        self.wake();
    }

    pub fn is_over(&self) -> bool {
        self.lock().is_over()
    }

    /// Video frames that were dropped because an encoder could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn add_dropped(&self, frames: u64) {
        self.dropped.fetch_add(frames, Ordering::Relaxed);
    }

    fn wake(&self) {
        self.appended.notify_waiters();
        for waker in self.wakers().iter().filter_map(Weak::upgrade) {
            waker.wake();
        }
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Weak<ShardWaker>>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Wakes a shard when a log has grown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timeline::place::Wait;
use tokio::sync::Notify;

/// Tells a shard which chunks of one log have grown while viewers waited for any, and wakes it once for all of them.
#[derive(Debug)]
pub struct ShardWaker {
    armed: AtomicBool,
    /// What has grown since the shard looked.
    grown: Mutex<Vec<Wait>>,
    closed: AtomicBool,
    notify: Arc<Notify>,
}

impl ShardWaker {
    pub fn new(notify: Arc<Notify>) -> Self {
        Self {
            armed: AtomicBool::new(false),
            grown: Mutex::default(),
            closed: AtomicBool::new(false),
            notify,
        }
    }

    /// Requests to be woken. Look at the log once more afterwards: it may have grown just before.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Nobody waits any more.
    pub fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
        self.lock().clear();
    }

    /// Moves what has grown into `grown`. True: the log has been closed, so that nobody has to wait.
    pub fn take_grown(&self, grown: &mut Vec<Wait>) -> bool {
        grown.append(&mut self.lock());
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn wake_all(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }

    pub(super) fn wake(&self, grown: Wait) {
        if !self.armed.load(Ordering::SeqCst) {
            return;
        }
        let mut all = self.lock();
        // Few: those of a tick.
        if !all.contains(&grown) {
            all.push(grown);
        }
        drop(all);
        self.notify.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Wait>> {
        self.grown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Wakes a shard when a log has grown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Wakes one shard once per [`ShardWaker::arm`], however many of the shard's viewers wait at the end of the log.
#[derive(Debug)]
pub struct ShardWaker {
    armed: AtomicBool,
    woken: AtomicBool,
    notify: Arc<Notify>,
}

impl ShardWaker {
    pub fn new(notify: Arc<Notify>) -> Self {
        Self {
            armed: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            notify,
        }
    }

    /// Requests to be woken by the next append. Call it while the log is locked, so that no append is missed.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::Release);
    }

    /// True when an append has woken the shard since the last call.
    pub fn take_woken(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    pub(super) fn wake(&self) {
        if self.armed.swap(false, Ordering::AcqRel) {
            self.woken.store(true, Ordering::Release);
            self.notify.notify_one();
        }
    }
}

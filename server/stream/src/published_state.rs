//! The state of a published stream, shared by its publishers, its viewers and the API.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use shared::api::StreamState;
use tokio::sync::Notify;

use super::append_times::Activity;
use super::broadcast::Broadcast;
use super::{StreamError, lock};

#[derive(Debug)]
pub(super) struct PublishedState {
    broadcast: Mutex<Broadcast>,
    /// Notified of changes of all streams.
    changes: Arc<Notify>,
}

impl PublishedState {
    pub(super) fn new(changes: Arc<Notify>) -> Self {
        Self {
            broadcast: Broadcast::new(SystemTime::now()).into(),
            changes,
        }
    }

    pub(super) fn get(&self) -> StreamState {
        lock(&self.broadcast).state()
    }

    /// Why it cannot be watched.
    pub(super) fn error(&self) -> Option<StreamError> {
        lock(&self.broadcast).error()
    }

    /// There is something to watch.
    pub(super) fn begin(&self) {
        self.update(Broadcast::begin, SystemTime::now());
    }

    pub(super) fn end(&self) {
        self.update(Broadcast::end, SystemTime::now());
    }

    pub(super) fn follow(&self, activity: Activity) {
        let now = SystemTime::now();
        match activity {
            Activity::None => {}
            Activity::Appending => self.update(Broadcast::resume, now),
            Activity::Silent(silence) => {
                self.update(
                    Broadcast::interrupt,
                    now.checked_sub(silence).unwrap_or(now),
                );
            }
        }
    }

    fn update(&self, change: impl FnOnce(&mut Broadcast, SystemTime) -> bool, at: SystemTime) {
        let changed = change(&mut lock(&self.broadcast), at);
        if changed {
            self.changes.notify_one();
        }
    }
}

//! The viewers that wait for chunks of one log to grow.

use std::collections::HashMap;
use std::sync::Arc;

use stream::shard_waker::ShardWaker;
use stream::shared_log::SharedLog;
use timeline::place::Wait;

/// A log that viewers of a shard follow, and which of them wait for what. `K` is a viewer's key.
#[derive(Debug)]
pub(super) struct FollowedLog<K> {
    pub(super) log: Arc<SharedLog>,
    pub(super) waker: Arc<ShardWaker>,
    /// By the chunk that is to grow; a viewer is in a list once.
    waiting: HashMap<Wait, Vec<K>>,
    /// What each viewer waits for.
    waits: HashMap<K, Vec<Wait>>,
    /// Kept for its memory.
    grown: Vec<Wait>,
}

/// Empty lists are kept for the next time, but not more than this.
const MAX_LISTS: usize = 16;

impl<K: Copy + Eq + std::hash::Hash> FollowedLog<K> {
    pub(super) fn new(log: Arc<SharedLog>, waker: Arc<ShardWaker>) -> Self {
        log.subscribe(&waker);
        Self {
            log,
            waker,
            waiting: HashMap::new(),
            waits: HashMap::new(),
            grown: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, key: K, waits: impl Iterator<Item = Wait>) {
        let known = self.waits.entry(key).or_default();
        for wait in waits {
            if !known.contains(&wait) {
                known.push(wait);
                self.waiting.entry(wait).or_default().push(key);
            }
        }
    }

    pub(super) fn remove(&mut self, key: K) {
        for wait in self.waits.remove(&key).unwrap_or_default() {
            if let Some(list) = self.waiting.get_mut(&wait) {
                list.retain(|waiting| *waiting != key);
            }
        }
    }

    /// Calls `wake` for each viewer that waits for something that has grown.
    pub(super) fn take_woken(&mut self, mut wake: impl FnMut(K)) {
        self.grown.clear();
        if self.waker.take_grown(&mut self.grown) {
            for list in self.waiting.values_mut() {
                list.drain(..).for_each(&mut wake);
            }
            self.waits.clear();
        }
        for grown in &self.grown {
            let Wait { track, chunk } = *grown;
            for (wait, list) in &mut self.waiting {
                // A viewer that waits for anything new in the track is woken by each of its chunks, and the beginning of a track wakes all.
                let woken = wait.track == track
                    && (wait.chunk == chunk || wait.chunk.is_none() || chunk.is_none());
                if !woken {
                    continue;
                }
                for key in list.drain(..) {
                    if let Some(waits) = self.waits.get_mut(&key) {
                        waits.retain(|other| other != wait);
                    }
                    wake(key);
                }
            }
        }
        if self.waiting.len() > MAX_LISTS {
            self.waiting.retain(|_, list| !list.is_empty());
        }
        if self.waiting.values().all(Vec::is_empty) {
            self.waker.disarm();
        }
    }
}

//! The viewers of a shard, and which of them is polled when.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use slotmap::{Key, KeyData, SlotMap, new_key_type};
use tokio::sync::Notify;

use super::counters::ShardCounters;
use super::end_reason::{EndReason, EndReport};
use super::shard::Command;
use super::tally::ShardTally;
use super::timer_wheel::TimerWheel;
use super::viewer::{FeedbackOutcome, NextPoll, SendContext, Viewer, ViewerParams};
use super::waiting::FollowedLog;
use net::Path;
use net::batch::{Batch, FlushOutcome};
use net::routes::{Remote, RouteId};
use stream::shard_waker::ShardWaker;
use stream::shared_log::SharedLog;

new_key_type! {
    /// A viewer of one shard. Never given to another viewer of the shard.
    pub(super) struct ViewerKey;
}

/// State of a shard's thread. It reads no clock: callers pass the time in.
pub(super) struct Engine {
    /// With each viewer the report of its end.
    viewers: SlotMap<ViewerKey, (Box<Viewer>, EndReport)>,
    keys: HashMap<RouteId, ViewerKey>,
    followed: Vec<FollowedLog<ViewerKey>>,
    timers: TimerWheel<ViewerKey>,
    batch: Batch,
    /// Batches that found the buffer of their socket full, at most one for each socket.
    blocked: Vec<BlockedBatch>,
    counters: Arc<ShardCounters>,
    tally: ShardTally,
    /// Notified after an append to a log that a viewer waits for.
    appended: Arc<Notify>,
}

/// A batch that waits until its socket is writable. Viewers of other sockets, and viewers over TCP, are served meanwhile.
struct BlockedBatch {
    batch: Batch,
    path: Path,
    /// The viewer of the batch.
    key: ViewerKey,
    /// Viewers of the same socket whose deadline has passed.
    waiting: HashSet<ViewerKey>,
}

impl BlockedBatch {
    fn blocks(&self, path: &Path) -> bool {
        !path.remote().tcp && path.remote().socket == self.path.remote().socket
    }
}

impl Engine {
    pub(super) fn new(now: Instant, counters: Arc<ShardCounters>, appended: Arc<Notify>) -> Self {
        Self {
            viewers: SlotMap::with_key(),
            keys: HashMap::new(),
            followed: Vec::new(),
            timers: TimerWheel::new(now),
            batch: Batch::new(),
            blocked: Vec::new(),
            tally: ShardTally::new(Arc::clone(&counters)),
            counters,
            appended,
        }
    }

    /// Ends sending to all viewers. Keys of earlier viewers stay invalid.
    pub(super) fn reset(&mut self, now: Instant) {
        self.viewers.clear();
        self.keys.clear();
        self.followed.clear();
        self.timers = TimerWheel::new(now);
        self.batch.clear();
        self.blocked.clear();
        self.counters.viewers.store(0, Ordering::Relaxed);
    }

    /// Polls every viewer whose deadline has passed. True: the buffer of a socket is full, poll again when it may have room.
    ///
    /// `clock` is read before each viewer, because a tick with many viewers takes some milliseconds.
    pub(super) fn poll(&mut self, clock: impl Fn() -> Instant) -> bool {
        self.flush_blocked();
        self.timers.advance(clock());
        while let Some(key) = self.timers.pop() {
            self.poll_viewer(key, clock());
        }
        self.tally.settle();
        !self.blocked.is_empty()
    }

    /// Flushes the blocked batches, and schedules the viewers that waited for one that has left.
    fn flush_blocked(&mut self) {
        let Self {
            blocked,
            viewers,
            timers,
            tally,
            ..
        } = self;
        blocked.retain_mut(|blocked| {
            let (packets, bytes) = (blocked.batch.packets(), blocked.batch.bytes());
            let outcome = blocked.batch.flush(&blocked.path);
            if let Some((viewer, _)) = viewers.get_mut(blocked.key) {
                viewer.count_flush(outcome, packets, bytes);
                viewer.settle(tally);
            }
            if outcome == FlushOutcome::Full {
                return true;
            }
            for key in blocked.waiting.drain() {
                timers.schedule_now(key);
            }
            false
        });
    }

    /// When [`Engine::poll`] has work to do; `None` while no viewer waits for a time.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    fn poll_viewer(&mut self, key: ViewerKey, now: Instant) {
        let Some((viewer, _)) = self.viewers.get_mut(key) else {
            return;
        };
        let mut blocked = self.blocked.iter_mut();
        if let Some(blocked) = blocked.find(|blocked| blocked.blocks(viewer.path())) {
            blocked.waiting.insert(key);
            return;
        }
        let mut context = SendContext {
            batch: &mut self.batch,
            tally: &mut self.tally,
        };
        match viewer.poll(now, &mut context) {
            NextPoll::At(at) => self.timers.schedule(key, at),
            NextPoll::OnAppend => {
                self.timers.schedule(key, viewer.next_timeout());
                let log = viewer.subscription.log();
                let mut followed = self.followed.iter_mut();
                if let Some(followed) = followed.find(|followed| Arc::ptr_eq(&followed.log, log)) {
                    followed.add(key, viewer.waits());
                }
            }
            NextPoll::OnWritable => self.blocked.push(BlockedBatch {
                batch: std::mem::take(&mut self.batch),
                path: viewer.path().clone(),
                key,
                waiting: HashSet::from([key]),
            }),
            NextPoll::Never(reason) => self.end(key, reason),
        }
    }

    /// Handles SRTCP for the viewer that [`Command::AddViewer`] gave this id. True: poll now.
    pub(super) fn on_srtcp(
        &mut self,
        now: Instant,
        id: u64,
        from: Remote,
        datagram: &[u8],
    ) -> bool {
        let key = KeyData::from_ffi(id).into();
        let Some((viewer, _)) = self.viewers.get_mut(key) else {
            return false;
        };
        let outcome = viewer.on_srtcp(now, from, datagram, &mut self.tally);
        if outcome == FeedbackOutcome::Urgent {
            self.timers.schedule_now(key);
        }
        outcome == FeedbackOutcome::Urgent
    }

    /// Schedules the viewers that wait for frames of the logs that have grown.
    pub(super) fn on_append(&mut self) {
        for followed in &mut self.followed {
            followed.take_woken(|key| self.timers.schedule_now(key));
        }
    }

    pub(super) fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::AddViewer(params) => self.add(now, *params),
            Command::RemoveViewer(route) => {
                if let Some(key) = self.keys.get(&route).copied()
                    && let Some((_, ended)) = self.remove(key)
                {
                    ended.cancel();
                }
            }
            Command::MovePlayhead(route, command) => {
                if let Some(key) = self.keys.get(&route).copied()
                    && let Some((viewer, _)) = self.viewers.get_mut(key)
                {
                    viewer.apply(command, now);
                    self.timers.schedule_now(key);
                }
            }
            #[cfg(feature = "fault-injection")]
            Command::Fail(_) => {}
        }
    }

    fn add(&mut self, now: Instant, params: ViewerParams) {
        let route = Arc::clone(&params.route);
        let waker = self.follow(params.subscription.log());
        let Some((viewer, ended)) = Viewer::new(params, waker, now) else {
            return;
        };
        let key = self.viewers.insert((Box::new(viewer), ended));
        self.keys.insert(route.id(), key);
        route.set_feedback_target(key.data().as_ffi());
        self.counters.viewers.fetch_add(1, Ordering::Relaxed);
        self.timers.schedule_now(key);
    }

    /// The id by which the SRTCP of a viewer reaches it.
    #[cfg(any(test, feature = "instructions"))]
    pub(super) fn feedback_target(&self, route: RouteId) -> u64 {
        self.keys[&route].data().as_ffi()
    }

    fn follow(&mut self, log: &Arc<SharedLog>) -> Arc<ShardWaker> {
        let mut followed = self.followed.iter();
        if let Some(followed) = followed.find(|followed| Arc::ptr_eq(&followed.log, log)) {
            return Arc::clone(&followed.waker);
        }
        let waker = Arc::new(ShardWaker::new(Arc::clone(&self.appended)));
        let followed = FollowedLog::new(Arc::clone(log), Arc::clone(&waker));
        self.followed.push(followed);
        waker
    }

    fn end(&mut self, key: ViewerKey, reason: EndReason) {
        if let Some((_, ended)) = self.remove(key) {
            ended.send(reason);
        }
    }

    fn remove(&mut self, key: ViewerKey) -> Option<(Box<Viewer>, EndReport)> {
        let removed = self.viewers.remove(key)?;
        self.keys.remove(&removed.0.route_id());
        self.timers.cancel(key);
        for blocked in &mut self.blocked {
            blocked.waiting.remove(&key);
            if blocked.key == key {
                blocked.batch.clear();
            }
        }
        self.counters.viewers.fetch_sub(1, Ordering::Relaxed);
        let log = Arc::as_ptr(removed.0.subscription.log());
        for followed in &mut self.followed {
            followed.remove(key);
        }
        let mut logs = self
            .viewers
            .values()
            .map(|(viewer, _)| Arc::as_ptr(viewer.subscription.log()));
        if !logs.any(|other| other == log) {
            self.followed
                .retain(|followed| Arc::as_ptr(&followed.log) != log);
        }
        Some(removed)
    }
}

#[cfg(test)]
mod tests;

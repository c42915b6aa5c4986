//! The viewers of a shard, and which of them is polled when.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use slotmap::{Key, KeyData, SlotMap, new_key_type};
use tokio::sync::{Notify, oneshot};

use super::counters::ShardCounters;
use super::end_reason::EndReason;
use super::shard::Command;
use super::stray_limiter::StrayLimiter;
use super::timer_wheel::TimerWheel;
use super::viewer::{FeedbackOutcome, NextPoll, SendContext, Viewer};
use super::waiting::FollowedLog;
use net::batch::{Batch, FlushOutcome};
use net::routes::Remote;
use net::{Path, Port};
use stream::shard_waker::ShardWaker;
use stream::shared_log::SharedLog;

new_key_type! {
    /// A viewer of one shard. Never given to another viewer of the shard.
    pub(super) struct ViewerKey;
}

/// State of a shard's thread. It reads no clock: callers pass the time in.
pub(super) struct Engine {
    /// With each viewer the channel that reports why sending to it ended.
    viewers: SlotMap<ViewerKey, (Viewer, oneshot::Sender<EndReason>)>,
    followed: Vec<FollowedLog<ViewerKey>>,
    timers: TimerWheel<ViewerKey>,
    batch: Batch,
    /// The path of the batch that found the socket's buffer full.
    blocked: Option<Path>,
    stray_limiter: StrayLimiter,
    counters: Arc<ShardCounters>,
    /// Notified after an append to a log that a viewer waits for.
    appended: Arc<Notify>,
}

/// Viewers that one stray datagram is tried with; a try costs about a microsecond.
const MAX_TRIES: usize = 32;

impl Engine {
    pub(super) fn new(now: Instant, counters: Arc<ShardCounters>, appended: Arc<Notify>) -> Self {
        Self {
            viewers: SlotMap::with_key(),
            followed: Vec::new(),
            timers: TimerWheel::new(now),
            batch: Batch::new(),
            blocked: None,
            stray_limiter: StrayLimiter::new(now),
            counters,
            appended,
        }
    }

    /// Polls every viewer whose deadline has passed. True: the socket's buffer is full, poll again when it may have room.
    ///
    /// `clock` is read before each viewer, because a tick with many viewers takes some milliseconds.
    pub(super) fn poll(&mut self, clock: impl Fn() -> Instant, port: &Port) -> bool {
        let now = clock();
        if let Some(path) = self.blocked.take()
            && self.batch.flush(port, &path) == FlushOutcome::Full
        {
            self.blocked = Some(path);
            return true;
        }
        self.timers.advance(now);
        while let Some(key) = self.timers.pop() {
            if let Some(path) = self.poll_viewer(key, clock()) {
                self.blocked = Some(path);
                self.timers.push_front(key);
                return true;
            }
        }
        false
    }

    /// When [`Engine::poll`] has work to do; `None` while no viewer waits for a time.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// `Some`: the socket's buffer has no room for the batch to this path.
    fn poll_viewer(&mut self, key: ViewerKey, now: Instant) -> Option<Path> {
        let (viewer, _) = self.viewers.get_mut(key)?;
        let mut context = SendContext {
            batch: &mut self.batch,
            counters: &self.counters,
        };
        match viewer.poll(now, &mut context) {
            NextPoll::At(at) => self.timers.schedule(key, at),
            NextPoll::OnAppend => {
                self.timers.schedule(key, viewer.next_report());
                let log = viewer.subscription.log();
                let mut followed = self.followed.iter_mut();
                if let Some(followed) = followed.find(|followed| Arc::ptr_eq(&followed.log, log)) {
                    followed.add(key, viewer.waits());
                }
            }
            NextPoll::OnWritable => return Some(viewer.path().clone()),
            NextPoll::Never(reason) => self.end(key, reason),
        }
        None
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
        self.feed_back(key, now, from, datagram) == FeedbackOutcome::Urgent
    }

    /// Handles SRTCP from an unknown address: a viewer's address may have changed, and then that viewer is silent at the old one. True: poll now.
    pub(super) fn on_stray_srtcp(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> bool {
        if !self.stray_limiter.try_acquire(now) {
            return false;
        }
        let silent = self
            .viewers
            .iter()
            .filter(|(_, (viewer, _))| viewer.is_silent(now))
            .map(|(key, _)| key)
            .take(MAX_TRIES)
            .collect::<Vec<_>>();
        let outcome = silent
            .into_iter()
            .map(|key| self.feed_back(key, now, from, datagram))
            .find(|outcome| *outcome != FeedbackOutcome::Rejected);
        outcome == Some(FeedbackOutcome::Urgent)
    }

    fn feed_back(
        &mut self,
        key: ViewerKey,
        now: Instant,
        from: Remote,
        datagram: &[u8],
    ) -> FeedbackOutcome {
        let Some((viewer, _)) = self.viewers.get_mut(key) else {
            return FeedbackOutcome::Rejected;
        };
        let outcome = viewer.on_srtcp(now, from, datagram, &self.counters);
        if outcome == FeedbackOutcome::Urgent {
            self.timers.schedule_now(key);
        }
        outcome
    }

    /// Schedules the viewers that wait for frames of the logs that have grown.
    pub(super) fn on_append(&mut self) {
        for followed in &mut self.followed {
            followed.take_woken(|key| self.timers.schedule_now(key));
        }
    }

    pub(super) fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::AddViewer(params, added) => {
                let log = Arc::clone(params.subscription.log());
                let route = Arc::clone(&params.route);
                let waker = self.follow(&log);
                let Some(viewer) = Viewer::new(*params, waker, now) else {
                    return;
                };
                let (ended, end) = oneshot::channel();
                let key = self.viewers.insert((viewer, ended));
                route.set_feedback_target(key.data().as_ffi());
                self.counters.viewers.fetch_add(1, Ordering::Relaxed);
                self.timers.schedule_now(key);
                if added.send((key, end)).is_err() {
                    self.remove(key);
                }
            }
            Command::RemoveViewer(key) => {
                self.remove(key);
            }
            Command::MovePlayhead(key, command) => {
                if let Some((viewer, _)) = self.viewers.get_mut(key) {
                    viewer.apply(command, now);
                    self.timers.schedule_now(key);
                }
            }
        }
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
            // The session may have ended already.
            let _ = ended.send(reason);
        }
    }

    fn remove(&mut self, key: ViewerKey) -> Option<(Viewer, oneshot::Sender<EndReason>)> {
        let removed = self.viewers.remove(key)?;
        self.timers.cancel(key);
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

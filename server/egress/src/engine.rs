//! A shard's viewers, and when each of them is to be looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::{Notify, oneshot};

use super::counters::ShardCounters;
use super::end_reason::EndReason;
use super::shard::Command;
use super::stray_limiter::StrayLimiter;
use super::timer_wheel::TimerWheel;
use super::viewer::{FeedbackOutcome, Next, SendContext, Viewer};
use net::batch::{Batch, FlushOutcome};
use net::routes::Remote;
use net::{Path, Port};
use stream::shared_log::{ShardWaker, SharedLog};

/// What the thread of a shard works on.
pub(super) struct Engine {
    places: Vec<Place>,
    free: Vec<usize>,
    followed: Vec<Followed>,
    pub(super) ticks: TimerWheel,
    batch: Batch,
    /// Where the batch that met a full socket buffer is to go.
    stuck: Option<Path>,
    strays: StrayLimiter,
    counters: Arc<ShardCounters>,
    woken: Arc<Notify>,
}

struct Place {
    /// Tells the viewers of one place apart that come one after the other.
    generation: u32,
    viewer: Option<(Viewer, oneshot::Sender<EndReason>)>,
}

/// A log that viewers of this shard follow.
struct Followed {
    shared_log: Arc<SharedLog>,
    waker: Arc<ShardWaker>,
    /// Places of the viewers that wait at its end.
    starved: Vec<usize>,
}

impl Engine {
    pub(super) fn new(counters: Arc<ShardCounters>, woken: Arc<Notify>) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            followed: Vec::new(),
            ticks: TimerWheel::new(Instant::now()),
            batch: Batch::new(),
            stuck: None,
            strays: StrayLimiter::new(Instant::now()),
            counters,
            woken,
        }
    }

    /// Looks at everybody whose time has come. True: a socket's buffer is full; run again when it may have room.
    pub(super) fn poll(&mut self, now: Instant, port: &Port) -> bool {
        if let Some(path) = self.stuck.take()
            && self.batch.flush(port, &path) == FlushOutcome::Full
        {
            self.stuck = Some(path);
            return true;
        }
        self.ticks.turn(now);
        while let Some(place) = self.ticks.pop() {
            // The time of each look: a tick with many viewers takes some milliseconds.
            if let Some(path) = self.poll_viewer(place, Instant::now()) {
                self.stuck = Some(path);
                self.ticks.again(place);
                return true;
            }
        }
        false
    }

    /// `Some`: the batch could not leave on this path.
    fn poll_viewer(&mut self, place: usize, now: Instant) -> Option<Path> {
        let (viewer, _) = self.places.get_mut(place)?.viewer.as_mut()?;
        let mut context = SendContext {
            batch: &mut self.batch,
            counters: &self.counters,
        };
        match viewer.poll(now, &mut context) {
            Next::At(at) => self.ticks.set(place, at),
            Next::Appended => {
                let shared_log = Arc::as_ptr(viewer.subscription.log());
                self.ticks.set(place, viewer.next_report());
                let mut logs = self.followed.iter_mut();
                if let Some(followed) =
                    logs.find(|followed| Arc::as_ptr(&followed.shared_log) == shared_log)
                    && !followed.starved.contains(&place)
                {
                    followed.starved.push(place);
                }
            }
            Next::Full => return Some(viewer.path().clone()),
            Next::Over => self.end(place, EndReason::StreamOver),
            Next::Gone => self.end(place, EndReason::ViewerGone),
        }
        None
    }

    /// SRTCP for the viewer with this number. True: something is to be sent at once.
    pub(super) fn feedback(&mut self, number: u64, from: Remote, datagram: &[u8]) -> bool {
        let place = self.place_of(number);
        place.is_some_and(|place| {
            self.hear(place, Instant::now(), from, datagram) == FeedbackOutcome::Urgent
        })
    }

    /// SRTCP from an address that nobody is known by: it may be of a viewer who has got a new one, who is silent at the old one then.
    pub(super) fn stray(&mut self, from: Remote, datagram: &[u8]) -> bool {
        let now = Instant::now();
        if !self.strays.take(now) {
            return false;
        }
        let silent = (0..self.places.len())
            .filter(|place| {
                let viewer = self.places[*place].viewer.as_ref();
                viewer.is_some_and(|(viewer, _)| viewer.is_silent(now))
            })
            .take(StrayLimiter::VIEWERS)
            .collect::<Vec<_>>();
        let heard = silent
            .into_iter()
            .map(|place| self.hear(place, now, from, datagram))
            .find(|heard| *heard != FeedbackOutcome::Nothing);
        heard == Some(FeedbackOutcome::Urgent)
    }

    fn hear(
        &mut self,
        place: usize,
        now: Instant,
        from: Remote,
        datagram: &[u8],
    ) -> FeedbackOutcome {
        let Some((viewer, _)) = &mut self.places[place].viewer else {
            return FeedbackOutcome::Nothing;
        };
        let heard = viewer.feedback(now, from, datagram, &self.counters);
        if heard == FeedbackOutcome::Urgent {
            self.ticks.soon(place);
        }
        heard
    }

    /// Logs have grown: whoever waited for that is looked at.
    pub(super) fn woken(&mut self) {
        for followed in &mut self.followed {
            if followed.waker.take_woken() {
                for place in followed.starved.drain(..) {
                    self.ticks.soon(place);
                }
            }
        }
    }

    pub(super) fn handle_command(&mut self, command: Command) {
        match command {
            Command::AddViewer(watch, placed) => {
                let shared_log = Arc::clone(watch.subscription.log());
                let route = Arc::clone(&watch.route);
                let waker = self.waker_of(&shared_log);
                let Some(viewer) = Viewer::new(*watch, waker, Instant::now()) else {
                    return;
                };
                let (ended, end) = oneshot::channel();
                let place = self.free.pop().unwrap_or_else(|| {
                    self.places.push(Place {
                        generation: 0,
                        viewer: None,
                    });
                    self.places.len() - 1
                });
                self.places[place].viewer = Some((viewer, ended));
                let number = u64::from(self.places[place].generation) << 32 | place as u64;
                route.set_feedback_target(number);
                self.counters.viewers.fetch_add(1, Ordering::Relaxed);
                self.ticks.soon(place);
                if placed.send((number, end)).is_err() {
                    self.leave(place);
                }
            }
            Command::RemoveViewer(number) => {
                if let Some(place) = self.place_of(number) {
                    self.leave(place);
                }
            }
        }
    }

    fn waker_of(&mut self, shared_log: &Arc<SharedLog>) -> Arc<ShardWaker> {
        let mut logs = self.followed.iter();
        if let Some(followed) = logs.find(|followed| Arc::ptr_eq(&followed.shared_log, shared_log))
        {
            return Arc::clone(&followed.waker);
        }
        let waker = Arc::new(ShardWaker::new(Arc::clone(&self.woken)));
        shared_log.subscribe(&waker);
        self.followed.push(Followed {
            shared_log: Arc::clone(shared_log),
            waker: Arc::clone(&waker),
            starved: Vec::new(),
        });
        waker
    }

    fn place_of(&self, number: u64) -> Option<usize> {
        let place = usize::try_from(number & u64::from(u32::MAX)).ok()?;
        let there = self.places.get(place)?;
        (there.viewer.is_some() && u64::from(there.generation) == number >> 32).then_some(place)
    }

    fn end(&mut self, place: usize, ended: EndReason) {
        if let Some((_, told)) = self.leave(place) {
            // The session may have ended by itself.
            let _ = told.send(ended);
        }
    }

    fn leave(&mut self, place: usize) -> Option<(Viewer, oneshot::Sender<EndReason>)> {
        let left = self.places[place].viewer.take()?;
        self.places[place].generation = self.places[place].generation.wrapping_add(1);
        self.free.push(place);
        self.ticks.forget(place);
        self.counters.viewers.fetch_sub(1, Ordering::Relaxed);
        let shared_log = Arc::as_ptr(left.0.subscription.log());
        for followed in &mut self.followed {
            followed.starved.retain(|starved| *starved != place);
        }
        let mut watched = self.places.iter().filter_map(|place| place.viewer.as_ref());
        if !watched.any(|(viewer, _)| Arc::as_ptr(viewer.subscription.log()) == shared_log) {
            self.followed
                .retain(|followed| Arc::as_ptr(&followed.shared_log) != shared_log);
        }
        Some(left)
    }
}

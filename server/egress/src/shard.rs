//! A thread that owns a UDP port and sends media to its viewers. After a panic it starts again, without viewers.
//!
//! The loop polls a viewer when one of its frames is due, when its log has grown, or when its feedback asks for packets. Polls are gathered into
//! ticks, so that frames due at almost the same time leave in one batch, and no packet costs a wake-up, a lock or an allocation. ICE and DTLS run on
//! other threads: many viewers that join at once do not delay the media of the others.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use super::counters::ShardCounters;
use super::engine::Engine;
use super::overload::Overload;
use super::socket_tasks::SocketTasks;
use super::viewer::ViewerParams;
use net::Port;
use net::routes::{Remote, RouteId};
use net::socket::SEND_RETRY_DELAY;
use timeline::playhead;

/// From a failure to the next start.
const RESTART_DELAY: Duration = Duration::from_millis(200);

/// A handle on a shard; clones share it. The thread ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Shard {
    port: Arc<Port>,
    counters: Arc<ShardCounters>,
    /// Unbounded: the number of viewers is limited, and how often each may move its playhead.
    commands: mpsc::UnboundedSender<Command>,
}

/// A viewer of a shard, which is removed when the handle is dropped.
#[derive(Debug)]
pub struct ViewerHandle {
    route: RouteId,
    commands: mpsc::UnboundedSender<Command>,
}

/// Viewers are named by their routes.
#[derive(Debug)]
pub(super) enum Command {
    AddViewer(Box<ViewerParams>),
    RemoveViewer(RouteId),
    MovePlayhead(RouteId, playhead::Command),
    #[cfg(feature = "fault-injection")]
    Fail(Fault),
}

/// Which part of a shard panics.
#[cfg(feature = "fault-injection")]
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Loop,
    SocketTask,
    /// From now on each pass over its viewers takes this much longer.
    Slow(Duration),
}

impl Shard {
    /// Starts the thread; `name` is its name in tools such as `top`.
    ///
    /// # Errors
    /// The thread or its runtime cannot be created.
    pub fn start(name: String, port: Arc<Port>) -> io::Result<Self> {
        let (commands, received) = mpsc::unbounded_channel();
        let counters = Arc::new(ShardCounters {
            port: Arc::clone(port.counters()),
            ..ShardCounters::default()
        });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (thread_port, thread_counters) = (Arc::clone(&port), Arc::clone(&counters));
        let supervisor = Supervisor {
            name: name.clone(),
            port: thread_port,
            counters: thread_counters,
            commands: received,
        };
        thread::Builder::new()
            .name(name)
            .spawn(move || supervisor.run(&runtime))?;
        Ok(Self {
            port,
            counters,
            commands,
        })
    }

    pub fn port(&self) -> &Arc<Port> {
        &self.port
    }

    pub fn counters(&self) -> &Arc<ShardCounters> {
        &self.counters
    }

    /// It does not keep up with its viewers.
    pub fn is_overloaded(&self) -> bool {
        self.counters.overloaded.load(Ordering::Relaxed)
    }

    /// False: it has failed, and has not started again yet.
    pub fn is_running(&self) -> bool {
        !self.counters.failed.load(Ordering::Relaxed)
    }

    /// Makes it fail as by an error in the program.
    #[cfg(feature = "fault-injection")]
    pub fn inject_fault(&self, fault: Fault) {
        // The thread runs as long as this handle.
        let _ = self.commands.send(Command::Fail(fault));
    }

    /// Begins to send to a viewer, whose path ICE has selected. The end is reported to [`ViewerParams::ended`].
    pub fn add_viewer(&self, params: ViewerParams) -> ViewerHandle {
        let route = params.route.id();
        // If the thread has ended, dropping the command reports it.
        let _ = self.commands.send(Command::AddViewer(Box::new(params)));
        ViewerHandle {
            route,
            commands: self.commands.clone(),
        }
    }
}

impl ViewerHandle {
    /// Pauses, seeks, or changes tracks.
    pub fn move_playhead(&self, command: playhead::Command) {
        // Fails only when the thread has ended, and its viewers with it.
        let command = Command::MovePlayhead(self.route, command);
        let _ = self.commands.send(command);
    }
}

impl Drop for ViewerHandle {
    fn drop(&mut self) {
        // Fails only when the thread has ended, and its viewers with it.
        let _ = self.commands.send(Command::RemoveViewer(self.route));
    }
}

/// Runs the loop of a shard. A panic ends the sessions of its viewers, and the loop starts again: otherwise its port would stay open, and would get
/// new viewers, without a thread that serves it.
struct Supervisor {
    name: String,
    port: Arc<Port>,
    counters: Arc<ShardCounters>,
    commands: mpsc::UnboundedReceiver<Command>,
}

/// Why the loop has ended.
enum Ended {
    /// The last handle was dropped.
    Dropped,
    /// A task of a socket has ended, or a socket cannot be served.
    Failed,
}

impl Supervisor {
    /// Returns when the last handle is dropped.
    fn run(mut self, runtime: &Runtime) {
        let appended = Arc::new(Notify::new());
        let now = Instant::now();
        let engine = Engine::new(now, Arc::clone(&self.counters), Arc::clone(&appended));
        let engine = Rc::new(RefCell::new(engine));
        loop {
            let local = LocalSet::new();
            let attempt = self.attempt(&engine, &appended);
            // The tasks of a failed attempt are dropped with `local`. The engine is reset below.
            let attempt = AssertUnwindSafe(|| local.block_on(runtime, attempt));
            if let Ok(Ended::Dropped) = catch_unwind(attempt) {
                return;
            }
            drop(local);
            self.counters.failed.store(true, Ordering::Relaxed);
            self.counters.restarts.add(1);
            tracing::error!(
                shard = self.name,
                "a thread that sends media has failed: its viewers are disconnected, and it starts again; please report this with the log above"
            );
            thread::sleep(RESTART_DELAY);
            engine.borrow_mut().reset(Instant::now());
        }
    }

    async fn attempt(&mut self, engine: &Rc<RefCell<Engine>>, appended: &Notify) -> Ended {
        let urgent = Rc::new(Notify::new());
        let on_srtcp = srtcp_handler(engine, &urgent);
        let mut tasks = SocketTasks::new(Arc::clone(&self.port), on_srtcp);
        if let Err(error) = tasks.update() {
            tracing::error!(%error, "a socket cannot be served");
            return Ended::Failed;
        }
        self.counters.failed.store(false, Ordering::Relaxed);
        let mut overload = Overload::default();
        #[cfg(feature = "fault-injection")]
        let mut slowness = Duration::ZERO;
        loop {
            let blocked = engine.borrow_mut().poll(Instant::now);
            #[cfg(feature = "fault-injection")]
            thread::sleep(slowness);
            let deadline = engine.borrow().next_deadline();
            let now = Instant::now();
            let caught_up = blocked || deadline.is_none_or(|deadline| deadline > now);
            overload.on_pass(now, caught_up);
            let overloaded = overload.is_overloaded();
            self.counters
                .overloaded
                .store(overloaded, Ordering::Relaxed);
            let tick = async {
                match (blocked, deadline) {
                    (true, _) => tokio::time::sleep(SEND_RETRY_DELAY).await,
                    (false, Some(deadline)) => tokio::time::sleep_until(deadline.into()).await,
                    (false, None) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tick => {}
                () = appended.notified() => engine.borrow_mut().on_append(),
                () = urgent.notified() => {}
                command = self.commands.recv() => match command {
                    #[cfg(feature = "fault-injection")]
                    Some(Command::Fail(Fault::Loop)) => panic!("a fault that a test injects"),
                    #[cfg(feature = "fault-injection")]
                    Some(Command::Fail(Fault::SocketTask)) => {
                        tasks.spawn(async { panic!("a fault that a test injects") });
                    }
                    #[cfg(feature = "fault-injection")]
                    Some(Command::Fail(Fault::Slow(time))) => slowness = time,
                    Some(command) => engine.borrow_mut().handle_command(Instant::now(), command),
                    None => return Ended::Dropped,
                },
                () = self.port.changed() => {
                    if let Err(error) = tasks.update() {
                        tracing::error!(%error, "a socket on a new address cannot be served");
                    }
                }
                () = tasks.failed() => return Ended::Failed,
            }
        }
    }
}

/// Hands SRTCP to the engine, and wakes the loop when the engine is to be polled at once.
fn srtcp_handler(
    engine: &Rc<RefCell<Engine>>,
    urgent: &Rc<Notify>,
) -> impl FnMut(u64, Remote, &[u8]) + Clone + 'static {
    let (engine, urgent) = (Rc::clone(engine), Rc::clone(urgent));
    move |id, from, datagram| {
        let mut engine = engine.borrow_mut();
        if engine.on_srtcp(Instant::now(), id, from, datagram) {
            urgent.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::end_reason::EndReason;
    use crate::harness::Harness;

    /// Polls a future once.
    fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(future).poll(&mut context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_viewer_is_added_and_when_its_handle_is_dropped_removed() {
        let harness = Harness::new();
        let (commands, mut received) = mpsc::unbounded_channel();
        let shard = Shard {
            port: Arc::clone(&harness.port),
            counters: Arc::default(),
            commands,
        };
        let (params, _peer) = harness.viewer();
        let route = params.route.id();
        drop(shard.add_viewer(params));
        let added = received.try_recv();
        assert!(matches!(added, Ok(Command::AddViewer(params)) if params.route.id() == route));
        let removed = received.try_recv();
        assert!(matches!(removed, Ok(Command::RemoveViewer(other)) if other == route));
    }

    #[test]
    fn the_end_of_a_viewer_whose_shard_has_ended_is_reported() {
        let mut harness = Harness::new();
        let (commands, received) = mpsc::unbounded_channel();
        let shard = Shard {
            port: Arc::clone(&harness.port),
            counters: Arc::default(),
            commands,
        };
        let [(waiting, _first), (late, _second)] = [harness.viewer(), harness.viewer()];
        let expected = [&waiting, &late].map(|params| (params.route.id(), EndReason::ShardFailed));
        let _handle = shard.add_viewer(waiting);
        assert_eq!(harness.ends.try_recv().ok(), None);
        drop(received);
        let _handle = shard.add_viewer(late);
        let ends = [harness.ends.try_recv(), harness.ends.try_recv()];
        assert_eq!(ends.map(Result::ok), expected.map(Some));
    }

    #[test]
    fn only_feedback_that_asks_for_packets_wakes_the_loop() {
        let harness = Harness::new();
        let engine = Engine::new(harness.start, Arc::default(), Arc::default());
        let engine = Rc::new(RefCell::new(engine));
        let urgent = Rc::new(Notify::new());
        let mut on_srtcp = srtcp_handler(&engine, &urgent);
        let (params, mut peer) = harness.viewer();
        let route = params.route.id();
        let command = Command::AddViewer(Box::new(params));
        engine.borrow_mut().handle_command(harness.start, command);
        let id = engine.borrow().feedback_target(route);

        let report = peer.report();
        on_srtcp(id, peer.remote, &report);
        assert_eq!(now_or_never(urgent.notified()), None);
        let pli = peer.pli();
        on_srtcp(id, peer.remote, &pli);
        assert_eq!(now_or_never(urgent.notified()), Some(()));
    }
}

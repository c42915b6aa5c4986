//! The thread that runs the connections of a port, apart from the shard that sends their media: a storm of joins delays nobody's media. After a panic it
//! starts again, without connections.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use egress::EndReason;
use egress::counters::ShardCounters;
use egress::shard::Shard;
use net::Arrival;
use net::routes::RouteId;
use rtc_crypto::RTCCryptoProvider;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use super::connections::{Command, Connections};

/// Commands that wait. HTTP requests wait for room.
const MAX_COMMANDS: usize = 1024;
/// Viewers of one thread that are served: each has a place for the report of its end.
const MAX_SERVED: usize = 1 << 16;
/// Datagrams handled before timers are looked at again.
const BATCH: usize = 64;
/// From a failure to the next start.
const RESTART_DELAY: Duration = Duration::from_millis(200);

/// A handle on a connection thread; clones share it. The thread ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(super) struct ConnectionThread {
    commands: mpsc::Sender<Command>,
}

/// The thread has ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the thread of the connections has ended")]
pub(super) struct Gone;

impl ConnectionThread {
    /// Starts the thread, for the connections of this shard's port.
    ///
    /// # Errors
    /// The thread or its runtime cannot be created.
    pub(super) fn start(
        name: String,
        shard: &Shard,
        crypto: Arc<dyn RTCCryptoProvider>,
    ) -> io::Result<Self> {
        let (commands, received) = mpsc::channel(MAX_COMMANDS);
        let arrivals = shard.port().take_arrivals();
        let arrivals = arrivals.ok_or_else(|| io::Error::other("the port has connections"))?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (ends, ended) = mpsc::channel(MAX_SERVED);
        let supervisor = Supervisor {
            name: name.clone(),
            connections: Connections::new(crypto, ends),
            arrivals,
            commands: received,
            ended,
            counters: Arc::clone(shard.counters()),
        };
        thread::Builder::new()
            .name(name)
            .spawn(move || supervisor.run(&runtime))?;
        Ok(Self { commands })
    }

    /// A place for a command.
    pub(super) async fn reserve(&self) -> Result<mpsc::Permit<'_, Command>, Gone> {
        self.commands.reserve().await.map_err(|_| Gone)
    }

    pub(super) async fn send(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).await.map_err(|_| Gone)
    }

    /// False: too many commands wait, or the thread has ended.
    pub(super) fn try_send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }
}

struct Supervisor {
    name: String,
    connections: Connections,
    arrivals: mpsc::Receiver<Arrival>,
    commands: mpsc::Receiver<Command>,
    /// Reports of the shard: sending to a viewer has ended.
    ended: mpsc::Receiver<(RouteId, EndReason)>,
    counters: Arc<ShardCounters>,
}

impl Supervisor {
    /// Returns when the last handle is dropped.
    fn run(mut self, runtime: &Runtime) {
        loop {
            // The connections of a failed attempt are reset below.
            let attempt = AssertUnwindSafe(|| runtime.block_on(self.attempt()));
            if catch_unwind(attempt).is_ok() {
                return;
            }
            self.counters.connection_restarts.add(1);
            tracing::error!(
                thread = self.name,
                "a thread of connections has failed: its viewers are disconnected, and it starts again; please report this with the log above"
            );
            thread::sleep(RESTART_DELAY);
            self.connections.reset(Instant::now());
        }
    }

    async fn attempt(&mut self) {
        let Self {
            connections,
            arrivals,
            commands,
            ended,
            ..
        } = self;
        loop {
            let deadline = connections.next_deadline();
            let due = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Commands first: a client may have its answer, and its first check be here, before this thread has looked. Over TCP that
                // check comes once. Arrivals last: they may always be waiting.
                biased;
                command = commands.recv() => match command {
                    Some(command) => connections.handle_command(Instant::now(), command),
                    None => return,
                },
                Some((id, reason)) = ended.recv() => {
                    connections.end(Instant::now(), id, &reason.into());
                }
                () = due => connections.handle_timeouts(Instant::now()),
                Some(arrival) = arrivals.recv() => {
                    connections.receive(Instant::now(), arrival);
                    for _ in 1..BATCH {
                        if !commands.is_empty() {
                            break;
                        }
                        let Ok(arrival) = arrivals.try_recv() else {
                            break;
                        };
                        connections.receive(Instant::now(), arrival);
                    }
                }
            }
        }
    }
}

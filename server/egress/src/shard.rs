//! A thread that owns a UDP port and sends the media of its viewers.
//!
//! One loop looks at a viewer when something of it is due, when its log has grown, or when it has told something. Looks are gathered into ticks, so
//! that what is due at almost the same time leaves together, and nothing is woken, locked or allocated for a single packet. What connections are made of
//! (ICE, DTLS) runs on other threads: a storm of joins does not delay those who watch.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::LocalSet;

use super::counters::ShardCounters;
use super::end_reason::EndReason;
use super::engine::Engine;
use super::viewer::ViewerParams;
use net::port::SEND_RETRY_DELAY;
use net::routes::Remote;
use net::{Port, tcp};

/// A handle on a shard; clones are the same. Its thread ends with the last one.
#[derive(Clone, Debug)]
pub struct Shard {
    port: Arc<Port>,
    counters: Arc<ShardCounters>,
    /// Unbounded, but a viewer causes two commands at most, and viewers are bounded.
    commands: mpsc::UnboundedSender<Command>,
}

/// A viewer's place in a shard. Dropping it leaves.
#[derive(Debug)]
pub struct ViewerHandle {
    number: u64,
    commands: mpsc::UnboundedSender<Command>,
    ended: oneshot::Receiver<EndReason>,
}

#[derive(Debug)]
pub(super) enum Command {
    AddViewer(
        Box<ViewerParams>,
        oneshot::Sender<(u64, oneshot::Receiver<EndReason>)>,
    ),
    RemoveViewer(u64),
}

impl Shard {
    /// Starts the thread; `name` is what tools show of it.
    ///
    /// # Errors
    /// The system gives no thread, or no way to wait for sockets.
    pub fn start(name: String, port: Arc<Port>) -> io::Result<Self> {
        let (commands, taken) = mpsc::unbounded_channel();
        let counters = Arc::new(ShardCounters {
            stray: Arc::clone(port.stray()),
            ..ShardCounters::default()
        });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (its_port, its_counters) = (Arc::clone(&port), Arc::clone(&counters));
        thread::Builder::new().name(name).spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, run(its_port, its_counters, taken));
        })?;
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

    /// Begins to send to a viewer. `None`: the shard is gone, or the viewer has no path yet.
    pub async fn add_viewer(&self, params: ViewerParams) -> Option<ViewerHandle> {
        let (placed, place) = oneshot::channel();
        self.commands
            .send(Command::AddViewer(Box::new(params), placed))
            .ok()?;
        let (number, ended) = place.await.ok()?;
        Some(ViewerHandle {
            number,
            commands: self.commands.clone(),
            ended,
        })
    }
}

impl ViewerHandle {
    /// Returns when there is nothing more to send.
    pub async fn ended(&mut self) -> EndReason {
        (&mut self.ended).await.unwrap_or(EndReason::ViewerGone)
    }
}

impl Drop for ViewerHandle {
    fn drop(&mut self) {
        // A shard that is gone has nobody any more.
        let _ = self.commands.send(Command::RemoveViewer(self.number));
    }
}

async fn run(
    port: Arc<Port>,
    counters: Arc<ShardCounters>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let awake = Rc::new(Notify::new());
    let woken = Arc::new(Notify::new());
    let engine = Rc::new(RefCell::new(Engine::new(counters, Arc::clone(&woken))));
    for index in 0..port.sockets().len() {
        let Ok(socket) = port.register(index).map(Rc::new) else {
            tracing::error!("a socket cannot be waited for; restart the server");
            return;
        };
        let feedback = feedback(&engine, &awake);
        let receiving = Rc::clone(&socket);
        tokio::task::spawn_local(async move { receiving.receive(feedback).await });
        tokio::task::spawn_local(async move { socket.wake_when_writable().await });
    }
    for (index, listener) in port.take_listeners() {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "ICE-TCP cannot be served on one of the addresses");
                continue;
            }
        };
        let feedback = feedback(&engine, &awake);
        tokio::task::spawn_local(tcp::serve(Arc::clone(&port), index, listener, feedback));
    }
    loop {
        let full = engine.borrow_mut().poll(Instant::now(), &port);
        let next = engine.borrow().ticks.next();
        let tick = async {
            match (full, next) {
                (true, _) => tokio::time::sleep(SEND_RETRY_DELAY).await,
                (false, Some(next)) => tokio::time::sleep_until(next.into()).await,
                (false, None) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tick => {}
            () = woken.notified() => engine.borrow_mut().woken(),
            () = awake.notified() => {}
            command = commands.recv() => match command {
                Some(command) => engine.borrow_mut().handle_command(command),
                None => return,
            },
        }
    }
}

/// What is done with the SRTCP of a viewer.
fn feedback(
    engine: &Rc<RefCell<Engine>>,
    awake: &Rc<Notify>,
) -> impl FnMut(Option<u64>, Remote, &[u8]) + Clone + 'static {
    let (engine, awake) = (Rc::clone(engine), Rc::clone(awake));
    move |number, from, datagram| {
        let mut engine = engine.borrow_mut();
        let urgent = match number {
            Some(number) => engine.feedback(number, from, datagram),
            None => engine.stray(from, datagram),
        };
        if urgent {
            awake.notify_one();
        }
    }
}

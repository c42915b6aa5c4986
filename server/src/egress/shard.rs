//! A thread that owns a UDP port and sends the media of its viewers.
//!
//! One loop looks at a viewer when something of it is due, when its log has grown, or when it has told something. Looks are gathered into ticks, so
//! that what is due at almost the same time leaves together, and nothing is woken, locked or allocated for a single packet. What connections are made of
//! (ICE, DTLS) runs on other threads: a storm of joins does not delay those who watch.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::LocalSet;

use super::counters::ShardCounters;
use super::ticks::Ticks;
use super::viewer::{Next, Outgoing, Viewer, Watch};
use super::viewing::Ended;
use crate::net::batch::{Batch, Flushed};
use crate::net::port::Registered;
use crate::net::{Path, Port, tcp};
use crate::stream::feed::{Bell, Feed};

/// A handle on a shard; clones are the same. Its thread ends with the last one.
#[derive(Clone, Debug)]
pub struct Shard {
    port: Arc<Port>,
    counters: Arc<ShardCounters>,
    /// Unbounded, but a viewer causes two orders at most, and viewers are bounded.
    orders: mpsc::UnboundedSender<Order>,
}

/// A viewer's place in a shard. Dropping it leaves.
#[derive(Debug)]
pub struct Watching {
    number: u64,
    orders: mpsc::UnboundedSender<Order>,
    ended: oneshot::Receiver<Ended>,
}

#[derive(Debug)]
enum Order {
    Watch(Box<Watch>, oneshot::Sender<(u64, oneshot::Receiver<Ended>)>),
    Leave(u64),
}

impl Shard {
    /// Starts the thread; `name` is what tools show of it.
    ///
    /// # Errors
    /// The system gives no thread, or no way to wait for sockets.
    pub fn start(name: String, port: Arc<Port>) -> io::Result<Self> {
        let (orders, taken) = mpsc::unbounded_channel();
        let counters = Arc::<ShardCounters>::default();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (its_port, its_counters) = (Arc::clone(&port), Arc::clone(&counters));
        thread::Builder::new().name(name).spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, run(its_port, its_counters, taken));
        })?;
        Ok(Self {
            port,
            counters,
            orders,
        })
    }

    pub fn port(&self) -> &Arc<Port> {
        &self.port
    }

    pub fn counters(&self) -> &Arc<ShardCounters> {
        &self.counters
    }

    /// Begins to send to a viewer. `None`: the shard is gone, or the viewer has no path yet.
    pub async fn watch(&self, watch: Watch) -> Option<Watching> {
        let (placed, place) = oneshot::channel();
        self.orders
            .send(Order::Watch(Box::new(watch), placed))
            .ok()?;
        let (number, ended) = place.await.ok()?;
        Some(Watching {
            number,
            orders: self.orders.clone(),
            ended,
        })
    }
}

impl Watching {
    /// Returns when there is nothing more to send.
    pub async fn ended(&mut self) -> Ended {
        (&mut self.ended).await.unwrap_or(Ended::ViewerGone)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // A shard that is gone has nobody any more.
        let _ = self.orders.send(Order::Leave(self.number));
    }
}

async fn run(
    port: Arc<Port>,
    counters: Arc<ShardCounters>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let awake = Rc::new(Notify::new());
    let rung = Arc::new(Notify::new());
    let engine = Rc::new(RefCell::new(Engine::new(counters, Arc::clone(&rung))));
    let mut sockets = Vec::new();
    for index in 0..port.sockets().len() {
        let Ok(socket) = port.register(index).map(Rc::new) else {
            tracing::error!("a socket cannot be waited for; restart the server");
            return;
        };
        sockets.push(Rc::clone(&socket));
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
        let full = engine.borrow_mut().run(Instant::now(), &port);
        let next = engine.borrow().ticks.next();
        let tick = async {
            match (full, next) {
                (Some(socket), _) => writable(&sockets, socket).await,
                (None, Some(next)) => tokio::time::sleep_until(next.into()).await,
                (None, None) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tick => {}
            () = rung.notified() => engine.borrow_mut().rung(),
            () = awake.notified() => {}
            order = orders.recv() => match order {
                Some(order) => engine.borrow_mut().obey(order),
                None => return,
            },
        }
    }
}

/// What is done with the SRTCP of a viewer.
fn feedback(
    engine: &Rc<RefCell<Engine>>,
    awake: &Rc<Notify>,
) -> impl FnMut(u64, &[u8]) + Clone + 'static {
    let (engine, awake) = (Rc::clone(engine), Rc::clone(awake));
    move |number, datagram| {
        if engine.borrow_mut().feedback(number, datagram) {
            awake.notify_one();
        }
    }
}

async fn writable(sockets: &[Rc<Registered>], index: usize) {
    match sockets.get(index) {
        Some(socket) => socket.writable().await,
        None => std::future::pending().await,
    }
}

/// The shard's viewers, and when each of them is to be looked at.
struct Engine {
    places: Vec<Place>,
    free: Vec<usize>,
    feeds: Vec<Hung>,
    ticks: Ticks,
    batch: Batch,
    /// Where the batch that met a full socket buffer is to go.
    stuck: Option<Path>,
    counters: Arc<ShardCounters>,
    rung: Arc<Notify>,
}

struct Place {
    /// Tells the viewers of one place apart that come one after the other.
    generation: u32,
    viewer: Option<(Viewer, oneshot::Sender<Ended>)>,
}

/// A log that viewers of this shard follow.
struct Hung {
    feed: Arc<Feed>,
    bell: Arc<Bell>,
    /// Places of the viewers that wait at its end.
    starved: Vec<usize>,
}

impl Engine {
    fn new(counters: Arc<ShardCounters>, rung: Arc<Notify>) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            feeds: Vec::new(),
            ticks: Ticks::new(Instant::now()),
            batch: Batch::new(),
            stuck: None,
            counters,
            rung,
        }
    }

    /// Looks at everybody whose time has come. `Some`: this socket's buffer is full; run again when it has room.
    fn run(&mut self, now: Instant, port: &Port) -> Option<usize> {
        if let Some(path) = self.stuck.take()
            && self.batch.flush(port, &path) == Flushed::Full
        {
            let socket = path.remote.socket;
            self.stuck = Some(path);
            return Some(socket);
        }
        self.ticks.turn(now);
        while let Some(place) = self.ticks.pop() {
            // The time of each look: a tick with many viewers takes some milliseconds.
            if let Some(path) = self.look(place, Instant::now()) {
                let socket = path.remote.socket;
                self.stuck = Some(path);
                self.ticks.again(place);
                return Some(socket);
            }
        }
        None
    }

    /// `Some`: the batch could not leave on this path.
    fn look(&mut self, place: usize, now: Instant) -> Option<Path> {
        let (viewer, _) = self.places.get_mut(place)?.viewer.as_mut()?;
        let mut out = Outgoing {
            batch: &mut self.batch,
            counters: &self.counters,
        };
        match viewer.run(now, &mut out) {
            Next::At(at) => self.ticks.set(place, at),
            Next::Appended => {
                let feed = Arc::as_ptr(viewer.subscription.feed());
                self.ticks.set(place, viewer.next_report());
                let hung = self.feeds.iter_mut();
                if let Some(hung) = hung
                    .into_iter()
                    .find(|hung| Arc::as_ptr(&hung.feed) == feed)
                    && !hung.starved.contains(&place)
                {
                    hung.starved.push(place);
                }
            }
            Next::Full => return Some(viewer.path().clone()),
            Next::Over => self.end(place, Ended::StreamOver),
            Next::Gone => self.end(place, Ended::ViewerGone),
        }
        None
    }

    fn feedback(&mut self, number: u64, datagram: &[u8]) -> bool {
        let Some(place) = self.place_of(number) else {
            return false;
        };
        let Some((viewer, _)) = &mut self.places[place].viewer else {
            return false;
        };
        let urgent = viewer.feedback(Instant::now(), datagram, &self.counters);
        if urgent {
            self.ticks.soon(place);
        }
        urgent
    }

    /// Logs have grown: whoever waited for that is looked at.
    fn rung(&mut self) {
        for hung in &mut self.feeds {
            if hung.bell.take_rung() {
                for place in hung.starved.drain(..) {
                    self.ticks.soon(place);
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Watch(watch, placed) => {
                let feed = Arc::clone(watch.subscription.feed());
                let route = Arc::clone(&watch.route);
                let bell = self.bell_of(&feed);
                let Some(viewer) = Viewer::new(*watch, bell, Instant::now()) else {
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
                route.feedback_to(number);
                self.counters.viewers.fetch_add(1, Ordering::Relaxed);
                self.ticks.soon(place);
                if placed.send((number, end)).is_err() {
                    self.leave(place);
                }
            }
            Order::Leave(number) => {
                if let Some(place) = self.place_of(number) {
                    self.leave(place);
                }
            }
        }
    }

    fn bell_of(&mut self, feed: &Arc<Feed>) -> Arc<Bell> {
        let hung = self.feeds.iter();
        if let Some(hung) = hung.into_iter().find(|hung| Arc::ptr_eq(&hung.feed, feed)) {
            return Arc::clone(&hung.bell);
        }
        let bell = Arc::new(Bell::new(Arc::clone(&self.rung)));
        feed.hang(&bell);
        self.feeds.push(Hung {
            feed: Arc::clone(feed),
            bell: Arc::clone(&bell),
            starved: Vec::new(),
        });
        bell
    }

    fn place_of(&self, number: u64) -> Option<usize> {
        let place = usize::try_from(number & u64::from(u32::MAX)).ok()?;
        let there = self.places.get(place)?;
        (there.viewer.is_some() && u64::from(there.generation) == number >> 32).then_some(place)
    }

    fn end(&mut self, place: usize, ended: Ended) {
        if let Some((_, told)) = self.leave(place) {
            // The session may have ended by itself.
            let _ = told.send(ended);
        }
    }

    fn leave(&mut self, place: usize) -> Option<(Viewer, oneshot::Sender<Ended>)> {
        let left = self.places[place].viewer.take()?;
        self.places[place].generation = self.places[place].generation.wrapping_add(1);
        self.free.push(place);
        self.ticks.forget(place);
        self.counters.viewers.fetch_sub(1, Ordering::Relaxed);
        let feed = Arc::as_ptr(left.0.subscription.feed());
        for hung in &mut self.feeds {
            hung.starved.retain(|starved| *starved != place);
        }
        let watched = self.places.iter().filter_map(|place| place.viewer.as_ref());
        if !watched
            .into_iter()
            .any(|(viewer, _)| Arc::as_ptr(viewer.subscription.feed()) == feed)
        {
            self.feeds.retain(|hung| Arc::as_ptr(&hung.feed) != feed);
        }
        Some(left)
    }
}

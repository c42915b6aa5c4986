//! A relay between a viewer and the server: it drops datagrams, copies and delays them, and changes its address, as a NAT does.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use testkit::TestServer;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToViewer,
}

/// Relays the datagrams of one viewer until it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    front: SocketAddr,
    moves: Mover,
    task: JoinHandle<()>,
}

/// Changes the address of a relay.
#[derive(Clone, Debug)]
pub(crate) struct Mover(mpsc::UnboundedSender<UdpSocket>);

impl Relay {
    /// `passes` decides about each datagram. The server has one shard.
    pub(crate) async fn start(
        server: &TestServer,
        mut passes: impl FnMut(Direction, &[u8]) -> bool + Send + 'static,
    ) -> Self {
        Self::start_with(server, move |direction, datagram| {
            let passed = passes(direction, datagram).then(|| datagram.to_vec());
            passed.into_iter().collect()
        })
        .await
    }

    /// As [`Self::start`]; `forwards` says what is sent instead of each datagram.
    pub(crate) async fn start_with(
        server: &TestServer,
        mut forwards: impl FnMut(Direction, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        Self::start_delayed(server, move |direction, datagram| {
            let forwarded = forwards(direction, datagram).into_iter();
            forwarded
                .map(|datagram| (Duration::ZERO, datagram))
                .collect()
        })
        .await
    }

    /// As [`Self::start_with`]; each datagram is sent after a time.
    pub(crate) async fn start_delayed(
        server: &TestServer,
        forwards: impl FnMut(Direction, &[u8]) -> Vec<Delayed> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let front = socket.local_addr().expect("bound");
        let (moves, moved) = mpsc::unbounded_channel();
        let running = Running {
            front: socket,
            back: back(Ipv4Addr::LOCALHOST).await,
            server: address_of(server),
            moved,
            viewer: None,
            waiting: BTreeMap::new(),
            count: 0,
        };
        Self {
            front,
            moves: Mover(moves),
            task: tokio::spawn(running.run(forwards)),
        }
    }

    /// The answer, with the relay as the only candidate.
    pub(crate) fn rewrite(&self, answer: &str) -> String {
        let candidate = format!(
            "a=candidate:1 1 udp 2130706431 {} {} typ host\r\n",
            self.front.ip(),
            self.front.port()
        );
        let mut first = true;
        let lines = answer.lines().map(|line| {
            if !line.starts_with("a=candidate:") {
                return format!("{line}\r\n");
            }
            match std::mem::replace(&mut first, false) {
                true => candidate.clone(),
                false => String::new(),
            }
        });
        lines.collect()
    }

    /// What the viewer takes for the server.
    pub(crate) fn front(&self) -> SocketAddr {
        self.front
    }

    /// As [`Mover::move_to`].
    pub(crate) async fn move_to(&self, address: Ipv4Addr) {
        self.moves.move_to(address).await;
    }

    pub(crate) fn mover(&self) -> Mover {
        self.moves.clone()
    }
}

impl Mover {
    /// From now on the server sees the viewer at this address. Datagrams to the previous one are lost.
    pub(crate) async fn move_to(&self, address: Ipv4Addr) {
        let moved = self.0.send(back(address).await);
        moved.expect("the relay runs");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The loopback address of the server's first port.
pub(crate) fn address_of(server: &TestServer) -> SocketAddr {
    let mut addresses = server.viewers.addresses().into_iter();
    let loopback = addresses.find(|address| address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST));
    loopback.expect("the server is on this machine too")
}

async fn back(address: Ipv4Addr) -> UdpSocket {
    UdpSocket::bind((address, 0)).await.expect("a free port")
}

/// A datagram, and how long it waits.
pub(crate) type Delayed = (Duration, Vec<u8>);

struct Running {
    front: UdpSocket,
    back: UdpSocket,
    server: SocketAddr,
    moved: mpsc::UnboundedReceiver<UdpSocket>,
    viewer: Option<SocketAddr>,
    /// By when it is sent, then in the order of arrival.
    waiting: BTreeMap<(Instant, u64), (Direction, Vec<u8>)>,
    count: u64,
}

impl Running {
    async fn run(mut self, mut forwards: impl FnMut(Direction, &[u8]) -> Vec<Delayed>) {
        let (mut of_viewer, mut of_server) = ([0; 2048], [0; 2048]);
        loop {
            let next = self.waiting.first_key_value().map(|((at, _), _)| *at);
            let due = async {
                match next {
                    Some(at) => sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                Ok((length, from)) = self.front.recv_from(&mut of_viewer) => {
                    self.viewer = Some(from);
                    let delayed = forwards(Direction::ToServer, &of_viewer[..length]);
                    self.forward(Direction::ToServer, delayed).await;
                }
                Ok((length, _)) = self.back.recv_from(&mut of_server) => {
                    let delayed = forwards(Direction::ToViewer, &of_server[..length]);
                    self.forward(Direction::ToViewer, delayed).await;
                }
                () = due => {
                    if let Some((_, (direction, datagram))) = self.waiting.pop_first() {
                        self.send(direction, &datagram).await;
                    }
                }
                Some(back) = self.moved.recv() => self.back = back,
                else => return,
            }
        }
    }

    async fn forward(&mut self, direction: Direction, delayed: Vec<Delayed>) {
        for (delay, datagram) in delayed {
            if delay.is_zero() {
                self.send(direction, &datagram).await;
                continue;
            }
            self.count += 1;
            let at = (Instant::now() + delay, self.count);
            self.waiting.insert(at, (direction, datagram));
        }
    }

    /// As on any network, what cannot be sent is lost.
    async fn send(&self, direction: Direction, datagram: &[u8]) {
        let _ = match (direction, self.viewer) {
            (Direction::ToServer, _) => self.back.send_to(datagram, self.server).await,
            (Direction::ToViewer, Some(viewer)) => self.front.send_to(datagram, viewer).await,
            (Direction::ToViewer, None) => return,
        };
    }
}

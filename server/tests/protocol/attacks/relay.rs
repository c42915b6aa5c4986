//! A relay between a viewer and the server: it drops datagrams, copies them, and changes its address, as a NAT does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use testkit::TestServer;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToViewer,
}

/// Relays the datagrams of one viewer until it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    front: SocketAddr,
    moves: mpsc::UnboundedSender<UdpSocket>,
    task: JoinHandle<()>,
}

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
        forwards: impl FnMut(Direction, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let front = socket.local_addr().expect("bound");
        let (moves, moved) = mpsc::unbounded_channel();
        let running = Running {
            front: socket,
            back: back(Ipv4Addr::LOCALHOST).await,
            server: address_of(server),
            moved,
        };
        Self {
            front,
            moves,
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

    /// From now on the server sees the viewer at this address. Datagrams to the previous one are lost.
    pub(crate) async fn move_to(&self, address: Ipv4Addr) {
        let moved = self.moves.send(back(address).await);
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

struct Running {
    front: UdpSocket,
    back: UdpSocket,
    server: SocketAddr,
    moved: mpsc::UnboundedReceiver<UdpSocket>,
}

impl Running {
    async fn run(mut self, mut forwards: impl FnMut(Direction, &[u8]) -> Vec<Vec<u8>>) {
        let (mut of_viewer, mut of_server) = ([0; 2048], [0; 2048]);
        let mut viewer = None;
        loop {
            tokio::select! {
                Ok((length, from)) = self.front.recv_from(&mut of_viewer) => {
                    viewer = Some(from);
                    for datagram in forwards(Direction::ToServer, &of_viewer[..length]) {
                        // As on any network, what cannot be sent is lost.
                        let _ = self.back.send_to(&datagram, self.server).await;
                    }
                }
                Ok((length, _)) = self.back.recv_from(&mut of_server) => {
                    let Some(viewer) = viewer else {
                        continue;
                    };
                    for datagram in forwards(Direction::ToViewer, &of_server[..length]) {
                        let _ = self.front.send_to(&datagram, viewer).await;
                    }
                }
                Some(back) = self.moved.recv() => self.back = back,
                else => return,
            }
        }
    }
}

//! The one UDP port: real sockets that all viewers share, bound once at start.
//!
//! One socket a local address, all on the same port, so that a reply leaves from the address that was
//! asked. What arrives is handed to the viewer that [`Routes`] names, through a bounded inbox a socket.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::bind::{NetError, bind};
use super::routes::{Remote, RouteId, Routes, is_stun};

/// Datagrams that wait for one viewer; a viewer sends a few feedback packets a second.
const INBOX: usize = 128;

/// Larger than any datagram of a browser, which keeps to the path's 1,200 to 1,500 bytes.
const MAX_DATAGRAM: usize = 2048;

/// The shared port. Clones are the same port; it is closed when the last one is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sockets: Vec<Arc<Socket>>,
    routes: Arc<Mutex<Routes<Arc<Inboxes>>>>,
    candidates: Vec<String>,
    tasks: Vec<AbortHandle>,
}

#[derive(Debug)]
struct Socket {
    io: UdpSocket,
    address: SocketAddr,
    /// Viewers whose send met a full socket buffer, until it has room again.
    waiting: Mutex<Vec<Waker>>,
    full: Notify,
}

type Inboxes = Vec<Mutex<Inbox>>;

/// What has arrived for one viewer on one socket.
#[derive(Debug, Default)]
struct Inbox {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    waker: Option<Waker>,
}

impl Net {
    /// Opens `port` (0: any free one) on every address of this machine. `public` is an address that is
    /// forwarded to this machine, offered before all others.
    pub(crate) fn bind(port: u16, public: Option<IpAddr>) -> Result<Self, NetError> {
        let mut sockets = Vec::new();
        for io in bind(port)? {
            let address = io.local_addr().map_err(NetError::Interfaces)?;
            sockets.push(Arc::new(Socket {
                io,
                address,
                waiting: Mutex::default(),
                full: Notify::new(),
            }));
        }
        let routes = Arc::new(Mutex::new(Routes::default()));
        let mut offered: Vec<SocketAddr> = sockets.iter().map(|socket| socket.address).collect();
        if let (Some(public), Some(port)) = (public, offered.first().map(SocketAddr::port)) {
            offered.retain(|address| address.ip() != public);
            offered.insert(0, SocketAddr::new(public, port));
        }
        let candidates = offered.into_iter().enumerate();
        let candidates = candidates
            .map(|(rank, address)| host_candidate(rank, address))
            .collect();
        let mut tasks = Vec::with_capacity(sockets.len() * 2);
        for (index, socket) in sockets.iter().enumerate() {
            tasks.push(tokio::spawn(receive(socket.clone(), index, routes.clone())).abort_handle());
            tasks.push(tokio::spawn(wake_when_writable(socket.clone())).abort_handle());
        }
        Ok(Self {
            shared: Arc::new(Shared {
                sockets,
                routes,
                candidates,
                tasks,
            }),
        })
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.shared.sockets.iter().map(|socket| socket.address)
    }

    /// `candidate:...` lines of this port, best first, loopback last.
    pub(crate) fn candidates(&self) -> &[String] {
        &self.shared.candidates
    }

    /// A viewer's share of the port, until it is dropped.
    pub(crate) fn open(&self) -> Route {
        let inboxes: Arc<Inboxes> = Arc::new(
            self.shared
                .sockets
                .iter()
                .map(|_| Mutex::default())
                .collect(),
        );
        let id = lock(&self.shared.routes).add(inboxes.clone());
        Route {
            net: self.clone(),
            id,
            inboxes,
            arrived: AtomicBool::new(false),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// One viewer's share of the port.
#[derive(Debug)]
pub(crate) struct Route {
    net: Net,
    id: RouteId,
    inboxes: Arc<Inboxes>,
    arrived: AtomicBool,
}

impl Route {
    /// Names the viewer by the ufrag of our answer; again after every ICE restart.
    pub(crate) fn name(&self, ufrag: &str) {
        lock(&self.net.shared.routes).name(self.id, ufrag);
    }

    /// Which socket has this local address.
    pub(crate) fn socket_of(&self, ip: IpAddr) -> Option<usize> {
        self.net
            .shared
            .sockets
            .iter()
            .position(|socket| socket.address.ip() == ip)
    }

    /// Whether anything was received since the last time that this was asked.
    pub(crate) fn take_arrived(&self) -> bool {
        self.arrived.swap(false, Ordering::Relaxed)
    }

    /// Sends one datagram. A datagram that the network refuses (no route, no such address family) is
    /// lost, as it may be further on; `Pending` only while the socket's buffer is full.
    pub(crate) fn poll_send(
        &self,
        context: &mut Context<'_>,
        index: usize,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<()> {
        let socket = &self.net.shared.sockets[index];
        if is_stun(datagram) {
            lock(&self.net.shared.routes).expect(
                Instant::now(),
                self.id,
                Remote {
                    socket: index,
                    address: to,
                },
            );
        }
        match socket.io.try_send_to(datagram, to) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                lock(&socket.waiting).push(context.waker().clone());
                socket.full.notify_one();
                Poll::Pending
            }
            Err(error) => {
                tracing::trace!(%to, %error, "datagram not sent");
                Poll::Ready(())
            }
            Ok(_) => Poll::Ready(()),
        }
    }

    /// Takes the next datagram that came on socket `index` for this viewer.
    pub(crate) fn poll_receive(
        &self,
        context: &mut Context<'_>,
        index: usize,
    ) -> Poll<(SocketAddr, Bytes)> {
        let mut inbox = lock(&self.inboxes[index]);
        match inbox.datagrams.pop_front() {
            Some(datagram) => {
                self.arrived.store(true, Ordering::Relaxed);
                Poll::Ready(datagram)
            }
            None => {
                match &mut inbox.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    empty => *empty = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        lock(&self.net.shared.routes).remove(self.id);
    }
}

async fn receive(socket: Arc<Socket>, index: usize, routes: Arc<Mutex<Routes<Arc<Inboxes>>>>) {
    let mut buffer = [0; MAX_DATAGRAM];
    loop {
        let (length, from) = match socket.io.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // An ICMP error of some earlier send; the socket itself lives on.
                tracing::trace!(%error, "receive");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let datagram = &buffer[..length];
        let remote = Remote {
            socket: index,
            address: from,
        };
        let Some(inboxes) = lock(&routes)
            .route(Instant::now(), remote, datagram)
            .cloned()
        else {
            continue;
        };
        let mut inbox = lock(&inboxes[index]);
        if inbox.datagrams.len() < INBOX {
            inbox
                .datagrams
                .push_back((from, Bytes::copy_from_slice(datagram)));
            if let Some(waker) = inbox.waker.take() {
                drop(inbox);
                waker.wake();
            }
        }
    }
}

/// Wakes those who met a full buffer. tokio keeps one waker a socket, and many viewers share it.
async fn wake_when_writable(socket: Arc<Socket>) {
    loop {
        socket.full.notified().await;
        if socket.io.writable().await.is_err() {
            return;
        }
        for waker in std::mem::take(&mut *lock(&socket.waiting)) {
            waker.wake();
        }
    }
}

/// RFC 8839 5.1; priority as RFC 8445 5.1.2.1, lower with every rank.
fn host_candidate(rank: usize, address: SocketAddr) -> String {
    let local_preference = 65535_u32.saturating_sub(u32::try_from(rank).unwrap_or(u32::MAX));
    let priority = (126 << 24) + (local_preference << 8) + 255;
    format!(
        "candidate:{} 1 udp {priority} {} {} typ host",
        rank + 1,
        address.ip(),
        address.port()
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks; were it to, the queues would still be whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_has_the_same_port_and_a_candidate() {
        let net = Net::bind(0, Some(IpAddr::from([203, 0, 113, 5]))).unwrap();
        let ports: Vec<u16> = net.addresses().map(|address| address.port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
        assert!(
            net.candidates()[0].contains(&format!(" 203.0.113.5 {} typ host", ports[0])),
            "the public address comes first"
        );
        assert_eq!(net.candidates().len(), ports.len() + 1);
        assert!(net.addresses().any(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn a_taken_port_is_told_in_a_sentence() {
        let first = Net::bind(0, None).unwrap();
        let port = first.addresses().next().unwrap().port();
        let error = Net::bind(port, None).unwrap_err().to_string();
        assert!(
            error.contains("--udp-port") && error.contains(&port.to_string()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn stray_packets_reach_nobody_and_a_named_one_its_viewer() {
        let net = Net::bind(0, None).unwrap();
        let route = net.open();
        route.name("abcd");
        let loopback = net
            .addresses()
            .find(|address| address.ip() == IpAddr::from([127, 0, 0, 1]))
            .unwrap();
        let index = route.socket_of(loopback.ip()).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        peer.send_to(b"stray", loopback).await.unwrap();
        let mut request = vec![0, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
        request.extend([0; 12]);
        request.extend([0, 6, 0, 6]);
        request.extend(b"abcd:x\0\0");
        peer.send_to(&request, loopback).await.unwrap();
        peer.send_to(b"\x80media", loopback).await.unwrap();
        let next = || std::future::poll_fn(|context| route.poll_receive(context, index));
        assert_eq!(
            next().await,
            (peer.local_addr().unwrap(), Bytes::from(request))
        );
        assert_eq!(next().await.1, Bytes::from_static(b"\x80media"));
    }
}

//! One peer's share of a port: its inboxes, and the path to it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Notify;

use super::datagram::DatagramKind;
use super::port::{Port, lock};
use super::routes::{Remote, RouteId};
use super::tcp::TcpSendQueue;

/// Datagrams that wait in one inbox; STUN, DTLS and RTCP are a few a second.
const MAX_INBOX: usize = 128;

/// The first byte of a DTLS alert (RFC 6347 4.1, RFC 5246 6.2.1).
const DTLS_ALERT: u8 = 21;
/// TCP connections of one peer; a browser opens one for each of our candidates.
const MAX_CONNECTIONS: usize = 16;

/// One peer's share of a port.
#[derive(Debug)]
pub struct Route {
    port: Arc<Port>,
    id: RouteId,
    peer: Arc<PeerState>,
    selected: Mutex<SelectedPath>,
    /// Incremented when the path changes, so that the holder of a copy notices.
    path_version: AtomicU64,
    srtcp_captured: Notify,
}

/// The local socket and the remote address of packets to a peer.
#[derive(Clone, Debug)]
pub struct Path {
    pub remote: Remote,
    /// The send queue of the TCP connection; `None` over UDP.
    pub tcp: Option<Arc<TcpSendQueue>>,
}

impl Path {
    /// Packets of one size that may leave in one system call.
    pub fn segments(&self, port: &Port) -> usize {
        match self.tcp {
            Some(_) => usize::MAX,
            None => port.sockets()[self.remote.socket].segments(),
        }
    }

    /// True while media should wait: the queue of the TCP connection is full.
    pub fn is_full(&self) -> bool {
        self.tcp.as_ref().is_some_and(|queue| queue.is_full())
    }
}

/// The path that ICE has selected, as seen from where the connection sends encrypted datagrams.
#[derive(Debug, Default)]
struct SelectedPath {
    path: Option<Path>,
    /// The remote address that ICE has selected.
    ice_remote: Option<Remote>,
    /// See [`Route::capture_srtcp`].
    captured: Option<Bytes>,
    capturing: bool,
}

/// State that the port shares with the route of a peer.
#[derive(Debug)]
pub(super) struct PeerState {
    /// One for each socket of the port.
    inboxes: Vec<Mutex<Inbox>>,
    received: AtomicBool,
    dtls_alert: Notify,
    /// The id with which the peer's SRTCP is passed to the shard, plus one; 0: SRTCP goes to the inbox.
    feedback_target: AtomicU64,
    /// TCP connections of the peer, and whether there are any.
    connections: Mutex<Vec<(Remote, Arc<TcpSendQueue>)>>,
    over_tcp: AtomicBool,
    /// The address that ICE has selected and the peer's current address, when they differ.
    migration: Mutex<Option<Migration>>,
    has_migrated: AtomicBool,
}

/// A peer whose address is no longer the one that ICE has selected.
#[derive(Clone, Copy, Debug)]
struct Migration {
    ice_remote: Remote,
    actual: Remote,
}

/// Datagrams that arrived on one socket.
#[derive(Debug, Default)]
struct Inbox {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    waker: Option<Waker>,
}

impl Route {
    pub(super) fn new(port: Arc<Port>, sockets: usize) -> Self {
        let peer = Arc::new(PeerState {
            inboxes: (0..sockets).map(|_| Mutex::default()).collect(),
            received: AtomicBool::new(false),
            dtls_alert: Notify::new(),
            feedback_target: AtomicU64::new(0),
            connections: Mutex::default(),
            over_tcp: AtomicBool::new(false),
            migration: Mutex::default(),
            has_migrated: AtomicBool::new(false),
        });
        let id = port.routes().add(Arc::clone(&peer));
        Self {
            port,
            id,
            peer,
            selected: Mutex::default(),
            path_version: AtomicU64::new(0),
            srtcp_captured: Notify::new(),
        }
    }

    /// Routes STUN requests with the ufrag of our answer to this peer; called again after every ICE restart.
    pub fn set_ufrag(&self, ufrag: &str) {
        self.port.routes().set_ufrag(self.id, ufrag);
    }

    /// Index of the socket with this local address.
    pub fn socket_index(&self, ip: IpAddr) -> Option<usize> {
        let mut addresses = self.port.addresses();
        addresses.position(|address| address.ip() == ip)
    }

    pub fn port(&self) -> &Port {
        &self.port
    }

    /// From now on the peer's SRTCP goes to the shard, with this id.
    pub fn set_feedback_target(&self, id: u64) {
        self.peer.feedback_target.store(id + 1, Ordering::Release);
    }

    /// Returns when a DTLS alert arrives.
    pub async fn dtls_alert(&self) {
        self.peer.dtls_alert.notified().await;
    }

    /// Whether a datagram was taken out of an inbox since the last call.
    pub fn take_received(&self) -> bool {
        self.peer.received.swap(false, Ordering::Relaxed)
    }

    /// The path of the last SRTCP datagram that the connection sent: the one that ICE has selected. `None` before that.
    pub fn path(&self) -> Option<Path> {
        lock(&self.selected).path.clone()
    }

    /// Increases with every change of the path.
    pub fn path_version(&self) -> u64 {
        self.path_version.load(Ordering::Acquire)
    }

    /// Runs `send`, which makes the connection send SRTCP, and returns the encrypted datagram.
    pub async fn capture_srtcp(&self, send: impl Future<Output = ()>) -> Bytes {
        lock(&self.selected).capturing = true;
        send.await;
        loop {
            let captured = self.srtcp_captured.notified();
            if let Some(report) = lock(&self.selected).captured.take() {
                return report;
            }
            captured.await;
        }
    }

    /// Sends one datagram from socket `index`. A datagram that the network refuses (no route, no such address family) is
    /// lost; `Pending` only while the socket's buffer is full.
    pub fn poll_send(
        &self,
        context: &mut Context<'_>,
        index: usize,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<()> {
        let ice_remote = Remote {
            socket: index,
            address: to,
            tcp: self.peer.is_over_tcp(index, to),
        };
        let remote = self.peer.actual_remote(ice_remote);
        let queue = self.peer.tcp_queue(remote);
        match DatagramKind::of(datagram) {
            DatagramKind::Stun => {
                self.port
                    .routes()
                    .expect_response(Instant::now(), self.id, remote)
            }
            DatagramKind::Rtcp => self.select_path(ice_remote, remote, &queue, datagram),
            _ => {}
        }
        match queue {
            None => {
                let socket = &self.port.sockets()[remote.socket];
                socket.poll_send(context, remote.address, datagram)
            }
            Some(queue) => {
                // A full queue loses the datagram. A peer that does not respond is disconnected soon.
                let _ = queue.send(datagram);
                Poll::Ready(())
            }
        }
    }

    /// Takes the next datagram that arrived on socket `index` for this peer.
    pub fn poll_receive(
        &self,
        context: &mut Context<'_>,
        index: usize,
    ) -> Poll<(SocketAddr, Bytes)> {
        let mut inbox = lock(&self.peer.inboxes[index]);
        match inbox.datagrams.pop_front() {
            Some(datagram) => {
                self.peer.received.store(true, Ordering::Relaxed);
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

    /// Moves the path to another address, for example after a NAT rebinding. The caller has authenticated a packet from that address. webrtc 0.21.1 never
    /// selects another candidate pair, so its ICE agent keeps the address that it selected.
    pub fn migrate(&self, remote: Remote) {
        let mut selected = lock(&self.selected);
        let Some(ice_remote) = selected.ice_remote else {
            return;
        };
        if selected
            .path
            .as_ref()
            .is_some_and(|path| path.remote == remote)
        {
            return;
        }
        self.port.routes().claim(Instant::now(), self.id, remote);
        self.peer.migrate(ice_remote, remote);
        selected.path = Some(Path {
            remote,
            tcp: self.peer.tcp_queue(remote),
        });
        self.path_version.fetch_add(1, Ordering::Release);
    }

    /// Updates the path from an SRTCP datagram that the connection sends.
    fn select_path(
        &self,
        ice_remote: Remote,
        remote: Remote,
        queue: &Option<Arc<TcpSendQueue>>,
        srtcp: &[u8],
    ) {
        let mut selected = lock(&self.selected);
        selected.ice_remote = Some(ice_remote);
        let same = selected.path.as_ref().is_some_and(|path| {
            let queues = path.tcp.as_ref().zip(queue.as_ref());
            path.remote == remote && queues.is_none_or(|(one, other)| Arc::ptr_eq(one, other))
        });
        if !same {
            selected.path = Some(Path {
                remote,
                tcp: queue.clone(),
            });
            self.path_version.fetch_add(1, Ordering::Release);
        }
        if std::mem::take(&mut selected.capturing) {
            selected.captured = Some(Bytes::copy_from_slice(srtcp));
            // Stores a permit when `capture_srtcp` does not wait yet.
            self.srtcp_captured.notify_one();
        }
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.port.routes().remove(self.id);
    }
}

impl PeerState {
    fn feedback_target(&self) -> Option<u64> {
        self.feedback_target.load(Ordering::Acquire).checked_sub(1)
    }

    /// Adds a TCP connection of the peer. False: it has too many.
    pub(super) fn connected(&self, remote: Remote, queue: &Arc<TcpSendQueue>) -> bool {
        let mut connections = lock(&self.connections);
        connections.retain(|(other, _)| *other != remote);
        if connections.len() == MAX_CONNECTIONS {
            return false;
        }
        connections.push((remote, Arc::clone(queue)));
        self.over_tcp.store(true, Ordering::Release);
        true
    }

    pub(super) fn disconnected(&self, remote: Remote) {
        let mut connections = lock(&self.connections);
        connections.retain(|(other, _)| *other != remote);
        self.over_tcp
            .store(!connections.is_empty(), Ordering::Release);
    }

    /// Whether this address is the remote end of a TCP connection.
    fn is_over_tcp(&self, socket: usize, address: SocketAddr) -> bool {
        let remote = Remote {
            socket,
            address,
            tcp: true,
        };
        self.over_tcp.load(Ordering::Acquire) && self.tcp_queue(remote).is_some()
    }

    /// The send queue of the TCP connection to this address.
    fn tcp_queue(&self, remote: Remote) -> Option<Arc<TcpSendQueue>> {
        if !remote.tcp {
            return None;
        }
        let connections = lock(&self.connections);
        let (_, queue) = connections.iter().find(|(other, _)| *other == remote)?;
        Some(Arc::clone(queue))
    }

    pub(super) fn dispatch(
        &self,
        from: Remote,
        datagram: &[u8],
        on_srtcp: &mut impl FnMut(Option<u64>, Remote, &[u8]),
    ) {
        match (DatagramKind::of(datagram), self.feedback_target()) {
            (DatagramKind::Rtcp, Some(id)) => on_srtcp(Some(id), from, datagram),
            // A shard receives no media from its viewers.
            (DatagramKind::Rtp, Some(_)) => {}
            _ => self.enqueue(from, datagram),
        }
    }

    fn migrate(&self, ice_remote: Remote, actual: Remote) {
        let migrated = ice_remote != actual;
        *lock(&self.migration) = migrated.then_some(Migration { ice_remote, actual });
        self.has_migrated.store(migrated, Ordering::Release);
    }

    /// The address to send to when ICE sends to `remote`.
    fn actual_remote(&self, remote: Remote) -> Remote {
        match self.migration() {
            Some(migration) if migration.ice_remote == remote => migration.actual,
            _ => remote,
        }
    }

    /// The source address that ICE sees when a datagram comes from `remote`.
    fn ice_remote(&self, remote: Remote) -> Remote {
        match self.migration() {
            Some(migration) if migration.actual == remote => migration.ice_remote,
            _ => remote,
        }
    }

    fn migration(&self) -> Option<Migration> {
        if !self.has_migrated.load(Ordering::Acquire) {
            return None;
        }
        *lock(&self.migration)
    }

    fn enqueue(&self, from: Remote, datagram: &[u8]) {
        if datagram.first() == Some(&DTLS_ALERT) {
            self.dtls_alert.notify_one();
        }
        let from = self.ice_remote(from);
        let mut inbox = lock(&self.inboxes[from.socket]);
        if inbox.datagrams.len() < MAX_INBOX {
            let datagram = Bytes::copy_from_slice(datagram);
            inbox.datagrams.push_back((from.address, datagram));
            if let Some(waker) = inbox.waker.take() {
                drop(inbox);
                waker.wake();
            }
        }
    }
}

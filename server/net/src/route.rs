//! One peer's share of a port, and the path to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Notify;

use super::datagram::DatagramKind;
use super::peer::PeerState;
use super::port::{Port, lock};
use super::routes::{Remote, RouteId};
use super::tcp::TcpSendQueue;

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
            None => {
                let socket = port.socket(self.remote.socket);
                socket.map_or(1, |socket| socket.segments())
            }
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

impl Route {
    pub(super) fn new(port: Arc<Port>, sockets: impl Iterator<Item = usize>) -> Self {
        let peer = Arc::new(PeerState::new(sockets));
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
        let sockets = self.port.sockets();
        let socket = sockets.iter().find(|socket| socket.address().ip() == ip)?;
        Some(socket.index())
    }

    pub fn port(&self) -> &Port {
        &self.port
    }

    /// From now on the peer's SRTCP goes to the shard, with this id.
    pub fn set_feedback_target(&self, id: u64) {
        self.peer.set_feedback_target(id);
    }

    /// Returns when a DTLS alert arrives.
    pub async fn dtls_alert(&self) {
        self.peer.dtls_alert().await;
    }

    /// Whether a datagram was taken out of an inbox since the last call.
    pub fn take_received(&self) -> bool {
        self.peer.take_received()
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
            None => match self.port.socket(remote.socket) {
                Some(socket) => socket.poll_send(context, remote.address, datagram),
                // The address is gone.
                None => Poll::Ready(()),
            },
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
        self.peer.poll_receive(context, index)
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

//! One peer's share of a port, and the path to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use super::peer::PeerState;
use super::port::{Port, lock};
use super::routes::{Remote, RouteId};
use super::socket::Socket;
use super::tcp::TcpSendQueue;

/// One peer's share of a port. The peer's connection learns addresses and selects the path; the shard sends along it.
#[derive(Debug)]
pub struct Route {
    port: Arc<Port>,
    id: RouteId,
    peer: Arc<PeerState>,
    selected: Mutex<Option<Path>>,
    /// Incremented when the path changes, so that the holder of a copy notices.
    path_version: AtomicU64,
}

/// The local socket and the remote address of packets to a peer.
#[derive(Clone, Debug)]
pub struct Path {
    remote: Remote,
    link: Link,
}

/// What packets are sent through.
#[derive(Clone, Debug)]
pub(super) enum Link {
    /// Weak: a path does not keep the socket open when its address is gone.
    Udp(Weak<Socket>),
    Tcp(Arc<TcpSendQueue>),
    /// The TCP connection is gone.
    Closed,
}

impl Path {
    pub fn remote(&self) -> Remote {
        self.remote
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Packets of one size that may leave in one system call.
    pub fn segments(&self) -> usize {
        match &self.link {
            Link::Udp(socket) => socket.upgrade().map_or(1, |socket| socket.segments()),
            Link::Tcp(_) => usize::MAX,
            Link::Closed => 1,
        }
    }

    /// True while media should wait: the queue of the TCP connection is full.
    pub fn is_full(&self) -> bool {
        matches!(&self.link, Link::Tcp(queue) if queue.is_full())
    }

    /// False: the TCP connection or the address of this machine is gone, and nothing is sent.
    pub fn is_open(&self) -> bool {
        match &self.link {
            Link::Udp(socket) => socket.strong_count() > 0,
            Link::Tcp(_) => true,
            Link::Closed => false,
        }
    }
}

impl Route {
    pub(super) fn new(port: Arc<Port>) -> Self {
        let peer = Arc::new(PeerState::new());
        let id = port.routes().add_with(|id| (id, Arc::clone(&peer)));
        Self {
            port,
            id,
            peer,
            selected: Mutex::default(),
            path_version: AtomicU64::new(0),
        }
    }

    /// Names the peer in [`Arrival`](super::arrival::Arrival)s.
    pub fn id(&self) -> RouteId {
        self.id
    }

    pub fn port(&self) -> &Port {
        &self.port
    }

    /// STUN requests with these ufrags of ours are for this peer: the current one, and during an ICE restart the previous one as well.
    pub fn set_ufrags(&self, ufrags: &[&str]) {
        self.port.routes().set_ufrags(self.id, ufrags);
    }

    /// From now on datagrams from this address are for this peer: a request from there was authentic. False: another peer uses the address.
    pub fn learn(&self, now: Instant, remote: Remote) -> bool {
        self.port.routes().learn(now, self.id, remote)
    }

    /// A check goes to this address, which the peer's offer names: an answer from there is for this peer.
    pub fn expect(&self, now: Instant, remote: Remote) -> bool {
        self.port.routes().expect(now, self.id, remote)
    }

    pub fn forget(&self, remote: Remote) {
        self.port.routes().forget(self.id, remote);
    }

    /// From now on the peer's SRTCP goes to the shard, with this id.
    pub fn set_feedback_target(&self, id: u64) {
        self.peer.set_feedback_target(id);
    }

    /// From now on the peer's SRTP and SRTCP go to its connection: it publishes.
    pub fn receive_media(&self) {
        self.peer.receive_media();
    }

    /// Where the peer's media goes. `None`: nowhere yet.
    pub fn path(&self) -> Option<Path> {
        lock(&self.selected).clone()
    }

    /// Increases with every change of the path.
    pub fn path_version(&self) -> u64 {
        self.path_version.load(Ordering::Acquire)
    }

    /// From now on media goes to this address, which has answered.
    pub fn select(&self, remote: Remote) {
        let link = match remote.tcp {
            true => self.peer.tcp_queue(remote).map(Link::Tcp),
            false => {
                let socket = self.port.socket(remote.socket);
                Some(Link::Udp(
                    socket.map_or_else(Weak::new, |socket| Arc::downgrade(&socket)),
                ))
            }
        };
        let link = link.unwrap_or(Link::Closed);
        *lock(&self.selected) = Some(Path { remote, link });
        self.path_version.fetch_add(1, Ordering::Release);
    }

    /// Sends one datagram of the connection. It is lost when the network refuses it or a buffer is full: ICE and DTLS send again.
    pub fn send(&self, to: Remote, datagram: &[u8]) {
        let sent = match to.tcp {
            true => self.peer.tcp_queue(to).map(|queue| queue.send(datagram)),
            false => {
                let socket = self.port.socket(to.socket);
                socket.map(|socket| socket.send(to.address, datagram, datagram.len()))
            }
        };
        if let Some(Err(error)) = sent {
            tracing::trace!(to = %to.address, %error, "datagram not sent");
        }
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.port.routes().remove(self.id);
    }
}

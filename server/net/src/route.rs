//! One peer's share of a port: what arrives for it, and where what it sends goes.

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

/// Datagrams that wait for one peer; what passes through here is a few a second.
const INBOX: usize = 128;

/// What the first byte of a DTLS record with an alert is (RFC 6347 4.1, RFC 5246 6.2.1).
const ALERT: u8 = 21;
/// A browser tries a connection for each of our addresses.
const MAX_STREAMS: usize = 16;

/// One peer's share of a port.
#[derive(Debug)]
pub struct Route {
    port: Arc<Port>,
    id: RouteId,
    peer: Arc<PeerState>,
    selected: Mutex<SelectedPath>,
    /// Counts the changes of the path, so that whoever keeps a copy of it knows when it is old.
    changes: AtomicU64,
    reported: Notify,
}

/// Where packets leave: which of the sockets of the port, and to whom.
#[derive(Clone, Debug)]
pub struct Path {
    pub remote: Remote,
    /// The connection, where it is TCP.
    pub stream: Option<Arc<TcpSendQueue>>,
}

impl Path {
    /// So many packets of one size may leave as one.
    pub fn segments(&self, port: &Port) -> usize {
        match self.stream {
            Some(_) => usize::MAX,
            None => port.sockets()[self.remote.socket].segments(),
        }
    }

    /// True while media had better wait: what was sent has not left yet.
    pub fn is_full(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.is_full())
    }
}

/// The last that was sent encrypted.
#[derive(Debug, Default)]
struct SelectedPath {
    path: Option<Path>,
    /// Where ICE believes the peer to be.
    believed: Option<Remote>,
    /// Kept while somebody wants to see one: see [`Route::capture_srtcp`].
    report: Option<Bytes>,
    report_wanted: bool,
}

/// What the port knows of a peer.
#[derive(Debug)]
pub(super) struct PeerState {
    /// One a socket of the port.
    inboxes: Vec<Mutex<Inbox>>,
    arrived: AtomicBool,
    dtls_alert: Notify,
    /// Who gets the SRTCP of the peer, plus one; 0 is nobody.
    feedback: AtomicU64,
    /// TCP connections of the peer, and whether there are any.
    streams: Mutex<Vec<(Remote, Arc<TcpSendQueue>)>>,
    over_tcp: AtomicBool,
    /// Where ICE believes the peer to be, and where it is.
    moved: Mutex<Option<(Remote, Remote)>>,
    has_moved: AtomicBool,
}

/// What has arrived on one socket.
#[derive(Debug, Default)]
struct Inbox {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    waker: Option<Waker>,
}

impl Route {
    pub(super) fn new(port: Arc<Port>, sockets: usize) -> Self {
        let peer = Arc::new(PeerState {
            inboxes: (0..sockets).map(|_| Mutex::default()).collect(),
            arrived: AtomicBool::new(false),
            dtls_alert: Notify::new(),
            feedback: AtomicU64::new(0),
            streams: Mutex::default(),
            over_tcp: AtomicBool::new(false),
            moved: Mutex::default(),
            has_moved: AtomicBool::new(false),
        });
        let id = port.routes().add(Arc::clone(&peer));
        Self {
            port,
            id,
            peer,
            selected: Mutex::default(),
            changes: AtomicU64::new(0),
            reported: Notify::new(),
        }
    }

    /// Names the peer by the ufrag of our answer; again after every ICE restart.
    pub fn set_ufrag(&self, ufrag: &str) {
        self.port.routes().set_ufrag(self.id, ufrag);
    }

    /// Which socket has this local address.
    pub fn socket_index(&self, ip: IpAddr) -> Option<usize> {
        let mut addresses = self.port.addresses();
        addresses.position(|address| address.ip() == ip)
    }

    pub fn port(&self) -> &Port {
        &self.port
    }

    /// From now on the peer's SRTCP is given to whom the shard knows by this number.
    pub fn set_feedback_target(&self, number: u64) {
        self.peer.feedback.store(number + 1, Ordering::Release);
    }

    /// Returns when a DTLS alert arrives.
    pub async fn dtls_alert(&self) {
        self.peer.dtls_alert.notified().await;
    }

    /// Whether anything was received since the last time that this was asked.
    pub fn take_received(&self) -> bool {
        self.peer.arrived.swap(false, Ordering::Relaxed)
    }

    /// The path that the last encrypted datagram took: the one that ICE has selected.
    pub fn path(&self) -> Option<Path> {
        lock(&self.selected).path.clone()
    }

    /// How often the path has changed.
    pub fn path_version(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The next SRTCP datagram that the connection sends, as it leaves. `send` makes it send one.
    pub async fn capture_srtcp(&self, send: impl Future<Output = ()>) -> Bytes {
        lock(&self.selected).report_wanted = true;
        send.await;
        loop {
            let reported = self.reported.notified();
            if let Some(report) = lock(&self.selected).report.take() {
                return report;
            }
            reported.await;
        }
    }

    /// Sends one datagram. A datagram that the network refuses (no route, no such address family) is
    /// lost, as it may be further on; `Pending` only while the socket's buffer is full.
    pub fn poll_send(
        &self,
        context: &mut Context<'_>,
        index: usize,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<()> {
        let believed = Remote {
            socket: index,
            address: to,
            tcp: self.peer.is_over_tcp(index, to),
        };
        let remote = self.peer.moved_to(believed);
        let stream = self.peer.stream(remote);
        match DatagramKind::of(datagram) {
            DatagramKind::Stun => {
                self.port
                    .routes()
                    .expect_response(Instant::now(), self.id, remote)
            }
            DatagramKind::Rtcp => self.note(believed, remote, &stream, datagram),
            _ => {}
        }
        match stream {
            None => {
                let socket = &self.port.sockets()[remote.socket];
                socket.poll_send(context, remote.address, datagram)
            }
            Some(stream) => {
                // A peer that takes nothing is soon not heard either.
                let _ = stream.send(datagram);
                Poll::Ready(())
            }
        }
    }

    /// Takes the next datagram that came on socket `index` for this peer.
    pub fn poll_receive(
        &self,
        context: &mut Context<'_>,
        index: usize,
    ) -> Poll<(SocketAddr, Bytes)> {
        let mut inbox = lock(&self.peer.inboxes[index]);
        match inbox.datagrams.pop_front() {
            Some(datagram) => {
                self.peer.arrived.store(true, Ordering::Relaxed);
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

    /// The peer proves (by a packet that only it can seal) that it is at another address now: a NAT has given it a new one. ICE does not
    /// follow that (webrtc 0.21.1 selects a pair once), so it goes on believing in the old address.
    pub fn migrate(&self, remote: Remote) {
        let mut selected = lock(&self.selected);
        let Some(believed) = selected.believed else {
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
        self.peer.move_to(believed, remote);
        selected.path = Some(Path {
            remote,
            stream: self.peer.stream(remote),
        });
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn note(
        &self,
        believed: Remote,
        remote: Remote,
        stream: &Option<Arc<TcpSendQueue>>,
        report: &[u8],
    ) {
        let mut selected = lock(&self.selected);
        selected.believed = Some(believed);
        let same = selected.path.as_ref().is_some_and(|path| {
            let streams = path.stream.as_ref().zip(stream.as_ref());
            path.remote == remote && streams.is_none_or(|(one, other)| Arc::ptr_eq(one, other))
        });
        if !same {
            selected.path = Some(Path {
                remote,
                stream: stream.clone(),
            });
            self.changes.fetch_add(1, Ordering::Release);
        }
        if std::mem::take(&mut selected.report_wanted) {
            selected.report = Some(Bytes::copy_from_slice(report));
            // Stores a permit when nobody waits yet.
            self.reported.notify_one();
        }
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.port.routes().remove(self.id);
    }
}

impl PeerState {
    fn feedback(&self) -> Option<u64> {
        self.feedback.load(Ordering::Acquire).checked_sub(1)
    }

    /// Remembers a connection of the peer. False: it has too many.
    pub(super) fn connected(&self, remote: Remote, stream: &Arc<TcpSendQueue>) -> bool {
        let mut streams = lock(&self.streams);
        streams.retain(|(other, _)| *other != remote);
        if streams.len() == MAX_STREAMS {
            return false;
        }
        streams.push((remote, Arc::clone(stream)));
        self.over_tcp.store(true, Ordering::Release);
        true
    }

    pub(super) fn disconnected(&self, remote: Remote) {
        let mut streams = lock(&self.streams);
        streams.retain(|(other, _)| *other != remote);
        self.over_tcp.store(!streams.is_empty(), Ordering::Release);
    }

    /// Whether this address is the other end of a connection.
    fn is_over_tcp(&self, socket: usize, address: SocketAddr) -> bool {
        let remote = Remote {
            socket,
            address,
            tcp: true,
        };
        self.over_tcp.load(Ordering::Acquire) && self.stream(remote).is_some()
    }

    /// The connection to this address.
    fn stream(&self, remote: Remote) -> Option<Arc<TcpSendQueue>> {
        if !remote.tcp {
            return None;
        }
        let streams = lock(&self.streams);
        let (_, stream) = streams.iter().find(|(other, _)| *other == remote)?;
        Some(Arc::clone(stream))
    }

    pub(super) fn dispatch(
        &self,
        from: Remote,
        datagram: &[u8],
        feedback: &mut impl FnMut(Option<u64>, Remote, &[u8]),
    ) {
        match (DatagramKind::of(datagram), self.feedback()) {
            (DatagramKind::Rtcp, Some(to)) => feedback(Some(to), from, datagram),
            // Nobody here receives media from a viewer.
            (DatagramKind::Rtp, Some(_)) => {}
            _ => self.put(from, datagram),
        }
    }

    /// ICE goes on seeing the peer at `believed`.
    fn move_to(&self, believed: Remote, actual: Remote) {
        *lock(&self.moved) = (believed != actual).then_some((believed, actual));
        self.has_moved.store(believed != actual, Ordering::Release);
    }

    fn moved_to(&self, believed: Remote) -> Remote {
        if !self.has_moved.load(Ordering::Acquire) {
            return believed;
        }
        match *lock(&self.moved) {
            Some((from, to)) if from == believed => to,
            _ => believed,
        }
    }

    fn moved_from(&self, actual: Remote) -> Remote {
        if !self.has_moved.load(Ordering::Acquire) {
            return actual;
        }
        match *lock(&self.moved) {
            Some((from, to)) if to == actual => from,
            _ => actual,
        }
    }

    fn put(&self, from: Remote, datagram: &[u8]) {
        if datagram.first() == Some(&ALERT) {
            self.dtls_alert.notify_one();
        }
        let from = self.moved_from(from);
        let mut inbox = lock(&self.inboxes[from.socket]);
        if inbox.datagrams.len() < INBOX {
            let datagram = Bytes::copy_from_slice(datagram);
            inbox.datagrams.push_back((from.address, datagram));
            if let Some(waker) = inbox.waker.take() {
                drop(inbox);
                waker.wake();
            }
        }
    }
}

//! State that a port shares with the route of one peer: inboxes, TCP connections, the peer's current address.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Notify;

use super::datagram::DatagramKind;
use super::port::lock;
use super::routes::Remote;
use super::tcp::TcpSendQueue;

/// Datagrams that wait in one inbox; STUN, DTLS and RTCP are a few a second.
const MAX_INBOX: usize = 128;

/// The first byte of a DTLS alert (RFC 6347 4.1, RFC 5246 6.2.1).
const DTLS_ALERT: u8 = 21;
/// TCP connections of one peer; a browser opens one for each of our candidates.
const MAX_CONNECTIONS: usize = 16;

/// State that the port shares with the route of a peer.
#[derive(Debug)]
pub(super) struct PeerState {
    /// One for each socket of the port, with the socket's index.
    inboxes: Vec<(usize, Mutex<Inbox>)>,
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

impl PeerState {
    pub(super) fn new(sockets: impl Iterator<Item = usize>) -> Self {
        Self {
            inboxes: sockets.map(|index| (index, Mutex::default())).collect(),
            received: AtomicBool::new(false),
            dtls_alert: Notify::new(),
            feedback_target: AtomicU64::new(0),
            connections: Mutex::default(),
            over_tcp: AtomicBool::new(false),
            migration: Mutex::default(),
            has_migrated: AtomicBool::new(false),
        }
    }

    pub(super) fn set_feedback_target(&self, id: u64) {
        self.feedback_target.store(id + 1, Ordering::Release);
    }

    /// Returns when a DTLS alert arrives.
    pub(super) async fn dtls_alert(&self) {
        self.dtls_alert.notified().await;
    }

    /// Whether a datagram was taken out of an inbox since the last call.
    pub(super) fn take_received(&self) -> bool {
        self.received.swap(false, Ordering::Relaxed)
    }

    /// Takes the next datagram that arrived on socket `index`.
    pub(super) fn poll_receive(
        &self,
        context: &mut Context<'_>,
        index: usize,
    ) -> Poll<(SocketAddr, Bytes)> {
        let Some(inbox) = self.inbox(index) else {
            return Poll::Pending;
        };
        let mut inbox = lock(inbox);
        match inbox.datagrams.pop_front() {
            Some(datagram) => {
                self.received.store(true, Ordering::Relaxed);
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

    fn inbox(&self, socket: usize) -> Option<&Mutex<Inbox>> {
        let mut inboxes = self.inboxes.iter();
        let (_, inbox) = inboxes.find(|(index, _)| *index == socket)?;
        Some(inbox)
    }

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
    pub(super) fn is_over_tcp(&self, socket: usize, address: SocketAddr) -> bool {
        let remote = Remote {
            socket,
            address,
            tcp: true,
        };
        self.over_tcp.load(Ordering::Acquire) && self.tcp_queue(remote).is_some()
    }

    /// The send queue of the TCP connection to this address.
    pub(super) fn tcp_queue(&self, remote: Remote) -> Option<Arc<TcpSendQueue>> {
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

    pub(super) fn migrate(&self, ice_remote: Remote, actual: Remote) {
        let migrated = ice_remote != actual;
        *lock(&self.migration) = migrated.then_some(Migration { ice_remote, actual });
        self.has_migrated.store(migrated, Ordering::Release);
    }

    /// The address to send to when ICE sends to `remote`.
    pub(super) fn actual_remote(&self, remote: Remote) -> Remote {
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
        // A socket that was opened after the route is unknown to ICE.
        let Some(inbox) = self.inbox(from.socket) else {
            return;
        };
        let mut inbox = lock(inbox);
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

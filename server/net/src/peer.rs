//! State that a port shares with the route of one peer: its TCP connections, and where its SRTCP goes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::arrival::ArrivalQueue;
use super::datagram::DatagramKind;
use super::port::lock;
use super::routes::{Remote, RouteId};
use super::tcp::TcpSendQueue;

/// TCP connections of one peer; a browser opens one for each of our candidates.
const MAX_CONNECTIONS: usize = 16;

/// State that the port shares with the route of a peer.
#[derive(Debug)]
pub(super) struct PeerState {
    /// The id with which the peer's SRTCP is passed to the shard, plus one; 0: the shard does not serve the peer yet.
    feedback_target: AtomicU64,
    /// TCP connections of the peer.
    connections: Mutex<Vec<(Remote, Arc<TcpSendQueue>)>>,
    /// Datagrams of the peer in the queue of arrivals.
    waiting: Arc<AtomicUsize>,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dispatched {
    Delivered,
    /// Too many datagrams of the peer wait already.
    Lost,
}

impl PeerState {
    pub(super) fn new() -> Self {
        Self {
            feedback_target: AtomicU64::new(0),
            connections: Mutex::default(),
            waiting: Arc::default(),
        }
    }

    pub(super) fn set_feedback_target(&self, id: u64) {
        self.feedback_target.store(id + 1, Ordering::Release);
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
        true
    }

    pub(super) fn disconnected(&self, remote: Remote) {
        lock(&self.connections).retain(|(other, _)| *other != remote);
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

    /// STUN and DTLS go to the connection, SRTCP to the shard; before the shard serves the peer, it is dropped. A viewer sends nothing else.
    pub(super) fn dispatch(
        &self,
        id: RouteId,
        from: Remote,
        datagram: &[u8],
        arrivals: &ArrivalQueue,
        on_srtcp: &mut impl FnMut(u64, Remote, &[u8]),
    ) -> Dispatched {
        let accepted = match DatagramKind::of(datagram) {
            DatagramKind::Stun | DatagramKind::Dtls => {
                arrivals.push(id, from, datagram, &self.waiting)
            }
            DatagramKind::Rtcp => {
                if let Some(target) = self.feedback_target() {
                    on_srtcp(target, from, datagram);
                }
                true
            }
            DatagramKind::Rtp | DatagramKind::Other => true,
        };
        match accepted {
            true => Dispatched::Delivered,
            false => Dispatched::Lost,
        }
    }
}

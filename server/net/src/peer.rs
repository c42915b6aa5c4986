//! State that a port shares with the route of one peer: its TCP connections, and where its media and its SRTCP go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::arrival::{ArrivalKind, ArrivalQueue, Waiting};
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
    /// The peer publishes: its SRTP and SRTCP go to its connection.
    publishes: AtomicBool,
    /// TCP connections of the peer.
    connections: Mutex<Vec<(Remote, Arc<TcpSendQueue>)>>,
    waiting: Waiting,
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
            publishes: AtomicBool::new(false),
            connections: Mutex::default(),
            waiting: Waiting::default(),
        }
    }

    pub(super) fn set_feedback_target(&self, id: u64) {
        self.feedback_target.store(id + 1, Ordering::Release);
    }

    pub(super) fn receive_media(&self) {
        self.publishes.store(true, Ordering::Release);
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

    /// STUN and DTLS go to the connection, as does the media of a publisher. The SRTCP of a viewer goes to the shard, which may not serve it yet; a viewer
    /// sends nothing else.
    pub(super) fn dispatch(
        &self,
        (id, from, at): (RouteId, Remote, Instant),
        datagram: &[u8],
        arrivals: &ArrivalQueue,
        on_srtcp: &mut impl FnMut(u64, Remote, &[u8]),
    ) -> Dispatched {
        let push = |kind| arrivals.push((id, from, at), kind, datagram, &self.waiting);
        let accepted = match DatagramKind::of(datagram) {
            DatagramKind::Stun | DatagramKind::Dtls => push(ArrivalKind::Connection),
            DatagramKind::Rtp | DatagramKind::Rtcp if self.publishes.load(Ordering::Acquire) => {
                push(ArrivalKind::Media)
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

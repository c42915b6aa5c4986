//! One allocation: a relayed port, its client and its peers (RFC 8656 3.2).

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use turn_types::stun::message::TransactionId;

use super::bindings::{BindingError, Bindings, Framing};
use super::client::Client;
use super::frame::PeerData;
use super::policy::{PeerLocation, PeerPolicy};
use super::quota::AllocationPermit;
use super::relays::Relays;

/// Datagrams read before the task yields.
const BATCH: usize = 64;

/// A relayed port and its client.
#[derive(Debug)]
pub(super) struct Allocation {
    client: Client,
    username: String,
    /// Of the Allocate request, which may be retransmitted.
    transaction: TransactionId,
    socket: UdpSocket,
    /// The relayed transport address, as clients and peers see it.
    relayed: SocketAddr,
    permit: AllocationPermit,
    state: Mutex<State>,
    ended: AtomicBool,
    /// Transaction ids of Data indications: 8 random bytes, then a counter.
    prefix: [u8; 8],
    indications: AtomicU32,
}

#[derive(Debug)]
struct State {
    bindings: Bindings,
    /// Expiry, since the server started.
    end: Duration,
    /// The latest possible one.
    last_end: Duration,
}

/// What sending to peers needs.
#[derive(Debug)]
pub(super) struct RelayContext<'a> {
    pub(super) policy: &'a PeerPolicy,
    pub(super) relays: &'a Relays,
    pub(super) now: Duration,
}

impl Allocation {
    pub(super) fn new(
        client: Client,
        username: &str,
        transaction: TransactionId,
        socket: UdpSocket,
        relayed: SocketAddr,
        permit: AllocationPermit,
        (end, last_end): (Duration, Duration),
    ) -> Self {
        let random = u128::from(TransactionId::generate()).to_be_bytes();
        Self {
            client,
            username: username.to_owned(),
            transaction,
            socket,
            relayed,
            permit,
            state: Mutex::new(State {
                bindings: Bindings::default(),
                end: end.min(last_end),
                last_end,
            }),
            ended: AtomicBool::new(false),
            prefix: std::array::from_fn(|at| random[8 + at]),
            indications: AtomicU32::new(0),
        }
    }

    pub(super) fn relayed(&self) -> SocketAddr {
        self.relayed
    }

    pub(super) fn belongs_to(&self, username: &str) -> bool {
        self.username == username
    }

    pub(super) fn was_made_by(&self, transaction: TransactionId) -> bool {
        self.transaction == transaction
    }

    /// Time until it expires.
    pub(super) fn remaining(&self, now: Duration) -> Duration {
        self.state().end.saturating_sub(now)
    }

    pub(super) fn refresh(&self, end: Duration) {
        let mut state = self.state();
        state.end = end.min(state.last_end);
    }

    /// Counts bytes that were read from the client's TCP connection. Returns how long nothing more is to be read.
    pub(super) fn pause_after(&self, bytes: usize, now: Duration) -> Duration {
        self.permit.pause_after(bytes, now)
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Clients may hold it for a while after its end.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn permit(
        &self,
        ip: IpAddr,
        location: PeerLocation,
        now: Duration,
    ) -> Result<(), BindingError> {
        self.state().bindings.permit(ip, location, now)
    }

    pub(super) fn bind(
        &self,
        number: u16,
        peer: SocketAddr,
        location: PeerLocation,
        now: Duration,
    ) -> Result<(), BindingError> {
        self.state().bindings.bind(number, peer, location, now)
    }

    /// ChannelData from the client.
    pub(super) fn send_on_channel(&self, number: u16, data: &[u8], context: &RelayContext<'_>) {
        let bound = self.state().bindings.peer(number, context.now);
        if let Some((peer, location)) = bound {
            self.send(peer, location, data, context);
        }
    }

    /// A Send indication from the client.
    pub(super) fn send_to(&self, peer: SocketAddr, data: &[u8], context: &RelayContext<'_>) {
        let permitted = self.state().bindings.permission(peer.ip(), context.now);
        if let Some(location) = permitted {
            self.send(peer, location, data, context);
        }
    }

    fn send(
        &self,
        peer: SocketAddr,
        location: PeerLocation,
        data: &[u8],
        context: &RelayContext<'_>,
    ) {
        if self.has_ended() || !self.permit.take(data.len(), context.now) {
            return;
        }
        if !context.policy.is_open(peer) {
            return;
        }
        if location == PeerLocation::Local {
            if let Some(other) = context.relays.find(peer) {
                let mut relayed = PeerData::new();
                if relayed.copy(data) {
                    other.deliver(self.relayed, &mut relayed, context.now);
                }
                return;
            }
            if !context.policy.is_service(peer) {
                return;
            }
        }
        let _ = self.socket.try_send_to(data, peer);
    }

    /// A datagram from `peer` for the client.
    pub(super) fn deliver(&self, peer: SocketAddr, data: &mut PeerData, now: Duration) {
        let framing = self.state().bindings.framing(peer, now);
        let Some(framing) = framing else { return };
        if self.has_ended() || !self.permit.take(data.len(), now) {
            return;
        }
        let bytes = match framing {
            Framing::Channel(number) => data.as_channel_data(number, self.client.is_stream()),
            Framing::Indication => {
                let next = self
                    .indications
                    .fetch_add(1, Ordering::Relaxed)
                    .to_be_bytes();
                let transaction = std::array::from_fn(|at| match at {
                    0..8 => self.prefix[at],
                    _ => next[at - 8],
                });
                data.as_indication(peer, transaction)
            }
        };
        self.client.send(bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends datagrams from the relayed port to the client, until the task is aborted.
pub(super) async fn receive(allocation: Arc<Allocation>, started: Instant) {
    let mut data = Box::new(PeerData::new());
    loop {
        if let Err(error) = allocation.socket.readable().await {
            tracing::warn!(%error, "a relayed port cannot be read");
            return;
        }
        let now = started.elapsed();
        for _ in 0..BATCH {
            match allocation.socket.try_recv_from(data.buffer()) {
                Ok((length, peer)) => {
                    if data.set_len(length) {
                        allocation.deliver(peer, &mut data, now);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                // An ICMP error for an earlier datagram.
                Err(_) => {}
            }
        }
        // A peer that sends without pause must not block the thread.
        tokio::task::yield_now().await;
    }
}

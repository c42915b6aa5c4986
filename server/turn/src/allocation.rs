//! One relayed port, and the client that it belongs to (RFC 8656 7).

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use turn_types::stun::message::TransactionId;

use super::bindings::{Bindings, NotBound, Way};
use super::client::Client;
use super::frame::Frame;
use super::policy::{Policy, Reach};
use super::quota::Seat;
use super::relays::Relays;

/// Datagrams read at once, before others have their turn.
const BATCH: usize = 64;

/// What an allocation is made of.
#[derive(Debug)]
pub(super) struct Allocation {
    client: Client,
    username: String,
    /// The request that made it, which may arrive twice.
    transaction: TransactionId,
    socket: UdpSocket,
    /// The relayed address, as clients and peers know it.
    relayed: SocketAddr,
    seat: Seat,
    state: Mutex<State>,
    ended: AtomicBool,
    /// The first half of the transaction ids of its indications, and the next second half.
    prefix: [u8; 8],
    indications: AtomicU32,
}

#[derive(Debug)]
struct State {
    bindings: Bindings,
    /// Since the server started.
    end: Duration,
}

/// What is needed to send to peers.
#[derive(Debug)]
pub(super) struct Reaching<'a> {
    pub(super) policy: &'a Policy,
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
        seat: Seat,
        end: Duration,
    ) -> Self {
        let random = u128::from(TransactionId::generate()).to_be_bytes();
        Self {
            client,
            username: username.to_owned(),
            transaction,
            socket,
            relayed,
            seat,
            state: Mutex::new(State {
                bindings: Bindings::default(),
                end,
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

    /// For how long it still lives.
    pub(super) fn remaining(&self, now: Duration) -> Duration {
        self.state().end.saturating_sub(now)
    }

    pub(super) fn refresh(&self, end: Duration) {
        self.state().end = end;
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// It may be held for a while after its end, which nobody should notice.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn permit(&self, ip: IpAddr, reach: Reach, now: Duration) -> Result<(), NotBound> {
        self.state().bindings.permit(ip, reach, now)
    }

    pub(super) fn bind(
        &self,
        number: u16,
        peer: SocketAddr,
        reach: Reach,
        now: Duration,
    ) -> Result<(), NotBound> {
        self.state().bindings.bind(number, peer, reach, now)
    }

    /// ChannelData from the client.
    pub(super) fn send_on_channel(&self, number: u16, data: &[u8], to: &Reaching<'_>) {
        let bound = self.state().bindings.peer(number, to.now);
        if let Some((peer, reach)) = bound {
            self.send(peer, reach, data, to);
        }
    }

    /// A Send indication from the client.
    pub(super) fn send_to(&self, peer: SocketAddr, data: &[u8], to: &Reaching<'_>) {
        let permitted = self.state().bindings.permitted(peer.ip(), to.now);
        if let Some(reach) = permitted {
            self.send(peer, reach, data, to);
        }
    }

    fn send(&self, peer: SocketAddr, reach: Reach, data: &[u8], to: &Reaching<'_>) {
        if self.has_ended() || !self.seat.take(data.len(), to.now) {
            return;
        }
        if reach == Reach::Here {
            if let Some(other) = to.relays.find(peer) {
                let mut frame = Frame::new();
                if frame.copy(data) {
                    other.deliver(self.relayed, &mut frame, to.now);
                }
                return;
            }
            if !to.policy.serves(peer) {
                return;
            }
        }
        let _ = self.socket.try_send_to(data, peer);
    }

    /// A datagram from `peer` for the client.
    fn deliver(&self, peer: SocketAddr, frame: &mut Frame, now: Duration) {
        let way = self.state().bindings.way(peer, now);
        let Some(way) = way else { return };
        if self.has_ended() || !self.seat.take(frame.len(), now) {
            return;
        }
        let bytes = match way {
            Way::Channel(number) => frame.as_channel_data(number, self.client.is_stream()),
            Way::Indication => {
                let next = self
                    .indications
                    .fetch_add(1, Ordering::Relaxed)
                    .to_be_bytes();
                let transaction = std::array::from_fn(|at| match at {
                    0..8 => self.prefix[at],
                    _ => next[at - 8],
                });
                frame.as_indication(peer, transaction)
            }
        };
        self.client.send(bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands what arrives at the relayed port to the client, until the task is aborted.
pub(super) async fn receive(allocation: Arc<Allocation>, started: Instant) {
    let mut frame = Box::new(Frame::new());
    loop {
        if let Err(error) = allocation.socket.readable().await {
            tracing::warn!(%error, "a relayed port cannot be read any more");
            return;
        }
        let now = started.elapsed();
        for _ in 0..BATCH {
            match allocation.socket.try_recv_from(frame.room()) {
                Ok((length, peer)) => {
                    if frame.fill(length) {
                        allocation.deliver(peer, &mut frame, now);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                // Of an earlier datagram that could not be delivered.
                Err(_) => {}
            }
        }
        // Else a peer that never pauses keeps this thread to itself.
        tokio::task::yield_now().await;
    }
}

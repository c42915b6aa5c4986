//! A datagram on its way to the connection that it belongs to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::routes::{Remote, RouteId};

/// Datagrams that wait for the connections of a port.
const MAX_WAITING: usize = 2048;
/// Datagrams of one peer that wait: STUN and DTLS are a few a second. A peer that sends more loses its own.
const MAX_OF_PEER: usize = 64;

/// A datagram for the connection of a peer: STUN or DTLS.
#[derive(Debug)]
pub struct Arrival {
    pub to: RouteId,
    pub from: Remote,
    pub datagram: Bytes,
    waiting: Arc<AtomicUsize>,
}

/// The sending end of a port's queue of arrivals.
#[derive(Debug)]
pub(super) struct ArrivalQueue(mpsc::Sender<Arrival>);

pub(super) fn queue() -> (ArrivalQueue, mpsc::Receiver<Arrival>) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    (ArrivalQueue(sender), receiver)
}

impl ArrivalQueue {
    /// `waiting` counts the datagrams of the peer in the queue. False: the datagram is lost, since too many wait.
    pub(super) fn push(
        &self,
        to: RouteId,
        from: Remote,
        datagram: &[u8],
        waiting: &Arc<AtomicUsize>,
    ) -> bool {
        if waiting.load(Ordering::Relaxed) >= MAX_OF_PEER {
            return false;
        }
        let Ok(place) = self.0.try_reserve() else {
            return false;
        };
        waiting.fetch_add(1, Ordering::Relaxed);
        place.send(Arrival {
            to,
            from,
            datagram: Bytes::copy_from_slice(datagram),
            waiting: Arc::clone(waiting),
        });
        true
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> Remote {
        Remote {
            socket: 0,
            address: ([127, 0, 0, 1], 9).into(),
            tcp: false,
        }
    }

    #[test]
    fn a_peer_that_floods_loses_its_own_datagrams_only() {
        let (queue, mut arrivals) = queue();
        let mut routes = super::super::routes::Routes::default();
        let (flood, other) = (Arc::default(), Arc::default());
        let ids = [routes.add(()), routes.add(())];
        let pushed = |id, waiting| queue.push(id, remote(), b"x", waiting);
        let accepted = (0..1000).filter(|_| pushed(ids[0], &flood)).count();
        assert_eq!(accepted, MAX_OF_PEER);
        assert!(pushed(ids[1], &other));
        drop(arrivals.try_recv());
        assert!(pushed(ids[0], &flood), "one that was taken makes room");
        assert!(!pushed(ids[0], &flood));
    }
}

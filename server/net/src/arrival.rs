//! A datagram on its way to the connection that it belongs to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::BytesMut;
use tokio::sync::mpsc;

use super::routes::{Remote, RouteId};

/// Datagrams that wait for the connections of a port.
const MAX_WAITING: usize = 6144;
/// Of these, the places that media does not take: a publisher delays the checks of others, and displaces none.
const NOT_FOR_MEDIA: usize = 2048;
/// STUN and DTLS of one peer that wait: they are a few a second. A peer that sends more loses its own.
const MAX_OF_PEER: usize = 64;
/// Media of one publisher that waits: a keyframe of 1 MB that comes at once, and some more.
const MAX_MEDIA_OF_PEER: usize = 1024;

/// A datagram for the connection of a peer: STUN, DTLS, or the media of a publisher.
#[derive(Debug)]
pub struct Arrival {
    pub to: RouteId,
    pub from: Remote,
    /// When it was read from the socket.
    pub at: Instant,
    /// Not shared: media is decrypted in place.
    pub datagram: BytesMut,
    waiting: Arc<AtomicUsize>,
}

/// The datagrams of one peer in the queue.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    connection: Arc<AtomicUsize>,
    media: Arc<AtomicUsize>,
}

/// What a datagram is, for the bounds of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArrivalKind {
    /// STUN and DTLS.
    Connection,
    /// SRTP and SRTCP.
    Media,
}

/// The sending end of a port's queue of arrivals.
#[derive(Debug)]
pub(super) struct ArrivalQueue(mpsc::Sender<Arrival>);

pub(super) fn queue() -> (ArrivalQueue, mpsc::Receiver<Arrival>) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    (ArrivalQueue(sender), receiver)
}

impl ArrivalQueue {
    /// `waiting`: of the peer. False: the datagram is lost, since too many wait.
    pub(super) fn push(
        &self,
        (to, from, at): (RouteId, Remote, Instant),
        kind: ArrivalKind,
        datagram: &[u8],
        waiting: &Waiting,
    ) -> bool {
        let (waiting, most, reserved) = match kind {
            ArrivalKind::Connection => (&waiting.connection, MAX_OF_PEER, 0),
            ArrivalKind::Media => (&waiting.media, MAX_MEDIA_OF_PEER, NOT_FOR_MEDIA),
        };
        if waiting.load(Ordering::Relaxed) >= most || self.0.capacity() <= reserved {
            return false;
        }
        let Ok(place) = self.0.try_reserve() else {
            return false;
        };
        waiting.fetch_add(1, Ordering::Relaxed);
        place.send(Arrival {
            to,
            from,
            at,
            datagram: BytesMut::from(datagram),
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
        let (flood, other) = (Waiting::default(), Waiting::default());
        let ids = [routes.add(()), routes.add(())];
        let now = Instant::now();
        let pushed = |id, waiting| {
            let kind = ArrivalKind::Connection;
            queue.push((id, remote(), now), kind, b"x", waiting)
        };
        let accepted = (0..1000).filter(|_| pushed(ids[0], &flood)).count();
        assert_eq!(accepted, MAX_OF_PEER);
        assert!(pushed(ids[1], &other));
        drop(arrivals.try_recv());
        assert!(pushed(ids[0], &flood), "one that was taken makes room");
        assert!(!pushed(ids[0], &flood));
    }

    #[test]
    fn media_takes_no_places_of_checks_and_handshakes() {
        let (queue, arrivals) = queue();
        let mut routes = super::super::routes::Routes::default();
        let now = Instant::now();
        let pushed = |id, kind, waiting: &Waiting| {
            let accepted =
                (0..2000).filter(|_| queue.push((id, remote(), now), kind, b"x", waiting));
            accepted.count()
        };
        let publishers: Vec<_> = (0..8)
            .map(|_| (routes.add(()), Waiting::default()))
            .collect();
        let media = publishers.iter();
        let media: Vec<_> = media
            .map(|(id, waiting)| pushed(*id, ArrivalKind::Media, waiting))
            .collect();
        assert_eq!(media[0], MAX_MEDIA_OF_PEER);
        assert_eq!(media.iter().sum::<usize>(), MAX_WAITING - NOT_FOR_MEDIA);
        for (id, waiting) in &publishers {
            assert_eq!(pushed(*id, ArrivalKind::Connection, waiting), MAX_OF_PEER);
        }
        drop(arrivals);
    }
}

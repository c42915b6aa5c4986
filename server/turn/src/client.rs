//! The way to a client: a datagram, or a place in its TCP stream.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// A client that does not read loses what does not fit here, as it would over UDP.
const OUTBOX: usize = 128 * 1024;

/// Where a client is: transport, our address, its address. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Our address that it talks to.
    pub(super) local: IpAddr,
    pub(super) remote: SocketAddr,
    pub(super) link: Link,
}

#[derive(Clone, Debug)]
pub(super) enum Link {
    Udp(Arc<UdpSocket>),
    Tcp(Arc<Outbox>),
}

impl Client {
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.link, Link::Tcp(_))
    }

    /// Sends without waiting; what does not fit is lost.
    pub(super) fn send(&self, frame: &[u8]) {
        match &self.link {
            Link::Udp(socket) => {
                let _ = socket.try_send_to(frame, self.remote);
            }
            Link::Tcp(outbox) => outbox.push(frame),
        }
    }
}

/// What waits to be written to a TCP stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Vec<u8>>,
    filled: Notify,
}

impl Outbox {
    fn push(&self, frame: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + frame.len() > OUTBOX {
            return;
        }
        waiting.extend_from_slice(frame);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits until there is something, and moves it into `empty`, whose memory is used again.
    pub(super) async fn take(&self, empty: &mut Vec<u8>) {
        empty.clear();
        loop {
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if !waiting.is_empty() {
                    mem::swap(&mut *waiting, empty);
                    return;
                }
            }
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_that_does_not_read_costs_a_bounded_amount() {
        let outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push(&[7; 1000]);
        }
        let mut taken = Vec::new();
        outbox.take(&mut taken).await;
        assert_eq!(taken.len(), OUTBOX / 1000 * 1000, "whole frames only");
        outbox.push(b"more");
        outbox.take(&mut taken).await;
        assert_eq!(taken, b"more");
    }
}

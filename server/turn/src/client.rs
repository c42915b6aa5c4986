//! A client and its transport: UDP datagrams, or an outbox for its TCP connection.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// Bytes that wait for a slow TCP client. Further frames are dropped, as they would be over UDP.
const MAX_OUTBOX: usize = 128 * 1024;

/// The 5-tuple of a client (RFC 8656 2.2), without the port of the server.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// The address of the server that it sends to.
    pub(super) local: IpAddr,
    pub(super) remote: SocketAddr,
    pub(super) transport: Transport,
}

#[derive(Clone, Debug)]
pub(super) enum Transport {
    Udp(Arc<UdpSocket>),
    Tcp(Arc<Outbox>),
}

impl Client {
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.transport, Transport::Tcp(_))
    }

    /// Sends without waiting. What does not fit is dropped.
    pub(super) fn send(&self, frame: &[u8]) {
        match &self.transport {
            Transport::Udp(socket) => {
                let _ = socket.try_send_to(frame, self.remote);
            }
            Transport::Tcp(outbox) => outbox.push(frame),
        }
    }
}

/// Bytes to be written to a TCP connection.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Vec<u8>>,
    filled: Notify,
}

impl Outbox {
    fn push(&self, frame: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + frame.len() > MAX_OUTBOX {
            return;
        }
        waiting.extend_from_slice(frame);
        drop(waiting);
        self.filled.notify_one();
    }

    /// All bytes that wait.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn try_take(&self) -> Vec<u8> {
        mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for bytes, and moves them into `buffer`, whose memory is reused.
    pub(super) async fn take(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        loop {
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if !waiting.is_empty() {
                    mem::swap(&mut *waiting, buffer);
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
    async fn a_client_that_does_not_read_uses_bounded_memory() {
        let outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push(&[7; 1000]);
        }
        let mut taken = Vec::new();
        outbox.take(&mut taken).await;
        assert_eq!(taken.len(), MAX_OUTBOX / 1000 * 1000, "whole frames only");
        outbox.push(b"more");
        outbox.take(&mut taken).await;
        assert_eq!(taken, b"more");
    }
}

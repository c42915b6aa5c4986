//! The UDP sockets of one connection, with a workaround for how webrtc 0.21.1 starts it.
//!
//! It reads up to 64 datagrams in a row before it processes their events. When the last message of the SCTP handshake and the first one on the
//! channel `chat`, which is negotiated beforehand, come in one row, the channel does not exist yet, and the message is lost although acknowledged.
//! Until the chat channel is open, each socket therefore delivers one datagram at a time.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use socket2::SockRef;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Runtime, TokioRuntime, Transmit};

use crate::runtime::Sockets;

/// Bytes that the system keeps of what has arrived, twice as many as a sender of ours has under way: each datagram takes about twice its size.
/// With the 208 kB of Linux, a peer that does not get a core for some milliseconds loses a row of datagrams, and its sender begins slowly again.
const SOCKET_BUFFER: usize = 2 << 20;

/// Makes the sockets of the module.
#[derive(Debug, Default)]
pub(crate) struct StartupSockets {
    startup: Arc<Startup>,
}

/// The state of one connection's start.
#[derive(Debug, Default)]
pub(crate) struct Startup {
    /// The chat channel is open; the workaround ends.
    finished: AtomicBool,
    arrived: AtomicBool,
}

impl Startup {
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }
}

impl StartupSockets {
    pub(crate) fn startup(&self) -> Arc<Startup> {
        self.startup.clone()
    }
}

impl Sockets for StartupSockets {
    fn wrap(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        // The system may allow less: then datagrams are lost more often, and sent again.
        let _ = SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER);
        Ok(Arc::new(StartupSocket {
            tokio: TokioRuntime.wrap_udp_socket(socket)?,
            startup: self.startup.clone(),
            delivered: AtomicBool::new(false),
        }))
    }

    fn take_arrived(&self) -> bool {
        !self.startup.finished.load(Ordering::Relaxed)
            && self.startup.arrived.swap(false, Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct StartupSocket {
    tokio: Arc<dyn AsyncUdpSocket>,
    startup: Arc<Startup>,
    /// A datagram was delivered, and its events are not processed yet.
    delivered: AtomicBool,
}

impl AsyncUdpSocket for StartupSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tokio.local_addr()
    }

    fn poll_send(
        &self,
        context: &mut Context<'_>,
        transmit: &Transmit<'_>,
    ) -> Poll<io::Result<usize>> {
        self.tokio.poll_send(context, transmit)
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let finished = self.startup.finished.load(Ordering::Relaxed);
        if !finished && self.delivered.swap(false, Ordering::Relaxed) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let received = self.tokio.poll_recv(context, buffers, meta);
        if !finished && received.is_ready() {
            self.delivered.store(true, Ordering::Relaxed);
            self.startup.arrived.store(true, Ordering::Relaxed);
        }
        received
    }

    fn max_gso_segments(&self) -> usize {
        self.tokio.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.tokio.max_gro_segments()
    }
}

//! The webrtc crate's runtime for one connection: tokio's, with two ways around how 0.21.1 begins a connection.
//!
//! - It reads up to 64 datagrams in a row before it looks at what they caused. When the last message of the SCTP handshake and the first one on the
//!   channel `chat`, which is negotiated beforehand, come in one such row, the channel is not there yet, and that message is lost, though acknowledged.
//!   So until the chat is open, sockets give one datagram at a time.
//! - When ICE has found its pair, it prepares the first message of DTLS but sends it no sooner than its next timer, some 150 ms later; waking it early
//!   sends it.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

/// How long the crate's task sleeps after something has arrived, while the connection begins.
const NUDGE: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Careful {
    tokio: TokioRuntime,
    beginning: Arc<Beginning>,
}

/// How far the connection is.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    /// The chat is open; nothing more is needed.
    over: AtomicBool,
    arrived: AtomicBool,
}

impl Beginning {
    pub(crate) fn is_over(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Careful {
    pub(crate) fn new() -> Self {
        Self {
            tokio: TokioRuntime,
            beginning: Arc::default(),
        }
    }

    pub(crate) fn beginning(&self) -> Arc<Beginning> {
        self.beginning.clone()
    }
}

impl Runtime for Careful {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        self.tokio.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(Socket {
            tokio: self.tokio.wrap_udp_socket(socket)?,
            beginning: self.beginning.clone(),
            gave: AtomicBool::new(false),
        }))
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.tokio.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        self.tokio.connect_tcp(remote_addr)
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        self.tokio.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let nudged = !self.beginning.over.load(Ordering::Relaxed)
            && self.beginning.arrived.swap(false, Ordering::Relaxed);
        self.tokio.sleep(if nudged {
            duration.min(NUDGE)
        } else {
            duration
        })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.tokio.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.tokio.block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.tokio.yield_now()
    }

    fn name(&self) -> &'static str {
        "tokio, careful at the beginning"
    }
}

#[derive(Debug)]
struct Socket {
    tokio: Arc<dyn AsyncUdpSocket>,
    beginning: Arc<Beginning>,
    /// A datagram was given, and what it caused has not been looked at.
    gave: AtomicBool,
}

impl AsyncUdpSocket for Socket {
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
        let over = self.beginning.over.load(Ordering::Relaxed);
        if !over && self.gave.swap(false, Ordering::Relaxed) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let received = self.tokio.poll_recv(context, buffers, meta);
        if !over && received.is_ready() {
            self.gave.store(true, Ordering::Relaxed);
            self.beginning.arrived.store(true, Ordering::Relaxed);
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

//! The webrtc crate's runtime for one viewer: tokio's, but its UDP sockets are views of the one port.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use webrtc::peer_connection::RTCPeerConnectionState;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

use super::net::Route;

/// Delegates to tokio, except for UDP.
#[derive(Debug)]
pub(crate) struct SharedPort {
    tokio: TokioRuntime,
    route: Arc<Route>,
    state: watch::Receiver<RTCPeerConnectionState>,
}

/// How long the crate's task sleeps after something has arrived for a connection in the making.
const NUDGE: Duration = Duration::from_millis(1);

impl SharedPort {
    /// `state`: of the connection that this is the runtime of.
    pub(crate) fn new(route: Arc<Route>, state: watch::Receiver<RTCPeerConnectionState>) -> Self {
        Self {
            tokio: TokioRuntime,
            route,
            state,
        }
    }

    fn is_connecting(&self) -> bool {
        use RTCPeerConnectionState::{Connecting, New};
        matches!(*self.state.borrow(), New | Connecting)
    }
}

impl Runtime for SharedPort {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        self.tokio.spawn(future)
    }

    /// The crate binds a socket of its own a local address. It tells us the address and is dropped;
    /// the view that takes its place uses the shared socket of that address.
    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let local = socket.local_addr()?;
        let index = self
            .route
            .socket_of(local.ip())
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Arc::new(View {
            route: self.route.clone(),
            index,
            local,
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

    /// As long as asked, with one exception. When ICE has found its pair, webrtc 0.21.1 prepares the first
    /// message of DTLS but sends it no sooner than its next timer, some 150 ms later; waking it early sends it.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let nudged = self.route.take_arrived() && self.is_connecting();
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
        "tokio, one UDP port"
    }
}

/// One viewer's view of one shared socket. Neither GSO nor GRO: the crate then keeps small buffers.
#[derive(Debug)]
struct View {
    route: Arc<Route>,
    index: usize,
    /// The address that the crate believes in: our interface, a port that nobody has any more.
    local: SocketAddr,
}

impl AsyncUdpSocket for View {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn poll_send(
        &self,
        context: &mut Context<'_>,
        transmit: &Transmit<'_>,
    ) -> Poll<io::Result<usize>> {
        self.route
            .poll_send(context, self.index, transmit.contents, transmit.destination)
            .map(|()| Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        self.route
            .poll_receive(context, self.index)
            .map(|(from, datagram)| {
                let length = datagram.len().min(buffer.len());
                buffer[..length].copy_from_slice(&datagram[..length]);
                *meta = RecvMeta::default();
                meta.addr = from;
                meta.len = length;
                meta.stride = length.max(1);
                Ok(1)
            })
    }
}

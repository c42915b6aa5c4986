//! The UDP sockets of one connection: views of the shard's port, in the types of webrtc-rs.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::watch;
use webrtc::peer_connection::RTCPeerConnectionState;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use net::Route;
use webrtc_runtime::Sockets;

/// The sockets of one connection.
#[derive(Debug)]
pub(crate) struct SharedPort {
    route: Arc<Route>,
    state: watch::Receiver<RTCPeerConnectionState>,
}

impl SharedPort {
    /// `state`: of the connection that uses these sockets.
    pub(crate) fn new(route: Arc<Route>, state: watch::Receiver<RTCPeerConnectionState>) -> Self {
        Self { route, state }
    }

    fn is_connecting(&self) -> bool {
        use RTCPeerConnectionState::{Connecting, New};
        matches!(*self.state.borrow(), New | Connecting)
    }
}

impl Sockets for SharedPort {
    /// Takes the address of the socket that webrtc-rs bound, drops it, and returns a view of the shared socket with that address.
    fn wrap(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let local = socket.local_addr()?;
        let index = self
            .route
            .socket_index(local.ip())
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Arc::new(View {
            route: self.route.clone(),
            index,
            local,
        }))
    }

    fn take_arrived(&self) -> bool {
        self.route.take_received() && self.is_connecting()
    }
}

/// One connection's view of one shared socket. It offers neither GSO nor GRO, so that webrtc-rs keeps small buffers.
#[derive(Debug)]
struct View {
    route: Arc<Route>,
    index: usize,
    /// The address that webrtc-rs bound. Its port is closed again.
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

//! One address of a port: its socket, and the datagrams that arrive on it.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::Interest;

use super::port::Port;
use super::routes::Remote;

/// The maximum that the kernel coalesces from datagrams of one sender (GRO), in bytes.
const COALESCED_BYTES: usize = 64 * 1024;
/// Coalesced datagrams received in one system call.
const RECEIVE_BATCH: usize = 8;
/// In bytes: enough for a keyframe to some hundreds of viewers at the same moment.
const SEND_BUFFER: usize = 4 << 20;
/// The time until a send is tried again when the socket's buffer was full: about the time in which the network card empties it.
pub const SEND_RETRY_DELAY: Duration = Duration::from_millis(1);
/// In bytes: enough for the feedback of some thousands of viewers.
const RECEIVE_BUFFER: usize = 2 << 20;

/// One address of the port.
#[derive(Debug)]
pub struct Socket {
    index: usize,
    io: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
    /// ICE-TCP on the same address.
    listener: Option<TcpListener>,
}

impl Socket {
    pub(super) fn new(
        index: usize,
        address: SocketAddr,
        io: UdpSocket,
        listener: Option<TcpListener>,
    ) -> io::Result<Self> {
        let state = UdpSocketState::new((&io).into())?;
        // The system may limit both to less.
        let _ = state.set_send_buffer_size((&io).into(), SEND_BUFFER);
        let _ = state.set_recv_buffer_size((&io).into(), RECEIVE_BUFFER);
        Ok(Self {
            index,
            io,
            state,
            address,
            listener,
        })
    }

    /// Its number in the port, by which paths refer to it.
    pub fn index(&self) -> usize {
        self.index
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn tcp_address(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }

    /// Registers it with the caller's runtime, which has to be the shard's.
    ///
    /// # Errors
    /// The socket cannot be duplicated or registered.
    pub fn register(self: &Arc<Self>, port: &Arc<Port>) -> io::Result<RegisteredSocket> {
        Ok(RegisteredSocket {
            port: Arc::clone(port),
            socket: Arc::clone(self),
            io: tokio::net::UdpSocket::from_std(self.io.try_clone()?)?,
        })
    }

    /// A duplicate of the TCP listener of the same address, registered likewise.
    ///
    /// # Errors
    /// The listener cannot be duplicated or registered.
    pub fn listener(&self) -> io::Result<Option<tokio::net::TcpListener>> {
        let listener = self.listener.as_ref().map(TcpListener::try_clone);
        listener
            .transpose()?
            .map(tokio::net::TcpListener::from_std)
            .transpose()
    }

    /// Packets of one size that one system call can send (GSO); 1 without kernel support.
    pub fn segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends datagrams to one destination, all of `segment` bytes, except that the last may be shorter.
    ///
    /// # Errors
    /// `WouldBlock` while the socket's buffer is full; others as the network reports them (no route, too large).
    pub fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: (segment < contents.len()).then_some(segment),
            src_ip: None,
        };
        self.state.try_send(UdpSockRef::from(&self.io), &transmit)
    }
}

/// A socket of a port, registered with the runtime of its shard.
#[derive(Debug)]
pub struct RegisteredSocket {
    port: Arc<Port>,
    socket: Arc<Socket>,
    /// A duplicate of the socket, for readiness.
    io: tokio::net::UdpSocket,
}

impl RegisteredSocket {
    /// Dispatches datagrams until the task is dropped. `on_srtcp` gets the SRTCP of peers with a feedback target
    /// ([`Route::set_feedback_target`](super::route::Route::set_feedback_target)) with that id.
    pub async fn receive(&self, mut on_srtcp: impl FnMut(u64, Remote, &[u8])) {
        let socket = &self.socket;
        let mut memory = vec![0; COALESCED_BYTES * RECEIVE_BATCH];
        let mut metas = [RecvMeta::default(); RECEIVE_BATCH];
        loop {
            if self.io.readable().await.is_err() {
                return;
            }
            let mut parts = memory.chunks_mut(COALESCED_BYTES);
            let mut buffers: [IoSliceMut<'_>; RECEIVE_BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
            let received = self.io.try_io(Interest::READABLE, || {
                let socket_ref = (&socket.io).into();
                socket.state.recv(socket_ref, &mut buffers, &mut metas)
            });
            let count = match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => {
                    // An ICMP error of an earlier send; the socket still works.
                    tracing::trace!(%error, "receive");
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(count) => count,
            };
            let now = Instant::now();
            for (meta, buffer) in metas.iter().zip(&buffers).take(count) {
                let from = Remote {
                    socket: socket.index,
                    address: meta.addr,
                    tcp: false,
                };
                let length = meta.len.min(buffer.len());
                for datagram in buffer[..length].chunks(meta.stride.max(1)) {
                    self.port.dispatch(now, from, datagram, &mut on_srtcp);
                }
            }
            // A flood of datagrams must not starve the other tasks of this thread.
            tokio::task::yield_now().await;
        }
    }
}

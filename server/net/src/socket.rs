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
/// System calls until the other tasks of the thread go on. A shard whose core is full comes here some dozens of times a second: if it did not take most of
/// what has arrived each time, checks and feedback would be lost, and viewers whose media still arrives would count as silent.
const RECEIVES: usize = 32;
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
        let mut memory = vec![0; COALESCED_BYTES * RECEIVE_BATCH];
        let mut metas = [RecvMeta::default(); RECEIVE_BATCH];
        loop {
            if self.io.readable().await.is_err() {
                return;
            }
            for _ in 0..RECEIVES {
                if !self.receive_batch(&mut memory, &mut metas, &mut on_srtcp) {
                    break;
                }
            }
            // A flood of datagrams must not starve the other tasks of this thread.
            tokio::task::yield_now().await;
        }
    }

    /// Dispatches the datagrams of one system call. False: there are no more.
    fn receive_batch(
        &self,
        memory: &mut [u8],
        metas: &mut [RecvMeta; RECEIVE_BATCH],
        on_srtcp: &mut impl FnMut(u64, Remote, &[u8]),
    ) -> bool {
        let socket = &self.socket;
        let mut parts = memory.chunks_mut(COALESCED_BYTES);
        let mut buffers: [IoSliceMut<'_>; RECEIVE_BATCH] =
            std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
        let received = self.io.try_io(Interest::READABLE, || {
            let socket_ref = (&socket.io).into();
            socket.state.recv(socket_ref, &mut buffers, metas)
        });
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                // An ICMP error of an earlier send; the socket still works.
                tracing::trace!(%error, "receive");
                return true;
            }
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
                self.port.dispatch(now, from, datagram, on_srtcp);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::task::LocalSet;

    use super::*;

    /// A turn of the thread's other tasks takes a busy shard some ten milliseconds.
    #[tokio::test]
    async fn what_has_arrived_is_read_in_few_turns_of_the_thread() {
        const DATAGRAMS: u64 = 200;
        let port = Port::bind(0, None, false).unwrap();
        let loopback = port.sockets().into_iter().find(|socket| {
            let ip = socket.address().ip();
            ip.is_loopback() && ip.is_ipv4()
        });
        let loopback = loopback.unwrap();
        let registered = loopback.register(&port).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let route = port.open();
        let remote = Remote {
            socket: loopback.index(),
            address: peer.local_addr().unwrap(),
            tcp: false,
        };
        assert!(route.learn(Instant::now(), remote));
        route.set_feedback_target(7);
        for _ in 0..DATAGRAMS {
            peer.send_to(b"\x81\xc9report", loopback.address()).unwrap();
        }

        let (read, turns) = (Rc::new(Cell::new(0)), Cell::new(0));
        let tasks = LocalSet::new();
        let counted = Rc::clone(&read);
        let on_srtcp = move |_, _, _: &[u8]| counted.set(counted.get() + 1);
        tasks.spawn_local(async move { registered.receive(on_srtcp).await });
        let turn = async {
            while read.get() < DATAGRAMS {
                if read.get() > 0 {
                    turns.set(turns.get() + 1);
                }
                tokio::task::yield_now().await;
            }
        };
        tasks.run_until(turn).await;
        assert!(turns.get() <= 2, "{} turns", turns.get());
    }
}

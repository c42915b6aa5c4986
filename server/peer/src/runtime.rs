//! The runtime of one webrtc-rs connection: tokio, with UDP sockets from the application, and a shorter sleep during connection
//! setup.
//!
//! When ICE has selected a pair, webrtc 0.21.1 prepares the first DTLS message but sends it at its next timer, up to 150 ms later.
//! An early wakeup sends it at once.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
    TokioRuntime,
};

/// The longest sleep after a datagram has arrived, during connection setup.
const WAKEUP: Duration = Duration::from_millis(1);

/// The sockets of one connection.
pub(crate) trait Sockets: Debug + Send + Sync + 'static {
    /// webrtc-rs binds a socket to each local address. Returns the socket to use in its place.
    fn wrap(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>>;

    /// True when a datagram has arrived since the last call, and the connection is not established yet.
    fn take_arrived(&self) -> bool;
}

/// Delegates to tokio, except for UDP sockets and [`Runtime::sleep`].
#[derive(Debug)]
pub(crate) struct ConnectionRuntime<S>(pub(crate) S);

impl<S: Sockets> Runtime for ConnectionRuntime<S> {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        self.0.wrap(socket)
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        TokioRuntime.connect_tcp(remote_addr)
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        TokioRuntime.resolve_host(host)
    }

    /// `duration`, or `WAKEUP` (1 ms) when a datagram has arrived during setup.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        TokioRuntime.sleep(if self.0.take_arrived() {
            duration.min(WAKEUP)
        } else {
            duration
        })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        "tokio, woken early"
    }
}

//! The webrtc crate's runtime for one connection: tokio's, with UDP sockets that its owner makes, and awake while a connection begins. The chat peer
//! includes this file too.
//!
//! When ICE has found its pair, webrtc 0.21.1 prepares the first message of DTLS but sends it no sooner than its next timer, some 150 ms later; waking
//! it early sends it.

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

/// How long the crate's task sleeps after something has arrived for a connection in the making.
const WAKEUP: Duration = Duration::from_millis(1);

/// The sockets of one connection.
pub trait Sockets: Debug + Send + Sync + 'static {
    /// The crate binds a socket of its own a local address. What it uses in its place.
    fn wrap(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>>;

    /// Whether something has arrived since this was last asked, and the connection is in the making.
    fn take_arrived(&self) -> bool;
}

/// Delegates to tokio, except for UDP and for sleep.
#[derive(Debug)]
pub struct ConnectionRuntime<S>(pub S);

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

    /// As long as asked, with the one exception.
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

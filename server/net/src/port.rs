//! One UDP port: sockets that all peers of a shard share, bound once at start.
//!
//! One socket for each local address, all on the same port number, so that a reply leaves from the address that the request came to. [`Routes`] finds
//! the peer of a datagram: SRTCP goes to the shard if the route says so, everything else into a bounded inbox of the peer.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::bind::{NetError, bind};
use super::candidates;
use super::datagram::DatagramKind;
use super::peer::PeerState;
use super::route::Route;
use super::routes::{Remote, Routes};
use super::socket::{RegisteredSocket, Socket};
use super::tcp::{self, TcpSendQueue};

/// The shared port. It is closed when the last [`Arc`] of it is dropped.
#[derive(Debug)]
pub struct Port {
    sockets: Vec<Socket>,
    routes: Mutex<Routes<Arc<PeerState>>>,
    /// TCP listeners, each with the index of the socket of the same address.
    listeners: Vec<(usize, TcpListener)>,
    candidates: Vec<String>,
    stray: Arc<AtomicU64>,
}

impl Port {
    /// Opens `port` (0: a free one) on every address of this machine. `public` is an address from which a NAT forwards
    /// to this machine; its candidate comes first. `tcp`: serve ICE-TCP on the same port number.
    ///
    /// # Errors
    /// The port is taken, or cannot be opened on an address.
    pub fn bind(port: u16, public: Option<IpAddr>, tcp: bool) -> Result<Arc<Self>, NetError> {
        let (mut sockets, mut listeners) = (Vec::new(), Vec::new());
        for (index, (address, io)) in bind(port)?.into_iter().enumerate() {
            sockets.push(Socket::new(address, io).map_err(NetError::Interfaces)?);
            if tcp {
                match tcp::listen(address, port == 0) {
                    Ok(listener) => listeners.push((index, listener)),
                    Err(error) => tracing::warn!(
                        "TCP port {} of {} cannot be opened, so viewers without UDP cannot connect there: {error}; choose another port with --udp-port, or --ice-tcp off",
                        address.port(),
                        address.ip(),
                    ),
                }
            }
        }
        let udp = sockets.iter().map(Socket::address);
        let tcp = listeners
            .iter()
            .filter_map(|(_, listener)| listener.local_addr().ok());
        let candidates = candidates::lines(udp, tcp, public);
        Ok(Arc::new(Self {
            sockets,
            routes: Mutex::default(),
            listeners,
            candidates,
            stray: Arc::default(),
        }))
    }

    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(Socket::address)
    }

    /// `candidate:...` lines of this port by falling priority, loopback last.
    pub fn candidates(&self) -> &[String] {
        &self.candidates
    }

    /// The counter of datagrams that belong to no peer.
    pub fn stray(&self) -> &Arc<AtomicU64> {
        &self.stray
    }

    /// Duplicates of the TCP listeners, each with the index of the socket of the same address.
    ///
    /// # Errors
    /// A listener cannot be duplicated.
    pub fn listeners(&self) -> io::Result<Vec<(usize, TcpListener)>> {
        let listeners = self.listeners.iter();
        listeners
            .map(|(index, listener)| Ok((*index, listener.try_clone()?)))
            .collect()
    }

    /// Opens a share of the port for one peer, until it is dropped.
    pub fn open(self: &Arc<Self>) -> Route {
        Route::new(Arc::clone(self), self.sockets.len())
    }

    /// The number of open routes.
    pub fn peers(&self) -> usize {
        self.routes().counts()[0]
    }

    pub(super) fn routes(&self) -> MutexGuard<'_, Routes<Arc<PeerState>>> {
        lock(&self.routes)
    }

    pub fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    /// Registers socket `index` with the caller's runtime, which has to be the shard's.
    ///
    /// # Errors
    /// The socket cannot be duplicated or registered.
    pub fn register(self: &Arc<Self>, index: usize) -> io::Result<RegisteredSocket> {
        RegisteredSocket::new(Arc::clone(self), index)
    }

    pub(super) fn dispatch(
        &self,
        now: Instant,
        from: Remote,
        datagram: &[u8],
        on_srtcp: &mut impl FnMut(Option<u64>, Remote, &[u8]),
    ) {
        // A separate statement, so that the routes are unlocked when the datagram is dispatched.
        let peer = self.routes().route(now, from, datagram).cloned();
        match peer {
            Some(peer) => peer.dispatch(from, datagram, on_srtcp),
            None => {
                self.stray.fetch_add(1, Ordering::Relaxed);
                if DatagramKind::of(datagram) == DatagramKind::Rtcp {
                    on_srtcp(None, from, datagram);
                }
            }
        }
    }

    /// As [`Port::dispatch`], for a TCP connection. True: the datagram belongs to a peer.
    pub(super) fn dispatch_tcp(
        &self,
        now: Instant,
        from: Remote,
        queue: &Arc<TcpSendQueue>,
        datagram: &[u8],
        on_srtcp: &mut impl FnMut(Option<u64>, Remote, &[u8]),
    ) -> bool {
        let Some(peer) = self.routes().route(now, from, datagram).cloned() else {
            self.stray.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        if DatagramKind::of(datagram) == DatagramKind::Stun && !peer.connected(from, queue) {
            return false;
        }
        peer.dispatch(from, datagram, on_srtcp);
        true
    }

    /// Removes a closed TCP connection from its peer.
    pub(super) fn disconnected(&self, from: Remote) {
        if let Some(peer) = self.routes().by_remote(from) {
            peer.disconnected(from);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The guarded data is consistent at every point where a holder could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn every_address_has_the_same_port_and_a_candidate() {
        let port = Port::bind(0, Some(IpAddr::from([203, 0, 113, 5])), true).unwrap();
        let ports: Vec<u16> = port.addresses().map(|address| address.port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
        assert!(
            port.candidates()[0].contains(&format!(" 203.0.113.5 {} typ host", ports[0])),
            "the public address comes first"
        );
        assert_eq!(port.candidates().len(), 2 * (ports.len() + 1));
        assert!(port.addresses().any(|address| address.ip().is_loopback()));
    }

    #[test]
    fn a_taken_port_is_explained_in_a_sentence() {
        let first = Port::bind(0, None, false).unwrap();
        let port = first.addresses().next().unwrap().port();
        let error = Port::bind(port, None, false).unwrap_err().to_string();
        assert!(
            error.contains("--udp-port") && error.contains(&port.to_string()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn stray_datagrams_are_counted_and_others_reach_their_peer() {
        let port = Port::bind(0, None, false).unwrap();
        let route = port.open();
        route.set_ufrag("abcd");
        let loopback = port
            .addresses()
            .find(|address| address.ip() == IpAddr::from([127, 0, 0, 1]))
            .unwrap();
        let index = route.socket_index(loopback.ip()).unwrap();
        let registered = port.register(index).unwrap();
        let (sender, mut feedback) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            registered
                .receive(|number, _, datagram| sender.send((number, datagram.to_vec())).unwrap())
                .await;
        });
        let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        peer.send_to(b"stray", loopback).await.unwrap();
        let mut request = vec![0, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
        request.extend([0; 12]);
        request.extend([0, 6, 0, 6]);
        request.extend(b"abcd:x\0\0");
        peer.send_to(&request, loopback).await.unwrap();
        peer.send_to(b"\x16handshake", loopback).await.unwrap();
        let next = || std::future::poll_fn(|context| route.poll_receive(context, index));
        assert_eq!(
            next().await,
            (peer.local_addr().unwrap(), Bytes::from(request))
        );
        assert_eq!(next().await.1, Bytes::from_static(b"\x16handshake"));
        assert_eq!(port.stray().load(Ordering::Relaxed), 1);
        route.set_feedback_target(7);
        peer.send_to(b"\x81\xc9report", loopback).await.unwrap();
        assert_eq!(
            feedback.recv().await.unwrap(),
            (Some(7), b"\x81\xc9report".to_vec())
        );
    }
}

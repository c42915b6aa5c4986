//! One UDP port: sockets that all peers of a shard share.
//!
//! One socket for each local address, all on the same port number, so that a reply leaves from the address that the request came to. [`Routes`] finds
//! the peer of a datagram: a viewer's SRTCP goes to the shard, STUN, DTLS and a publisher's media into the bounded queue of the
//! connections.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::{Notify, mpsc};

use super::arrival::{self, Arrival, ArrivalQueue};
use super::bind::{NetError, bind, local_addresses, rank};
use super::candidates;
use super::datagram::DatagramKind;
use super::peer::{Dispatched, PeerState};
use super::route::Route;
use super::routes::{Remote, RouteId, Routes};
use super::socket::Socket;
use super::sockets::{SocketOptions, Sockets};
use super::tcp::TcpSendQueue;

/// The shared port. It is closed when the last [`Arc`] of it is dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    public: Option<IpAddr>,
    sockets: RwLock<Sockets>,
    /// Notified when sockets were opened or closed.
    changed: Notify,
    routes: Mutex<Routes<Peer>>,
    arrivals: ArrivalQueue,
    /// Until the connections' thread takes it.
    arrived: Mutex<Option<mpsc::Receiver<Arrival>>>,
    counters: Arc<PortCounters>,
}

/// Datagrams that a port did not deliver.
#[derive(Debug, Default)]
pub struct PortCounters {
    /// They belong to no peer.
    pub stray: AtomicU64,
    /// They were lost because too many of their peer, or of all, waited for the connections.
    pub overflowed: AtomicU64,
}

type Peer = (RouteId, Arc<PeerState>);

impl Port {
    /// Opens `port` (0: a free one) on every address of this machine. `public` is an address from which a NAT forwards
    /// to this machine; its candidate comes first. `tcp`: serve ICE-TCP on the same port number.
    ///
    /// # Errors
    /// The port is taken, or cannot be opened on an address.
    pub fn bind(port: u16, public: Option<IpAddr>, tcp: bool) -> Result<Arc<Self>, NetError> {
        let addresses = local_addresses().map_err(NetError::Interfaces)?;
        Self::bind_on(&addresses, port, public, tcp)
    }

    /// As [`Self::bind`], on these addresses.
    ///
    /// # Errors
    /// Likewise.
    pub fn bind_on(
        addresses: &[IpAddr],
        port: u16,
        public: Option<IpAddr>,
        tcp: bool,
    ) -> Result<Arc<Self>, NetError> {
        let mut sockets = Sockets::new(SocketOptions {
            tcp,
            any_tcp_port: port == 0,
        });
        let mut number = port;
        for (address, io) in bind(addresses, port)? {
            number = address.port();
            sockets.add(address, io)?;
        }
        let (arrivals, arrived) = arrival::queue();
        Ok(Arc::new(Self {
            number,
            public,
            sockets: RwLock::new(sockets),
            changed: Notify::new(),
            routes: Mutex::default(),
            arrivals,
            arrived: Mutex::new(Some(arrived)),
            counters: Arc::default(),
        }))
    }

    /// Opens sockets on new addresses of this machine, and closes those of addresses that are gone: nothing is sent on
    /// paths through them, so their peers choose another path or end.
    pub fn follow(&self, addresses: &[IpAddr]) {
        let mut sockets = self.sockets.write().unwrap_or_else(PoisonError::into_inner);
        if sockets.follow(addresses, self.number) {
            self.changed.notify_one();
        }
    }

    /// Returns when sockets were opened or closed since the last call. One task may wait.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Of the open sockets; those that a peer on another machine may reach come first.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        self.sockets().into_iter().map(|socket| socket.address())
    }

    /// `candidate:...` lines of this port by falling priority, loopback last.
    pub fn candidates(&self) -> Vec<String> {
        let sockets = self.sockets();
        let udp = sockets.iter().map(|socket| socket.address());
        let tcp = sockets.iter().filter_map(|socket| socket.tcp_address());
        candidates::lines(udp, tcp, self.public)
    }

    pub fn counters(&self) -> &Arc<PortCounters> {
        &self.counters
    }

    /// The datagrams for the connections of this port. `None`: taken already.
    pub fn take_arrivals(&self) -> Option<mpsc::Receiver<Arrival>> {
        lock(&self.arrived).take()
    }

    /// Opens a share of the port for one peer, until it is dropped.
    pub fn open(self: &Arc<Self>) -> Route {
        Route::new(Arc::clone(self))
    }

    /// The number of open routes.
    pub fn peers(&self) -> usize {
        self.routes().counts()[0]
    }

    pub(super) fn routes(&self) -> MutexGuard<'_, Routes<Peer>> {
        lock(&self.routes)
    }

    /// The open sockets, in the order of [`Port::addresses`].
    pub fn sockets(&self) -> Vec<Arc<Socket>> {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        let mut sockets: Vec<_> = sockets.iter().cloned().collect();
        sockets.sort_by_key(|socket| rank(&socket.address().ip()));
        sockets
    }

    /// `None`: its address is gone.
    pub fn socket(&self, index: usize) -> Option<Arc<Socket>> {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        sockets.get(index).cloned()
    }

    pub(super) fn dispatch(
        &self,
        now: Instant,
        from: Remote,
        datagram: &[u8],
        on_srtcp: &mut impl FnMut(u64, Remote, &[u8]),
    ) {
        // A separate statement, so that the routes are unlocked when the datagram is dispatched.
        let (peer, other) = self.destinations(now, from, datagram);
        match peer {
            Some(peer) => self.deliver(&peer, (from, now), datagram, on_srtcp),
            None => {
                self.counters.stray.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let Some(other) = other {
            self.deliver(&other, (from, now), datagram, on_srtcp);
        }
    }

    /// As [`Port::dispatch`], for a TCP connection. `None`: the datagram belongs to no peer, or to one that has too many connections.
    pub(super) fn dispatch_tcp(
        &self,
        now: Instant,
        from: Remote,
        queue: &Arc<TcpSendQueue>,
        datagram: &[u8],
        on_srtcp: &mut impl FnMut(u64, Remote, &[u8]),
    ) -> Option<Arc<PeerState>> {
        // A connection has one peer: nobody else has its address.
        let (Some(peer), _) = self.destinations(now, from, datagram) else {
            self.counters.stray.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        if DatagramKind::of(datagram) == DatagramKind::Stun && !peer.1.connected(from, queue) {
            return None;
        }
        self.deliver(&peer, (from, now), datagram, on_srtcp);
        Some(peer.1)
    }

    fn destinations(
        &self,
        now: Instant,
        from: Remote,
        datagram: &[u8],
    ) -> (Option<Peer>, Option<Peer>) {
        let mut routes = self.routes();
        let (peer, other) = routes.route(now, from, datagram);
        (peer.cloned(), other.cloned())
    }

    fn deliver(
        &self,
        (id, peer): &Peer,
        (from, at): (Remote, Instant),
        datagram: &[u8],
        on_srtcp: &mut impl FnMut(u64, Remote, &[u8]),
    ) {
        let to = (*id, from, at);
        if peer.dispatch(to, datagram, &self.arrivals, on_srtcp) == Dispatched::Lost {
            self.counters.overflowed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The guarded data is consistent at every point where a holder could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

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

    #[test]
    fn sockets_follow_the_addresses_of_the_machine() {
        let port = Port::bind(0, None, true).unwrap();
        let number = port.addresses().next().unwrap().port();
        let [one, other] = [1, 7].map(|last| IpAddr::from([127, 0, 0, last]));
        port.follow(&[one, other]);
        let both = [one, other].map(|ip| SocketAddr::new(ip, number));
        assert_eq!(port.addresses().collect::<Vec<_>>(), both);
        assert_eq!(port.candidates().len(), 4, "UDP and TCP");
        let route = port.open();
        let index = index_of(&port, other);
        route.select(Remote {
            socket: index,
            address: both[0],
            tcp: false,
        });
        port.follow(&[one]);
        assert_eq!(port.addresses().collect::<Vec<_>>(), both[..1]);
        assert!(port.socket(index).is_none());
        let bound = UdpSocket::bind(both[1]);
        assert!(bound.is_ok(), "it is closed, although it is on a path");
        drop(bound);

        // A datagram to a closed socket is lost.
        let remote = Remote {
            socket: index,
            address: both[0],
            tcp: false,
        };
        route.send(remote, b"\x16lost");
        // The address comes back: the index of its first socket stays invalid.
        port.follow(&[one, other]);
        assert!(port.socket(index).is_none());
        assert_eq!(port.addresses().count(), 2);
    }

    #[tokio::test]
    async fn datagrams_reach_their_peer_once_its_address_is_learned() {
        let port = Port::bind(0, None, false).unwrap();
        let mut arrivals = port.take_arrivals().unwrap();
        assert!(port.take_arrivals().is_none());
        let route = port.open();
        route.set_ufrags(&["abcd"]);
        let index = index_of(&port, IpAddr::from([127, 0, 0, 1]));
        let socket = port.socket(index).unwrap();
        let registered = socket.register(&port).unwrap();
        let (sender, mut feedback) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            registered
                .receive(|number, _, datagram| sender.send((number, datagram.to_vec())).unwrap())
                .await;
        });
        let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let send = async |datagram: &[u8]| {
            peer.send_to(datagram, socket.address()).await.unwrap();
        };
        send(b"stray").await;
        let mut request = vec![0, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
        request.extend([0; 12]);
        request.extend([0, 6, 0, 6]);
        request.extend(b"abcd:x\0\0");
        send(b"\x16stray").await;
        send(&request).await;
        let arrival = arrivals.recv().await.unwrap();
        assert_eq!((arrival.to, &arrival.datagram[..]), (route.id(), &*request));
        assert_eq!(arrival.from.address, peer.local_addr().unwrap());
        assert_eq!(port.counters().stray.load(Ordering::Relaxed), 2);

        assert!(route.learn(Instant::now(), arrival.from));
        send(b"\x16handshake").await;
        let handshake = arrivals.recv().await.unwrap();
        assert_eq!(&handshake.datagram[..], b"\x16handshake");
        route.set_feedback_target(7);
        send(b"\x81\xc9report").await;
        assert_eq!(
            feedback.recv().await.unwrap(),
            (7, b"\x81\xc9report".to_vec())
        );

        assert!(arrivals.try_recv().is_err(), "the shard has its SRTCP");
        route.receive_media();
        send(b"\x80\x60media").await;
        send(b"\x81\xc8report").await;
        for expected in [&b"\x80\x60media"[..], b"\x81\xc8report"] {
            let media = arrivals.recv().await.unwrap();
            assert_eq!((media.to, &media.datagram[..]), (route.id(), expected));
            assert!(media.at >= arrival.at);
        }

        route.send(arrival.from, b"\x16answer");
        let mut buffer = [0; 100];
        let length = peer.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"\x16answer");
        assert!(route.path().is_none());
        route.select(arrival.from);
        assert_eq!(route.path().unwrap().remote(), arrival.from);
        assert_eq!(route.path_version(), 1);
    }

    fn index_of(port: &Port, ip: IpAddr) -> usize {
        let mut sockets = port.sockets().into_iter();
        let socket = sockets.find(|socket| socket.address().ip() == ip);
        socket.expect("it is open").index()
    }
}

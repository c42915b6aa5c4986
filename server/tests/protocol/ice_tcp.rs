//! ICE-TCP over real sockets: routing of frames to peers, and limits on connections.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::routes::Remote;
use net::{Arrival, Port, Route, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::LocalSet;

/// The time to wait for an event.
const TIMEOUT: Duration = testkit::PATIENCE;
/// The server's limit on connections of one address whose peer is not identified.
const MAX_UNIDENTIFIED: usize = 16;
/// The server's limit on the bytes of a datagram.
const MAX_DATAGRAM: usize = 2048;

/// A port that accepts ICE-TCP connections on the loopback address.
struct TestPort {
    port: Arc<Port>,
    arrivals: Mutex<mpsc::Receiver<Arrival>>,
    /// The address that accepts connections.
    address: SocketAddr,
}

impl TestPort {
    /// Must be called in a [`LocalSet`].
    fn open() -> Self {
        let port = Port::bind(0, None, true).expect("free ports");
        let mut sockets = port.sockets().into_iter();
        let socket = sockets.find(|socket| socket.address().ip() == Ipv4Addr::LOCALHOST);
        let socket = socket.expect("a loopback address");
        let listener = socket.listener().expect("in a runtime").expect("ICE-TCP");
        let address = listener.local_addr().expect("bound");
        let serving = tcp::serve(Arc::clone(&port), socket.index(), listener, |_, _, _| {});
        tokio::task::spawn_local(serving);
        let arrivals = port.take_arrivals().expect("not taken yet");
        Self {
            port,
            arrivals: Mutex::new(arrivals),
            address,
        }
    }

    /// Index of the socket of the loopback address.
    fn index(&self) -> usize {
        let mut sockets = self.port.sockets().into_iter();
        let socket = sockets.find(|socket| socket.address().ip() == Ipv4Addr::LOCALHOST);
        socket.expect("a loopback address").index()
    }

    /// A peer with this ufrag.
    fn peer(&self, name: &str) -> Route {
        let route = self.port.open();
        route.set_ufrags(&[name]);
        route
    }

    async fn connect(&self) -> TcpStream {
        self.connect_from(Ipv4Addr::LOCALHOST).await
    }

    async fn connect_from(&self, address: Ipv4Addr) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((address, 0).into()).expect("a free port");
        let connection = socket.connect(self.address).await.expect("connected");
        connection.set_nodelay(true).expect("an open connection");
        connection
    }

    /// The next datagram for a peer.
    async fn next(&self, route: &Route) -> (Remote, Vec<u8>) {
        let mut arrivals = self.arrivals.lock().await;
        let arrival = within("a datagram arrives", arrivals.recv()).await;
        let arrival = arrival.expect("the port is open");
        assert_eq!(arrival.to, route.id());
        (arrival.from, arrival.datagram.to_vec())
    }
}

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let outcome = tokio::time::timeout(TIMEOUT, future).await;
    outcome.unwrap_or_else(|_| panic!("after {TIMEOUT:?} still not: {what}"))
}

/// A datagram after its length (RFC 4571 2).
fn frame(datagram: &[u8]) -> Vec<u8> {
    let length = u16::try_from(datagram.len()).expect("a datagram");
    [&length.to_be_bytes(), datagram].concat()
}

/// A Binding request whose USERNAME begins with this ufrag of four letters (RFC 8489 5 and 14).
fn binding_request(name: &str) -> Vec<u8> {
    let mut request = vec![0, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
    request.extend([7; 12]);
    request.extend([0, 6, 0, 6]);
    request.extend(name.bytes());
    request.extend(b":x\0\0");
    request
}

/// Waits until the server closes the connection without sending anything.
async fn expect_closed(connection: &mut TcpStream) {
    let read = within("the connection is closed", connection.read_u8()).await;
    let error = read.expect_err("nothing is sent");
    let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&error.kind()), "{error}");
}

#[tokio::test]
async fn frames_may_be_cut_anywhere() {
    LocalSet::new().run_until(cut_frames()).await;
}

async fn cut_frames() {
    let port = TestPort::open();
    let peer = port.peer("abcd");
    let datagrams = [
        binding_request("abcd"),
        vec![22; 1200],
        vec![20; 1],
        vec![23; MAX_DATAGRAM],
        binding_request("abcd"),
    ];
    let bytes = datagrams.iter().flat_map(|one| frame(one));
    let bytes: Vec<u8> = bytes.collect();
    for piece in [1, 2, 3, 31, 1000, bytes.len()] {
        let mut connection = port.connect().await;
        let from = connection.local_addr().expect("connected");
        let remote = Remote {
            socket: port.index(),
            address: from,
            tcp: true,
        };
        // As after an authentic request from there.
        assert!(peer.learn(Instant::now(), remote));
        let write = async {
            for piece in bytes.chunks(piece) {
                connection.write_all(piece).await.expect("written");
                tokio::task::yield_now().await;
            }
        };
        let read = async {
            for datagram in &datagrams {
                let received = port.next(&peer).await;
                assert_eq!(
                    received,
                    (remote, datagram.clone()),
                    "in pieces of {piece} bytes"
                );
            }
        };
        tokio::join!(write, read);
    }
    assert_eq!(
        port.port
            .counters()
            .stray
            .load(std::sync::atomic::Ordering::Relaxed),
        0
    );
}

#[tokio::test]
async fn a_connection_whose_first_frame_names_no_peer_is_closed() {
    LocalSet::new().run_until(unidentified()).await;
}

async fn unidentified() {
    let port = TestPort::open();
    let _peer = port.peer("abcd");
    for first in [
        binding_request("dcba"),
        // A ClientHello, media, an empty datagram, an HTTP request.
        vec![22; 200],
        vec![0x80; 200],
        vec![],
    ] {
        let mut connection = port.connect().await;
        let framed = frame(&first);
        connection.write_all(&framed).await.expect("written");
        expect_closed(&mut connection).await;
    }
    let mut connection = port.connect().await;
    let request = b"GET / HTTP/1.1\r\nhost: weir.example\r\n\r\n";
    connection.write_all(request).await.expect("written");
    expect_closed(&mut connection).await;
}

#[tokio::test]
async fn a_connection_that_announces_too_long_a_frame_is_closed() {
    LocalSet::new().run_until(long_frames()).await;
}

async fn long_frames() {
    let port = TestPort::open();
    let peer = port.peer("abcd");
    let too_long = (MAX_DATAGRAM as u16 + 1).to_be_bytes();
    let mut connection = port.connect().await;
    connection.write_all(&too_long).await.expect("written");
    expect_closed(&mut connection).await;

    let mut identified = port.connect().await;
    let framed = frame(&binding_request("abcd"));
    identified.write_all(&framed).await.expect("written");
    port.next(&peer).await;
    identified.write_all(&too_long).await.expect("written");
    expect_closed(&mut identified).await;
}

#[tokio::test]
async fn silent_connections_give_way_to_new_ones_of_their_address() {
    LocalSet::new().run_until(silence()).await;
}

async fn silence() {
    let port = TestPort::open();
    let peer = port.peer("abcd");
    let framed = frame(&binding_request("abcd"));
    let mut other = port.connect_from(Ipv4Addr::new(127, 0, 0, 2)).await;
    let mut identified = port.connect().await;
    identified.write_all(&framed).await.expect("written");
    port.next(&peer).await;
    let mut silent = Vec::new();
    for _ in 0..MAX_UNIDENTIFIED {
        silent.push(port.connect().await);
    }
    for _ in 0..100 {
        silent.push(port.connect().await);
        expect_closed(&mut silent.remove(0)).await;
    }

    // The newest, that of another address and the identified one are served.
    let newest = silent.last_mut().expect("not empty");
    for connection in [newest, &mut other, &mut identified] {
        connection.write_all(&framed).await.expect("written");
        let from = connection.local_addr().expect("connected");
        assert_eq!(port.next(&peer).await.0.address, from);
    }
}

#[tokio::test]
async fn a_connection_that_sends_a_flood_of_short_frames_is_closed() {
    LocalSet::new().run_until(short_frames()).await;
}

async fn short_frames() {
    let port = TestPort::open();
    let peer = port.peer("abcd");
    let mut connection = port.connect().await;
    let framed = frame(&binding_request("abcd"));
    connection.write_all(&framed).await.expect("written");
    port.next(&peer).await;
    let flood = frame(&[0x55]).repeat(20_000);
    // Fails when the server closes meanwhile.
    let _ = connection.write_all(&flood).await;
    expect_closed(&mut connection).await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_one_buffer_and_does_not_delay_others() {
    LocalSet::new().run_until(not_reading()).await;
}

async fn not_reading() {
    let port = TestPort::open();
    let [stalled, other] = ["slow", "good"].map(|name| port.peer(name));
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("an open socket");
    let connected = socket.connect(port.address).await;
    let mut to_stalled = connected.expect("connected");
    let mut to_other = port.connect().await;
    for (connection, name) in [(&mut to_stalled, "slow"), (&mut to_other, "good")] {
        let framed = frame(&binding_request(name));
        connection.write_all(&framed).await.expect("written");
    }
    let (at_stalled, _) = port.next(&stalled).await;
    let (at_other, _) = port.next(&other).await;
    stalled.select(at_stalled);
    // SRTCP, by its first bytes.
    let datagram = [&[0x81, 200, 0, 0][..], &[7; 1196]].concat();
    let framed = frame(&datagram);
    let mut arrived = vec![0; framed.len()];
    let mut queued = None;
    for round in 0..100_000 {
        stalled.send(at_stalled, &datagram);
        // Lets the server write as much as the socket accepts.
        tokio::task::yield_now().await;
        if queued.is_none() && stalled.path().expect("a path").is_full() {
            queued = Some(round * framed.len());
        }
        if round % 100 == 0 {
            other.send(at_other, &datagram);
            let read = to_other.read_exact(&mut arrived);
            within("the other peer receives its datagram", read)
                .await
                .expect("open");
            assert_eq!(arrived, framed);
        }
    }
    let queued = queued.expect("the path becomes full");
    assert!(
        queued < 512 << 10,
        "the path is full only after {queued} bytes"
    );

    // Queued frames arrive whole; the rest was dropped.
    let mut kept = 0;
    while let Ok(read) = tokio::time::timeout(
        Duration::from_millis(300),
        to_stalled.read_exact(&mut arrived),
    )
    .await
    {
        read.expect("open");
        assert_eq!(arrived, framed);
        kept += framed.len();
    }
    println!("the path is full after {queued} bytes, {kept} were kept");
    assert!(kept < 2 << 20, "{kept} bytes were kept");
}

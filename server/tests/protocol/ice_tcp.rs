//! ICE-TCP over real sockets: routing of frames to peers, and limits on connections.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::{Port, Route, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;

/// The time to wait for an event.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The server's limit on connections whose peer is not identified.
const MAX_UNIDENTIFIED: usize = 64;
/// The server's limit on the bytes of a datagram.
const MAX_DATAGRAM: usize = 2048;

/// A port that accepts ICE-TCP connections on the loopback address.
struct TestPort {
    port: Arc<Port>,
    /// Index of the socket of the loopback address.
    index: usize,
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
        let index = socket.index();
        let listener = socket.listener().expect("in a runtime").expect("ICE-TCP");
        let address = listener.local_addr().expect("bound");
        let serving = tcp::serve(Arc::clone(&port), index, listener, |_, _, _| {});
        tokio::task::spawn_local(serving);
        Self {
            port,
            index,
            address,
        }
    }

    /// A peer with this ufrag.
    fn peer(&self, name: &str) -> Route {
        let route = self.port.open();
        route.set_ufrag(name);
        route
    }

    async fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(self.address).await.expect("connected");
        connection.set_nodelay(true).expect("an open connection");
        connection
    }

    /// The next datagram for a peer.
    async fn next(&self, route: &Route) -> (SocketAddr, Bytes) {
        let next = poll_fn(|context| route.poll_receive(context, self.index));
        within("a datagram arrives", next).await
    }

    /// Sends a datagram to a peer over its route, as a peer connection does.
    async fn send(&self, route: &Route, datagram: &[u8], to: SocketAddr) {
        poll_fn(|context| route.poll_send(context, self.index, datagram, to)).await;
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
        vec![],
        vec![20; 1],
        vec![23; MAX_DATAGRAM],
        binding_request("abcd"),
    ];
    let bytes = datagrams.iter().flat_map(|one| frame(one));
    let bytes: Vec<u8> = bytes.collect();
    for piece in [1, 2, 3, 31, 1000, bytes.len()] {
        let mut connection = port.connect().await;
        let from = connection.local_addr().expect("connected");
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
                    (from, Bytes::from(datagram.clone())),
                    "in pieces of {piece} bytes"
                );
            }
        };
        tokio::join!(write, read);
    }
    assert_eq!(
        port.port.stray().load(std::sync::atomic::Ordering::Relaxed),
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
async fn silent_connections_are_limited_and_identified_ones_are_not() {
    LocalSet::new().run_until(silence()).await;
}

async fn silence() {
    let port = TestPort::open();
    let peer = port.peer("abcd");
    let mut silent = Vec::new();
    for _ in 0..MAX_UNIDENTIFIED {
        silent.push(port.connect().await);
    }
    let mut one_more = port.connect().await;
    expect_closed(&mut one_more).await;

    // An identified connection no longer counts towards the limit.
    let framed = frame(&binding_request("abcd"));
    let mut identified = silent.pop().expect("not empty");
    identified.write_all(&framed).await.expect("written");
    port.next(&peer).await;
    let mut last = port.connect().await;
    expect_closed(&mut port.connect().await).await;
    last.write_all(&framed).await.expect("written");
    let from = last.local_addr().expect("connected");
    assert_eq!(port.next(&peer).await.0, from);

    // Nor does a closed connection, after the server has noticed it.
    silent.push(port.connect().await);
    expect_closed(&mut port.connect().await).await;
    drop(silent.pop());
    let began = Instant::now();
    loop {
        assert!(
            began.elapsed() < TIMEOUT,
            "the closed connection still counts"
        );
        let mut next = port.connect().await;
        // The server may have closed it already.
        let _ = next.write_all(&framed).await;
        tokio::select! {
            _ = port.next(&peer) => break,
            () = expect_closed(&mut next) => {}
        }
    }
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
    // SRTCP, by its first bytes.
    let datagram = [&[0x81, 200, 0, 0][..], &[7; 1196]].concat();
    let framed = frame(&datagram);
    let mut arrived = vec![0; framed.len()];
    let mut queued = None;
    for round in 0..100_000 {
        port.send(&stalled, &datagram, at_stalled).await;
        // Lets the server write as much as the socket accepts.
        tokio::task::yield_now().await;
        if queued.is_none() && stalled.path().expect("a path").is_full() {
            queued = Some(round * framed.len());
        }
        if round % 100 == 0 {
            port.send(&other, &datagram, at_other).await;
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

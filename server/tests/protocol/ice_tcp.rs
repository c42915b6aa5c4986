//! ICE-TCP over real sockets: routing of frames to peers, and limits on connections.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::{Port, Route, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::LocalSet;

/// Longer than any awaited event takes.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Limits: connections without a known peer, and octets of a frame.
const UNNAMED: usize = 64;
const LONGEST: usize = 2048;

/// A served port whose peers have ICE usernames.
struct Door {
    port: Arc<Port>,
    /// The socket of the loopback address, and the address that accepts connections.
    index: usize,
    address: SocketAddr,
}

impl Door {
    /// Call it inside of a [`LocalSet`].
    fn open() -> Self {
        let port = Port::bind(0, None, true).expect("free ports");
        let mut listeners = port.take_listeners().into_iter();
        let (index, listener) = listeners
            .find(|(_, listener)| {
                let address = listener.local_addr().expect("bound");
                address.ip() == Ipv4Addr::LOCALHOST
            })
            .expect("a loopback address");
        let address = listener.local_addr().expect("bound");
        let listener = TcpListener::from_std(listener).expect("in a runtime");
        let serving = tcp::serve(Arc::clone(&port), index, listener, |_, _, _| {});
        tokio::task::spawn_local(serving);
        Self {
            port,
            index,
            address,
        }
    }

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
        within("a datagram comes", next).await
    }

    /// Sends a datagram to a peer, as its connection does.
    async fn send(&self, route: &Route, datagram: &[u8], to: SocketAddr) {
        poll_fn(|context| route.poll_send(context, self.index, datagram, to)).await;
    }
}

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let outcome = tokio::time::timeout(TIMEOUT, future).await;
    outcome.unwrap_or_else(|_| panic!("after {TIMEOUT:?} still not: {what}"))
}

/// RFC 4571 2.
fn frame(datagram: &[u8]) -> Vec<u8> {
    let length = u16::try_from(datagram.len()).expect("a datagram");
    [&length.to_be_bytes(), datagram].concat()
}

/// A Binding request with this USERNAME of four letters (RFC 8489 5 and 14).
fn binding_request(name: &str) -> Vec<u8> {
    let mut request = vec![0, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
    request.extend([7; 12]);
    request.extend([0, 6, 0, 6]);
    request.extend(name.bytes());
    request.extend(b":x\0\0");
    request
}

/// Waits until the other side closes without sending anything.
async fn is_closed(connection: &mut TcpStream) {
    let read = within("it is closed", connection.read_u8()).await;
    let error = read.expect_err("nothing is said");
    let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&error.kind()), "{error}");
}

#[tokio::test]
async fn frames_may_be_cut_anywhere() {
    LocalSet::new().run_until(cut_frames()).await;
}

async fn cut_frames() {
    let door = Door::open();
    let peer = door.peer("abcd");
    let datagrams = [
        binding_request("abcd"),
        vec![22; 1200],
        vec![],
        vec![20; 1],
        vec![23; LONGEST],
        binding_request("abcd"),
    ];
    let bytes = datagrams.iter().flat_map(|one| frame(one));
    let bytes: Vec<u8> = bytes.collect();
    for piece in [1, 2, 3, 31, 1000, bytes.len()] {
        let mut connection = door.connect().await;
        let from = connection.local_addr().expect("connected");
        let write = async {
            for piece in bytes.chunks(piece) {
                connection.write_all(piece).await.expect("it is taken");
                tokio::task::yield_now().await;
            }
        };
        let read = async {
            for datagram in &datagrams {
                let come = door.next(&peer).await;
                assert_eq!(come, (from, Bytes::from(datagram.clone())), "in {piece}s");
            }
        };
        tokio::join!(write, read);
    }
    assert_eq!(
        door.port.stray().load(std::sync::atomic::Ordering::Relaxed),
        0
    );
}

#[tokio::test]
async fn whoever_does_not_begin_by_naming_a_peer_is_closed() {
    LocalSet::new().run_until(strangers()).await;
}

async fn strangers() {
    let door = Door::open();
    let _peer = door.peer("abcd");
    for first in [
        binding_request("dcba"),
        // A ClientHello, media, an empty datagram, an HTTP request.
        vec![22; 200],
        vec![0x80; 200],
        vec![],
    ] {
        let mut stranger = door.connect().await;
        let framed = frame(&first);
        stranger.write_all(&framed).await.expect("it is taken");
        is_closed(&mut stranger).await;
    }
    let mut stranger = door.connect().await;
    let request = b"GET / HTTP/1.1\r\nhost: weir.example\r\n\r\n";
    stranger.write_all(request).await.expect("it is taken");
    is_closed(&mut stranger).await;
}

#[tokio::test]
async fn whoever_announces_too_long_a_frame_is_closed() {
    LocalSet::new().run_until(long_frames()).await;
}

async fn long_frames() {
    let door = Door::open();
    let peer = door.peer("abcd");
    let too_long = (LONGEST as u16 + 1).to_be_bytes();
    let mut stranger = door.connect().await;
    stranger.write_all(&too_long).await.expect("it is taken");
    is_closed(&mut stranger).await;

    let mut named = door.connect().await;
    let framed = frame(&binding_request("abcd"));
    named.write_all(&framed).await.expect("it is taken");
    door.next(&peer).await;
    named.write_all(&too_long).await.expect("it is taken");
    is_closed(&mut named).await;
}

#[tokio::test]
async fn connections_that_say_nothing_leave_room_for_others() {
    LocalSet::new().run_until(silence()).await;
}

async fn silence() {
    let door = Door::open();
    let peer = door.peer("abcd");
    let mut silent = Vec::new();
    for _ in 0..UNNAMED {
        silent.push(door.connect().await);
    }
    let mut one_more = door.connect().await;
    is_closed(&mut one_more).await;

    // A connection whose peer becomes known makes room.
    let framed = frame(&binding_request("abcd"));
    let mut named = silent.pop().expect("there are some");
    named.write_all(&framed).await.expect("it is taken");
    door.next(&peer).await;
    let mut last = door.connect().await;
    is_closed(&mut door.connect().await).await;
    last.write_all(&framed).await.expect("it is taken");
    let from = last.local_addr().expect("connected");
    assert_eq!(door.next(&peer).await.0, from);

    // So does a connection that closes, once that is noticed.
    silent.push(door.connect().await);
    is_closed(&mut door.connect().await).await;
    drop(silent.pop());
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < TIMEOUT, "there is no room");
        let mut next = door.connect().await;
        // It may be closed already.
        let _ = next.write_all(&framed).await;
        tokio::select! {
            _ = door.next(&peer) => break,
            () = is_closed(&mut next) => {}
        }
    }
}

#[tokio::test]
async fn whoever_reads_nothing_costs_no_more_than_a_buffer_and_does_not_disturb_others() {
    LocalSet::new().run_until(reading_nothing()).await;
}

async fn reading_nothing() {
    let door = Door::open();
    let [stalled, other] = ["stalled", "good"].map(|name| door.peer(name));
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("an open socket");
    let connected = socket.connect(door.address).await;
    let mut to_deaf = connected.expect("connected");
    let mut to_other = door.connect().await;
    for (connection, name) in [(&mut to_deaf, "stalled"), (&mut to_other, "good")] {
        let framed = frame(&binding_request(name));
        connection.write_all(&framed).await.expect("it is taken");
    }
    let (at_deaf, _) = door.next(&stalled).await;
    let (at_other, _) = door.next(&other).await;
    // SRTCP, by its first bytes.
    let datagram = [&[0x81, 200, 0, 0][..], &[7; 1196]].concat();
    let framed = frame(&datagram);
    let mut arrived = vec![0; framed.len()];
    let mut queued = None;
    for round in 0..100_000 {
        door.send(&stalled, &datagram, at_deaf).await;
        // Sends as much as the socket takes.
        tokio::task::yield_now().await;
        if queued.is_none() && stalled.path().expect("it has one").is_full() {
            queued = Some(round * framed.len());
        }
        if round % 100 == 0 {
            door.send(&other, &datagram, at_other).await;
            let read = to_other.read_exact(&mut arrived);
            within("the other gets its own", read).await.expect("open");
            assert_eq!(arrived, framed);
        }
    }
    let queued = queued.expect("the path becomes full");
    assert!(
        queued < 512 << 10,
        "the path is full only after {queued} octets"
    );

    // Queued frames arrive whole; the rest was dropped.
    let mut come = 0;
    while let Ok(read) =
        tokio::time::timeout(Duration::from_millis(300), to_deaf.read_exact(&mut arrived)).await
    {
        read.expect("open");
        assert_eq!(arrived, framed);
        come += framed.len();
    }
    println!("the path is full after {queued} octets, {come} were kept");
    assert!(come < 2 << 20, "{come} octets were kept");
}

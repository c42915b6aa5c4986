//! A viewer over ICE-TCP.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::*;
use net::routes::Remote;
use net::tcp;

/// A binding request for the ufrag `abcd` (RFC 8489 5, RFC 8445 7.2.2), after its length (RFC 4571 2).
const REQUEST: &[u8] = b"\0\x20\0\x01\0\x0c\x21\x12\xa4\x42transaction!\0\x06\0\x06abcd:x\0\0";

/// Connects to the port and selects the connection as the path, as ICE does.
async fn connect(harness: &Harness, route: &Route) -> TcpStream {
    let sockets = harness.port.sockets();
    let loopback =
        |address: std::net::SocketAddr| address.ip() == bind().local_addr().expect("bound").ip();
    let mut sockets = sockets.iter();
    let socket = sockets
        .find(|socket| loopback(socket.address()))
        .expect("loopback");
    let listener = socket.listener().expect("a listener").expect("TCP");
    let address = listener.local_addr().expect("it is bound");
    let port = Arc::clone(&harness.port);
    spawn_local(tcp::serve(port, socket.index(), listener, |_, _, _| {}));
    route.set_ufrags(&["abcd"]);
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(REQUEST).await.expect("sent");
    let remote = Remote {
        socket: socket.index(),
        address: stream.local_addr().expect("it is bound"),
        tcp: true,
    };
    route.learn(Instant::now(), remote);
    for _ in 0..5000 {
        route.select(remote);
        if route.path().is_some_and(|path| path.is_open()) {
            return stream;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("the request did not arrive within 5 s");
}

async fn frame(stream: &mut TcpStream) -> Vec<u8> {
    let read = async {
        let length = stream.read_u16().await.expect("a length");
        let mut datagram = vec![0; length.into()];
        stream.read_exact(&mut datagram).await.expect("a datagram");
        datagram
    };
    let limit = Duration::from_secs(5);
    timeout(limit, read).await.expect("a frame within 5 s")
}

#[test]
fn sender_reports_and_media_are_frames_of_their_own() {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let harness = Harness::with_tcp();
        harness.append_video(0, true, 1, 1);
        harness.append_video(60, false, 2, 2);
        let (mut viewer, mut peer) = viewer(&harness);
        let mut stream = connect(&harness, &viewer.viewer.route).await;
        viewer.poll(harness.start);
        viewer.poll(harness.at(60));
        for fill in [1, 2, 2] {
            let datagram = frame(&mut stream).await;
            let packet = peer.read(&datagram).expect("media");
            assert_eq!(packet.payload[0], fill);
        }
        let datagram = frame(&mut stream).await;
        assert_eq!(peer.read(&datagram), None);
        let compound = peer.sender_report().expect("sender reports");
        assert_eq!(compound.reports[0].packet_count, 3);
    });
}

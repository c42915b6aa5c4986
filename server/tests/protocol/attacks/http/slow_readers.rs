//! Clients that ask for much and read little.

use std::fs;
use std::time::{Duration, Instant};

use socket2::SockRef;
use testkit::{TestServer, eventually};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

use super::{address, metric, request, until_closed};

/// The write deadline, and time for a slow machine.
const LIMIT: Duration = Duration::from_secs(75);
const READERS: usize = 10;
/// What the system may hold for one of them: the send buffer, which Linux counts twice, and the small receive buffer of this test.
const HELD: usize = 700 * 1024;

async fn serve_a_large_file() -> (TestServer, tempfile::TempDir) {
    let dist = tempfile::tempdir().unwrap();
    fs::write(dist.path().join("index.html"), "<title>page</title>").unwrap();
    fs::write(dist.path().join("large.bin"), vec![7; 16 << 20]).unwrap();
    let folder = dist.path().to_str().unwrap();
    (TestServer::with(&["test:", "--dist", folder]).await, dist)
}

/// Asks for the large file, with a small receive buffer.
async fn reader(server: &TestServer) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    // The loopback interface has packets of 64 kB: less would not be acknowledged.
    SockRef::from(&socket).set_tcp_mss(536).unwrap();
    let mut stream = socket.connect(address(&server.url)).await.unwrap();
    request(&mut stream, "/large.bin").await;
    stream
}

async fn all_are_closed(server: &TestServer) {
    eventually("their connections are closed", LIMIT, || async {
        metric(server, "weir_http_connections").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_disconnected_and_holds_little() {
    let (server, _dist) = serve_a_large_file().await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(reader(&server).await);
    }
    eventually("they are connected", LIMIT, || async {
        metric(&server, "weir_http_connections").await == READERS as u64
    })
    .await;
    all_are_closed(&server).await;
    for mut reader in readers {
        let held = until_closed(&mut reader, LIMIT).await.len();
        assert!(
            held < HELD,
            "{held} bytes were sent to a client that does not read"
        );
    }
}

/// The system alone would keep such a connection for ever: its client acknowledges something from time to time.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_trickle_is_disconnected() {
    let (server, _dist) = serve_a_large_file().await;
    let mut reader = reader(&server).await;
    let began = Instant::now();
    let mut some = [0; 512];
    while reader.read(&mut some).await.is_ok_and(|read| read > 0) {
        assert!(began.elapsed() < LIMIT, "it is still connected");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    all_are_closed(&server).await;
}

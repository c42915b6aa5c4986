//! Clients of the HTTPS port that do not speak TLS, or do not go on.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::SecureServer;

/// More than the timeout of a handshake, also on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn open(server: &SecureServer) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.port()))
        .await
        .unwrap()
}

/// Reads until the server closes, and returns what came.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut came = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut came)).await;
    // A reset is an end as well.
    let _ = read.expect("the server closes the connection");
    came
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_ends_and_others_are_served() {
    let server = SecureServer::start().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(open(&server).await);
    }
    // The head of a record whose rest does not come, or comes slowly.
    let mut slow = open(&server).await;
    slow.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    let curl = server.curl().await;
    let url = format!("https://localhost:{}/api/health", server.port());
    curl.prints(&["--http2", &url]).await;
    for stream in &silent {
        let read = stream.try_read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(
            read,
            Err(ErrorKind::WouldBlock),
            "others are served meanwhile"
        );
    }
    let dribble = async {
        while slow.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    timeout(PATIENCE, dribble)
        .await
        .expect("a slow handshake ends");
    for mut stream in silent {
        assert!(until_closed(&mut stream).await.is_empty());
    }
}

/// After the handshake an HTTP/2 client has to say something.
#[tokio::test]
async fn an_http_2_connection_without_a_request_ends() {
    let server = SecureServer::start().await;
    let mut stream = server.connect("localhost", b"h2").await;
    let mut came = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut came)).await;
    let _ = read.expect("the server closes the connection");
}

#[tokio::test]
async fn garbage_on_the_port_ends_at_once() {
    let server = SecureServer::start().await;
    for garbage in [
        &[0; 4000][..],
        &[22, 3, 3, 0xFF, 0xFF, 1, 2, 3],
        b"\x16\x03\x01\x00\x05hello",
        &[0xFF; 70_000],
    ] {
        let began = Instant::now();
        let mut stream = open(&server).await;
        let _ = stream.write_all(garbage).await;
        let _ = stream.shutdown().await;
        until_closed(&mut stream).await;
        // Not by the timeout of a handshake, 10 s.
        assert!(began.elapsed() < Duration::from_secs(9));
    }
    server.connect("localhost", b"http/1.1").await;
}

#[tokio::test]
async fn plain_http_on_the_port_gets_a_sentence() {
    let server = SecureServer::start().await;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let answer = server.server.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let text = answer.text().await.unwrap();
    assert!(
        text.contains("https://") && text.contains("https_only"),
        "{text}"
    );
}

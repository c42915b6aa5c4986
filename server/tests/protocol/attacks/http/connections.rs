//! Connections without end: idle ones make room, live ones stay, and streams go on.

use std::fs;
use std::process::Command;
use std::time::Duration;

use testkit::process::{ServerProcess, program};
use testkit::{PATIENCE, TestServer, eventually};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{NO_PROXY, connect, metric, request, until_closed};

async fn event_stream(url: &str, from: &str) -> TcpStream {
    let mut stream = connect(url, from).await;
    request(&mut stream, "/api/events").await;
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    stream
}

/// The stream has not been closed: nothing, or an event, is there to be read.
fn is_open(stream: &TcpStream) -> bool {
    let mut buffer = vec![0; 1 << 16];
    match stream.try_read(&mut buffer) {
        Ok(read) => read > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

/// The attack ended every stream: without a free file the folder could not be read, which counted as an empty folder.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_end_no_stream() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(testkit::CLIP, folder.path().join("film.mp4")).unwrap();
    let mut limited = Command::new("prlimit");
    limited.arg("--nofile=200:200").arg(program("server"));
    let arguments = ["--shards", "1", folder.path().to_str().unwrap()];
    let server = ServerProcess::with(limited, &[&arguments[..], &NO_PROXY].concat());
    let live = event_stream(&server.url, "127.0.0.1").await;
    let mut idle = Vec::new();
    for number in 0..400 {
        // From many addresses, so that the limit of one does not help.
        let from = format!("127.0.1.{}", 1 + number % 200);
        idle.push(connect(&server.url, &from).await);
    }
    let began = std::time::Instant::now();
    // Several scans of the folder.
    while began.elapsed() < Duration::from_secs(4) {
        let mut stream = connect(&server.url, "127.0.0.1").await;
        request(&mut stream, "/api/streams/film").await;
        let mut head = [0; 15];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(
            &head, b"HTTP/1.1 200 OK",
            "the film is there, and newcomers are served"
        );
        assert!(is_open(&live), "a live event stream stays");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(server.usage().files < 190, "{:?}", server.usage());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_leaves_places_to_others() {
    let limit = ["--max-connections-per-address", "4"];
    let server = TestServer::with(&[&["test:"][..], &NO_PROXY, &limit].concat()).await;
    let mut live = Vec::new();
    for _ in 0..4 {
        live.push(event_stream(&server.url, "127.0.0.1").await);
    }
    // All are in use, so a fifth is refused, and says why.
    let mut fifth = connect(&server.url, "127.0.0.1").await;
    let answer = until_closed(&mut fifth, PATIENCE).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("Retry-After: ") && answer.contains("too_many_connections"));
    let _other = event_stream(&server.url, "127.0.0.2").await;
    assert!(live.iter().all(is_open));
    let refused = "weir_http_connections_refused_total{limit=\"address\"}";
    assert_eq!(metric(&server, refused).await, 1);
    drop(live.pop());
    eventually("a place is free again", PATIENCE, || async {
        let mut next = connect(&server.url, "127.0.0.1").await;
        request(&mut next, "/api/health").await;
        let mut head = [0; 15];
        next.read_exact(&mut head)
            .await
            .is_ok_and(|_| &head == b"HTTP/1.1 200 OK")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_idle_connection_makes_room_for_a_newcomer() {
    let limit = ["--max-connections", "5"];
    let server = TestServer::with(&[&["test:"][..], &limit].concat()).await;
    let live = event_stream(&server.url, "127.0.0.1").await;
    let mut oldest = connect(&server.url, "127.0.0.1").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(connect(&server.url, "127.0.0.1").await);
    }
    let mut newcomer = connect(&server.url, "127.0.0.1").await;
    request(&mut newcomer, "/api/health").await;
    let mut head = [0; 15];
    newcomer.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    assert!(
        until_closed(&mut oldest, Duration::from_secs(5))
            .await
            .is_empty()
    );
    assert!(others.iter().all(is_open) && is_open(&live));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_page_and_those_of_monitors_take_no_places_of_each_other() {
    let limit = ["--max-connections", "2"];
    let server = TestServer::with(&[&["test:"][..], &limit].concat()).await;
    let live = [
        event_stream(&server.url, "127.0.0.1").await,
        event_stream(&server.url, "127.0.0.1").await,
    ];
    assert_eq!(metric(&server, "weir_http_connections").await, 2);
    let counters = server.url("/metrics");
    let (counters, _) = counters.rsplit_once('/').unwrap();
    drop(live);
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(connect(counters, "127.0.0.1").await);
    }
    eventually("the page has its places", PATIENCE, || async {
        metric(&server, "weir_http_connections").await == 0
    })
    .await;
    let _live = event_stream(&server.url, "127.0.0.1").await;
    assert!(idle.iter().all(is_open));
}

/// A WebSocket counts for as long as it is open, and is not idle.
#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_counted_and_keeps_its_place() {
    let limit = ["--max-connections", "2"];
    let server = TestServer::with(&[&["test:"][..], &limit].concat()).await;
    let open = || testkit::socket::TestSocket::open(&server.url);
    let sockets = [open().await, open().await];
    let mut third = connect(&server.url, "127.0.0.1").await;
    let answer = until_closed(&mut third, PATIENCE).await;
    assert!(answer.starts_with(b"HTTP/1.1 503 "));
    drop(sockets);
    eventually("its place is free again", PATIENCE, || async {
        let answer = server.http.get(server.url("/api/health")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
}

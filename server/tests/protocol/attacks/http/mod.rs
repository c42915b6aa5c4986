//! Attacks over HTTP: on connections, on memory, and through these on everybody else.

mod api;
mod behind_proxies;
mod connections;
mod fragments;
mod heads;
mod other_sites;
mod policies;
mod proxies;
mod slow_readers;

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;
use testkit::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// So that requests from loopback come from no trusted proxy.
const NO_PROXY: [&str; 2] = ["--trusted-proxy", "192.0.2.0/24"];

/// The fields of a handshake (RFC 6455 4.1).
const WEBSOCKET: &str = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

/// A connection from this address of the machine.
pub(super) async fn connect(url: &str, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(address(url)).await.unwrap()
}

async fn request(stream: &mut TcpStream, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// What comes until the server closes the connection.
async fn until_closed(stream: &mut TcpStream, limit: Duration) -> Vec<u8> {
    let mut came = Vec::new();
    let read = timeout(limit, stream.read_to_end(&mut came)).await;
    // A reset is an end as well.
    let _ = read.expect("the server closes the connection");
    came
}

/// A value of `/metrics`, which is asked for from another address than the attacker's.
async fn metric(server: &TestServer, name: &str) -> u64 {
    let client = Client::builder().local_address("127.0.0.9".parse::<std::net::IpAddr>().ok());
    let answer = client
        .build()
        .unwrap()
        .get(server.url("/metrics"))
        .send()
        .await;
    let text = answer.unwrap().text().await.unwrap();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}

/// The answer to a request of these octets: its status, and its head and what came with it.
async fn exchange(server: &TestServer, request: impl AsRef<[u8]>) -> (u16, String) {
    let mut stream = TcpStream::connect(address(&server.url)).await.unwrap();
    stream.write_all(request.as_ref()).await.unwrap();
    answer(&mut stream).await
}

/// The next answer on a connection: its status, and its head and what came with it.
async fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    let has_ended = |answer: &[u8]| {
        let text = String::from_utf8_lossy(answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return false;
        };
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    };
    while !has_ended(&answer) {
        let read = timeout(testkit::PATIENCE, stream.read_buf(&mut answer)).await;
        let read = read.expect("an answer").expect("an answer");
        assert!(read > 0, "{} ends early", String::from_utf8_lossy(&answer));
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text)
}

/// `GET` with these fields, each with its line end.
async fn get(server: &TestServer, path: &str, fields: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\n{fields}\r\n");
    exchange(server, request).await
}

//! Attacks over HTTP: on connections, on memory, and through these on everybody else.

mod connections;
mod fragments;
mod heads;
mod other_sites;
mod policies;
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

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

/// A connection from this address of the machine.
async fn connect(url: &str, from: &str) -> TcpStream {
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

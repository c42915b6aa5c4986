//! Checks from a thousand ports that name one session.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use testkit::TestServer;
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::attacker::Attacker;
use super::check::CheckCredentials;
use super::relay::{Relay, address_of};
use super::{goes_on, serve, watch, watch_through};

const ROUNDS: usize = 3;
/// Sockets that are open at a time.
const PORTS: usize = 500;
/// Addresses of one session that are remembered (the ICE agent's limit).
const MAX_PATHS: usize = 16;

/// What came of a flood.
#[derive(Debug)]
struct Flooded {
    /// Ports to which anything was sent.
    answered: usize,
    /// Ports whose further datagrams belong to no session.
    stray: u64,
}

/// Sends a check from each port, and then a record of DTLS.
async fn flood(server: &TestServer, credentials: &CheckCredentials) -> Flooded {
    let to = address_of(server);
    let mut answered = 0;
    let before = stray(server);
    let mut ports = HashSet::new();
    for _ in 0..ROUNDS {
        let mut sockets = Vec::new();
        for _ in 0..PORTS {
            let socket = bind_new(&mut ports).await;
            send(&socket, &credentials.check(), to).await;
            sockets.push(socket);
        }
        sleep(Duration::from_millis(200)).await;
        for socket in &sockets {
            send(socket, &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], to).await;
        }
        sleep(Duration::from_millis(100)).await;
        let mut datagram = [0; 2048];
        let heard = sockets
            .iter()
            .filter(|socket| socket.try_recv(&mut datagram).is_ok());
        answered += heard.count();
    }
    Flooded {
        answered,
        stray: stray(server) - before,
    }
}

/// A socket of a port that had no part in the flood before: a known one that comes again would count twice.
async fn bind_new(ports: &mut HashSet<SocketAddr>) -> UdpSocket {
    loop {
        let socket = UdpSocket::bind("127.0.0.7:0").await.expect("a free port");
        if ports.insert(socket.local_addr().expect("a bound socket")) {
            return socket;
        }
    }
}

async fn send(socket: &UdpSocket, datagram: &[u8], to: SocketAddr) {
    socket.send_to(datagram, to).await.expect("sent");
}

fn stray(server: &TestServer) -> u64 {
    server.viewers.shards()[0]
        .port
        .stray
        .load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_checks_are_neither_answered_nor_remembered() {
    let server = serve().await;
    let watching = watch(&server).await;
    watching.viewer.packets_of("H264", 20).await;
    let mut forged = CheckCredentials::of(&watching.offer, &watching.answer);
    forged.password = "0123456789abcdefghijkl".to_owned();
    let flooded = flood(&server, &forged).await;
    assert_eq!(flooded.answered, 0, "{flooded:?}");
    assert_eq!(flooded.stray, (ROUNDS * PORTS) as u64, "{flooded:?}");
    goes_on(&watching.viewer).await;
    assert_eq!(watching.viewer.received("H264").gaps, 0);
    watching.viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authentic_checks_from_a_thousand_ports_make_few_routes() {
    let server = serve().await;
    let watching = watch(&server).await;
    watching.viewer.packets_of("H264", 20).await;
    let credentials = CheckCredentials::of(&watching.offer, &watching.answer);
    let began = Instant::now();
    let flooded = flood(&server, &credentials).await;
    // One that is not heard for 5 s gives its place up, which a busy machine may take for the flood.
    let most = MAX_PATHS * (1 + began.elapsed().as_secs() as usize / 5);
    assert!((1..=most).contains(&flooded.answered), "{flooded:?}");
    let known = ROUNDS * PORTS - flooded.stray as usize;
    assert!((1..=most).contains(&known), "{flooded:?}");
    goes_on(&watching.viewer).await;
    assert_eq!(watching.viewer.received("H264").gaps, 0);
    // Another viewer joins as ever.
    let other = watch(&server).await.viewer;
    other.packets_of("H264", 20).await;
    other.leave().await;
    watching.viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_moves_is_followed_while_forged_checks_name_its_session() {
    let server = serve().await;
    let relay = Relay::start(&server, |_, _| true).await;
    let watching = watch_through(&server, &relay).await;
    watching.viewer.packets_of("H264", 20).await;
    let mut forged = CheckCredentials::of(&watching.offer, &watching.answer);
    forged.password = "0123456789abcdefghijkl".to_owned();
    // Who sees the viewer's datagrams knows its ufrags.
    let check = forged.check();
    let attacker = Attacker::start(address_of(&server), move |_| check.clone());
    sleep(Duration::from_millis(500)).await;
    relay.move_to(Ipv4Addr::new(127, 0, 0, 8)).await;
    sleep(Duration::from_millis(200)).await;
    goes_on(&watching.viewer).await;
    attacker.stop();
    watching.viewer.leave().await;
    server.stop().await;
}

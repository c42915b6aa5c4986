//! Requests and credentials that are refused.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use clap::Parser;
use server::Server;
use server::config::Config;
use testkit::PATIENCE;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use turn::Secret;
use turn_types::attribute::RequestedTransport;

use super::client::{Received, SOON};
use super::{By, Turn, ice, pace};

const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;
const MISMATCH: u16 = 437;
const WRONG_CREDENTIALS: u16 = 441;
const WRONG_TRANSPORT: u16 = 442;
const WRONG_FAMILY: u16 = 443;
const QUOTA: u16 = 486;
const CAPACITY: u16 = 508;

const SECRET: &str = "north-by-northwest";

#[tokio::test]
async fn credentials_that_expired_or_are_forged_or_of_another_server_are_refused() {
    let turn = Turn::start(&["--turn-secret", SECRET]).await;
    let secret: Secret = SECRET.parse().unwrap();
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    let good = secret.issue("me", hour, now);
    let expired = secret.issue("me", hour, now - 2 * hour);
    let foreign = Secret::random().issue("me", hour, now);
    let later = format!("9{}", good.username);
    for by in [By::Udp, By::Tcp] {
        for (username, password) in [
            (&expired.username, &expired.password),
            (&foreign.username, &foreign.password),
            (&later, &good.password),
            (&good.username, &"guess".to_owned()),
            (&"me".to_owned(), &good.password),
        ] {
            let mut client = turn.client_as(by, username, password).await;
            assert_eq!(client.allocate().await, Err(UNAUTHORIZED), "{username}");
        }
        let mut client = turn.client_as(by, &good.username, &good.password).await;
        assert!(client.allocate().await.is_ok());
    }
}

/// An allocation belongs to its user, even if another user sends from the same address.
#[tokio::test]
async fn another_user_cannot_use_an_allocation() {
    let turn = Turn::start(&[]).await;
    let mut client = turn.client(By::Udp).await;
    client.allocate().await.unwrap();
    let other = turn.client(By::Udp).await;
    let own = (client.username.clone(), client.password.clone());
    (client.username, client.password) = (other.username, other.password);
    assert_eq!(client.refresh(0).await, Err(WRONG_CREDENTIALS));
    (client.username, client.password) = own;
    assert_eq!(client.refresh(600).await, Ok(600));
}

#[tokio::test]
async fn peers_inside_a_network_are_refused() {
    let turn = Turn::start(&[]).await;
    let mut client = turn.client(By::Udp).await;
    client.allocate().await.unwrap();
    for inside in [
        "10.0.0.1:80",
        "192.168.0.1:80",
        "172.16.0.1:80",
        "100.64.0.1:80",
        "169.254.169.254:80",
        "127.0.0.2:53",
        "0.0.0.0:80",
        "224.0.0.251:5353",
        "255.255.255.255:67",
        "240.0.0.1:80",
    ] {
        let peer = inside.parse().unwrap();
        assert_eq!(client.permit(peer).await, Err(FORBIDDEN), "{inside}");
        assert_eq!(client.bind(0x4000, peer).await, Err(FORBIDDEN), "{inside}");
    }
    for inside in ["[::1]:80", "[fe80::1]:80", "[::ffff:10.0.0.1]:80"] {
        let outcome = client.permit(inside.parse().unwrap()).await;
        assert_eq!(outcome, Err(WRONG_FAMILY), "{inside}");
    }
    assert_eq!(
        client.permit("203.0.113.9:80".parse().unwrap()).await,
        Ok(())
    );
}

#[tokio::test]
async fn ports_of_services_are_refused() {
    let turn = Turn::start(&[]).await;
    let mut client = turn.client(By::Udp).await;
    client.allocate().await.unwrap();
    for (number, port) in [(0x4000, 25), (0x4001, 53), (0x4002, 80), (0x4003, 1023)] {
        let peer = SocketAddr::from(([203, 0, 113, 9], port));
        assert_eq!(client.bind(number, peer).await, Err(FORBIDDEN), "{port}");
    }
    for (number, port) in [(0x4000, 443), (0x4001, 1024), (0x4002, 50_000)] {
        let peer = SocketAddr::from(([203, 0, 113, 9], port));
        assert_eq!(client.bind(number, peer).await, Ok(()), "{port}");
    }
}

/// Relaying between two allocations does not open other ports of the server's machine.
#[tokio::test]
async fn other_programs_on_the_servers_machine_are_out_of_reach() {
    let turn = Turn::start(&[]).await;
    let mut client = turn.client(By::Udp).await;
    let relayed = client.allocate().await.unwrap();
    let program = UdpSocket::bind((relayed.ip(), 0)).await.unwrap();
    let victim = program.local_addr().unwrap();
    client
        .bind(0x4000, victim)
        .await
        .expect("permissions are for a whole address");
    client.send_on(0x4000, b"attack").await;
    client.send(victim, b"attack").await;
    assert!(timeout(SOON / 4, program.recv(&mut [0; 10])).await.is_err());

    // A program that takes over the port of an expired allocation receives nothing either.
    let mut other = turn.client(By::Tcp).await;
    let former = other.allocate().await.unwrap();
    client.bind(0x4001, former).await.unwrap();
    client.send_on(0x4001, b"hello").await;
    other.permit(relayed).await.unwrap();
    client.send_on(0x4001, b"again").await;
    assert_eq!(
        other.receive().await,
        Some(Received::From(relayed, b"again".to_vec()))
    );
    other.refresh(0).await.unwrap();
    let program = take_over(former).await;
    client.send_on(0x4001, b"attack").await;
    assert!(timeout(SOON / 4, program.recv(&mut [0; 10])).await.is_err());
}

#[tokio::test]
async fn a_user_has_a_quota_and_so_has_the_server() {
    let limits = [
        "--turn-user-allocations",
        "2",
        "--turn-max-allocations",
        "3",
    ];
    let turn = Turn::start(&limits).await;
    let mut mine = turn.client(By::Udp).await;
    mine.allocate().await.unwrap();
    let again = (mine.username.clone(), mine.password.clone());
    let as_me = |by| turn.client_as(by, &again.0, &again.1);
    let mut second = as_me(By::Tcp).await;
    second.allocate().await.unwrap();
    let mut third = as_me(By::Udp).await;
    assert_eq!(third.allocate().await, Err(QUOTA));
    turn.client(By::Udp)
        .await
        .allocate()
        .await
        .expect("another user has a place");
    assert_eq!(turn.client(By::Udp).await.allocate().await, Err(CAPACITY));
    mine.refresh(0).await.unwrap();
    drop(second);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while third.allocate().await.is_err() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "places are given back"
        );
        tokio::time::sleep(SOON / 100).await;
    }
}

#[tokio::test]
async fn a_user_has_a_rate() {
    let turn = Turn::start(&["--turn-allow-private", "--turn-user-rate", "1"]).await;
    let mut client = turn.client(By::Udp).await;
    client.allocate().await.unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client
        .bind(0x4000, peer.local_addr().unwrap())
        .await
        .unwrap();
    let receiving = tokio::spawn(async move {
        let mut arrived = 0;
        while timeout(SOON / 4, peer.recv(&mut [0; 2000])).await.is_ok() {
            arrived += 1;
        }
        arrived
    });
    for number in 0..400 {
        pace(number).await;
        client.send_on(0x4000, &[7; 1000]).await;
    }
    let arrived = receiving.await.unwrap();
    // 1 Mbit/s is 125 packets at once, and some more while the test sends.
    assert!((100..250).contains(&arrived), "{arrived} of 400 arrived");
}

#[tokio::test]
async fn requests_that_make_no_sense_get_their_error() {
    let turn = Turn::start(&[]).await;
    let mut client = turn.client(By::Udp).await;
    let peer = "203.0.113.9:5000".parse().unwrap();
    assert_eq!(client.refresh(600).await, Err(MISMATCH));
    assert_eq!(client.permit(peer).await, Err(MISMATCH));
    assert_eq!(
        client.allocate_with(RequestedTransport::TCP, None).await,
        Err(WRONG_TRANSPORT)
    );
    client.allocate().await.unwrap();
    assert_eq!(
        client.allocate().await,
        Err(MISMATCH),
        "one allocation a client"
    );
    assert_eq!(client.bind(0x3fff, peer).await, Err(400));
    client.bind(0x4000, peer).await.unwrap();
    assert_eq!(
        client
            .bind(0x4000, "203.0.113.8:5000".parse().unwrap())
            .await,
        Err(400)
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_when_it_was_asked_for() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let arguments = ["server", "test:", "--udp-port", "0", "--turn-port", &port];
    let config = Config::try_parse_from(arguments).unwrap();
    let error = Server::open(&config).unwrap_err().to_string();
    assert!(error.contains(&port), "{error}");
    assert!(error.contains("choose one with --turn-port"), "{error}");
}

/// Without `--turn-port`, a taken port must not stop the server from starting.
#[tokio::test]
async fn the_usual_port_that_is_taken_is_no_reason_not_to_start() {
    // Taken by this test, or by another program before it.
    let _taken = UdpSocket::bind("127.0.0.1:3478").await;
    let config = Config::try_parse_from(["server", "test:", "--udp-port", "0"]).unwrap();
    let server = Server::open(&config).unwrap();
    let port = server.turn().unwrap().port();
    assert!(port != 0 && port != 3478);
    server.turn().unwrap().close().await;
}

#[tokio::test]
async fn with_turn_off_no_server_runs_and_none_is_announced() {
    let server = super::TestServer::with(&["test:", "--turn", "off"]).await;
    assert!(server.turn.is_none());
    let config = ice(&server).await;
    assert!(config.ice_servers.is_empty());
    assert_eq!(config.ttl, None);
}

#[tokio::test]
async fn clients_are_configured_to_use_only_relays() {
    let page = super::TestServer::with(&["test:", "--relay-only"]).await;
    let config = ice(&page).await;
    assert_eq!(
        config.ice_transport_policy,
        shared::api::IceTransportPolicy::Relay
    );
}

/// Binds the address as soon as it is free.
async fn take_over(address: SocketAddr) -> UdpSocket {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match UdpSocket::bind(address).await {
            Ok(socket) => return socket,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "not free: {error}"),
        }
        tokio::time::sleep(SOON / 100).await;
    }
}

//! Data that is relayed.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use testkit::{PATIENCE, skip};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::client::{Received, SOON, TurnClient};
use super::{By, Turn};

/// Allows peers on this machine, which are refused by default.
const PRIVATE: &[&str] = &["--turn-allow-private"];

#[tokio::test]
async fn a_client_learns_the_address_that_it_is_seen_at() {
    let turn = Turn::start(&[]).await;
    for by in [By::Udp, By::Tcp] {
        let mut client = turn.client(by).await;
        let seen = client.binding().await;
        assert_eq!(seen.port(), client.local().port(), "{by:?}");
    }
}

#[tokio::test]
async fn two_ports_answer_stun_so_that_a_nat_shows_its_kind() {
    let (turn, second) = with_second_port().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for port in [turn.address.port(), second] {
        // A Binding request without attributes (RFC 8489 5).
        let mut request = [0; 20];
        request[..2].copy_from_slice(&[0, 1]);
        request[4..8].copy_from_slice(&0x2112_a442_u32.to_be_bytes());
        request[8..].fill(port as u8);
        socket.send_to(&request, ("127.0.0.1", port)).await.unwrap();
        let mut answer = [0; 200];
        let (_, from) = timeout(PATIENCE, socket.recv_from(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(from.port(), port);
        assert_eq!(answer[..2], [1, 1], "a success");
        assert_eq!(answer[4..20], request[4..20]);
    }
}

#[tokio::test]
async fn an_allocation_relays_both_ways() {
    let turn = Turn::start(PRIVATE).await;
    for by in [By::Udp, By::Tcp] {
        let mut client = turn.client(by).await;
        let relayed = client.allocate().await.expect("an allocation");
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let peer_address = peer.local_addr().unwrap();

        client.permit(peer_address).await.expect("a permission");
        client.send(peer_address, b"by indication").await;
        assert_eq!(
            receive_from(&peer).await,
            (b"by indication".to_vec(), relayed)
        );
        peer.send_to(b"odd", relayed).await.unwrap();
        let received = client.receive().await;
        assert_eq!(
            received,
            Some(Received::From(peer_address, b"odd".to_vec())),
            "{by:?}"
        );

        client.bind(0x4001, peer_address).await.expect("a channel");
        for length in [0, 1, 1199, 1500, 4096] {
            let data = vec![7; length];
            client.send_on(0x4001, &data).await;
            assert_eq!(receive_from(&peer).await, (data.clone(), relayed));
            peer.send_to(&data, relayed).await.unwrap();
            assert_eq!(
                client.receive().await,
                Some(Received::Channel(0x4001, data))
            );
        }
        assert_eq!(client.refresh(900).await, Ok(900));
        assert_eq!(client.refresh(0).await, Ok(0));
        client.send_on(0x4001, b"too late").await;
        assert!(timeout(SOON / 4, peer.recv(&mut [0; 10])).await.is_err());
    }
}

#[tokio::test]
async fn no_peer_reaches_a_client_without_a_permission() {
    let turn = Turn::start(PRIVATE).await;
    let mut client = turn.client(By::Udp).await;
    let relayed = client.allocate().await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.send_to(b"let me in", relayed).await.unwrap();
    client
        .send(stranger.local_addr().unwrap(), b"not permitted")
        .await;
    assert!(timeout(SOON, client.receive()).await.is_err());
    assert!(stranger.try_recv(&mut [0; 10]).is_err());
}

/// Both clients need a relay, and the server has private addresses only.
#[tokio::test]
async fn two_allocations_of_this_server_meet_on_loopback() {
    let turn = Turn::start(&[]).await;
    for (by_one, by_two) in [(By::Udp, By::Udp), (By::Tcp, By::Udp), (By::Tcp, By::Tcp)] {
        let (mut one, mut two) = (turn.client(by_one).await, turn.client(by_two).await);
        let [at_one, at_two] = [one.allocate().await.unwrap(), two.allocate().await.unwrap()];
        one.permit(at_two)
            .await
            .expect("an allocation of this server is a good peer");
        one.send(at_two, b"not permitted by two").await;
        two.bind(0x4000, at_one)
            .await
            .expect("an allocation of this server is a good peer");
        one.send(at_two, b"hello").await;
        assert_eq!(
            two.receive().await,
            Some(Received::Channel(0x4000, b"hello".to_vec()))
        );
        two.send_on(0x4000, b"hello yourself").await;
        let expected = Received::From(at_two, b"hello yourself".to_vec());
        assert_eq!(one.receive().await, Some(expected));
    }
}

/// A router forwards a public address to this machine, and does not hairpin.
#[tokio::test]
async fn with_a_public_address_relayed_addresses_are_announced_with_it() {
    let turn = Turn::start(&["--public-ip", "203.0.113.5"]).await;
    let (mut one, mut two) = (turn.client(By::Udp).await, turn.client(By::Tcp).await);
    let [at_one, at_two] = [one.allocate().await.unwrap(), two.allocate().await.unwrap()];
    assert_eq!(at_one.ip().to_string(), "203.0.113.5");
    one.permit(at_two).await.unwrap();
    two.permit(at_one).await.unwrap();
    one.send(at_two, b"hello").await;
    assert_eq!(
        two.receive().await,
        Some(Received::From(at_one, b"hello".to_vec()))
    );
}

#[tokio::test]
async fn relaying_works_over_ipv6() {
    let turn = Turn::start(&[]).await;
    let v6 = SocketAddr::new("::1".parse().unwrap(), turn.address.port());
    if UdpSocket::bind("[::1]:0").await.is_err() {
        return skip("this machine has no IPv6");
    }
    let template = turn.client(By::Udp).await;
    let (username, password) = (template.username, template.password);
    let from = Ipv6Addr::UNSPECIFIED.into();
    let connect = |by| TurnClient::new(by, from, v6, &username, &password);
    let mut client = connect(By::Udp).await;
    assert!(client.binding().await.is_ipv6());
    // RFC 8656 7.2: IPv4 unless requested otherwise.
    assert!(client.allocate().await.unwrap().is_ipv4());

    let (mut one, mut two) = (connect(By::Udp).await, connect(By::Tcp).await);
    let [at_one, at_two] = [
        one.allocate_ipv6().await.unwrap(),
        two.allocate_ipv6().await.unwrap(),
    ];
    assert!(at_one.is_ipv6() && at_two.is_ipv6());
    one.permit(at_two).await.unwrap();
    two.permit(at_one).await.unwrap();
    one.send(at_two, b"hello").await;
    let expected = Received::From(at_one, b"hello".to_vec());
    assert_eq!(two.receive().await, Some(expected));
    for inside in ["[::ffff:10.0.0.1]:80", "[fe80::1]:80", "[fd12::1]:80"] {
        let outcome = one.permit(inside.parse().unwrap()).await;
        assert_eq!(outcome, Err(403), "{inside}");
    }
}

/// A viewer without UDP watches through TURN over TCP: the media port of the same server is an allowed peer.
#[tokio::test]
async fn the_media_port_of_this_server_is_reached() {
    let turn = Turn::start(&[]).await;
    let media = turn.server.viewers.addresses()[0];
    let mut client = turn.client(By::Tcp).await;
    client.allocate().await.unwrap();
    client
        .permit(media)
        .await
        .expect("the media port of this server is a good peer");
}

#[tokio::test]
async fn shutdown_frees_every_port() {
    let turn = Turn::start(PRIVATE).await;
    let address = turn.address;
    let (mut one, mut two) = (turn.client(By::Udp).await, turn.client(By::Tcp).await);
    let relayed = [one.allocate().await.unwrap(), two.allocate().await.unwrap()];
    assert!(turn.server.stop().await < Duration::from_secs(10));
    assert_eq!(
        timeout(PATIENCE, two.read()).await,
        Ok(None),
        "connections are closed"
    );
    for address in relayed.into_iter().chain([address]) {
        std::net::UdpSocket::bind(address).expect("the UDP port is free again");
    }
    std::net::TcpListener::bind(address).expect("the TCP port is free again");
}

async fn receive_from(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = timeout(PATIENCE, peer.recv_from(&mut buffer))
        .await
        .expect("data")
        .unwrap();
    buffer.truncate(length);
    (buffer, from)
}

/// A server whose second STUN port (its own plus one) was free, and that port.
async fn with_second_port() -> (Turn, u16) {
    for _ in 0..10 {
        let turn = Turn::start(&[]).await;
        let second = turn.server.turn.as_ref();
        if let Some(second) = second.and_then(|turn| turn.second_port()) {
            return (turn, second);
        }
    }
    panic!("ten servers found the port after their own taken");
}

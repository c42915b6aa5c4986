//! What strangers can do to a publisher, and by it to the server.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use net::datagram::DatagramKind;
use shared::api::StreamState;
use testkit::eventually;
use tokio::net::UdpSocket;

use super::front::{Front, KEY};
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, STREAM, decode, film, has, path, serve, watch};
use crate::attacks::{Direction, ViewerRelay, address_of};

/// Each packet of media comes with another that nobody sent.
fn adds_forged_packets() -> impl FnMut(Direction, &[u8]) -> Vec<Vec<u8>> + Send + 'static {
    let mut random = path::random(11);
    let mut before = Vec::new();
    move |direction, datagram| {
        let mut passed = vec![datagram.to_vec()];
        let kind = DatagramKind::of(datagram);
        let is_media = matches!(kind, DatagramKind::Rtp | DatagramKind::Rtcp);
        if direction == Direction::ToViewer || !is_media {
            return passed;
        }
        let mut forged = datagram.to_vec();
        match random() % 4 {
            // An SSRC of its own.
            0 => forged[8..12].copy_from_slice(&(random() as u32).to_be_bytes()),
            // Far ahead in its stream.
            1 => forged[2] ^= 0x60,
            // Another payload.
            2 => {
                let last = forged.len() - 20;
                forged[last] ^= 1;
            }
            // The one before, again.
            _ if !before.is_empty() => forged.clone_from(&before),
            _ => {}
        }
        before = datagram.to_vec();
        // Before the packet itself, which must be accepted nevertheless.
        passed.insert(0, forged);
        passed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_repeated_packets_at_the_address_of_a_publisher_change_nothing() {
    let server = serve().await;
    let relay = ViewerRelay::start_with(&server, adds_forged_packets()).await;
    let front = Front::through(&server, relay).await;
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 100).await;
    let (stats, pictures) = (session.stats(), viewer.recorded());
    println!("{stats:?}");
    assert_eq!(decode(&pictures), pictures.len());
    assert!(stats.rejected > stats.datagrams / 2, "{stats:?}");
    assert_eq!((stats.lost, stats.dropped), (0, 0), "{stats:?}");
    drop(publisher);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_of_strangers_reaches_no_publisher() {
    let server = serve().await;
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish(&front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let stray = &server.viewers.shards()[0].port.stray;
    let before = stray.load(Ordering::Relaxed);
    let stranger = UdpSocket::bind("127.0.0.6:0").await.expect("a free port");
    let mut packet = vec![0xA5; 1200];
    packet[..2].copy_from_slice(&[0x80, 96]);
    for number in 0..500_u16 {
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        let sent = stranger.send_to(&packet, address_of(&server)).await;
        sent.expect("sent");
        tokio::task::yield_now().await;
    }
    eventually("they have come", LIMIT, || async {
        stray.load(Ordering::Relaxed) > before + 250
    })
    .await;
    assert_eq!(session.stats().rejected, 0);
    let units = session.stats().units;
    eventually("the publisher is received", LIMIT, || async {
        session.stats().units > units + 50
    })
    .await;
    drop(publisher);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_without_measure_are_refused_at_once_and_leave_nothing() {
    let server = serve().await;
    let front = Front::direct(&server);
    let line = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\n";
    let formats = format!("m=video 9 UDP/TLS/RTP/SAVPF{}\r\n", " 96".repeat(15_000));
    let began = Instant::now();
    for (offer, status, expected) in [
        (line.repeat(1000), 400, "more than 64 m-lines"),
        (line.repeat(64), 422, "more than two tracks of video"),
        (line.repeat(40), 422, "more than two tracks of video"),
        (formats, 406, "sends none of"),
        (line.replace("sendonly", "recvonly"), 422, "sends nothing"),
    ] {
        let request = reqwest::Client::new().post(format!("{}/whip/{STREAM}", front.url));
        let response = request
            .bearer_auth(KEY)
            .header("content-type", "application/sdp")
            .body(format!("v=0\r\n{offer}"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), status);
        let sentence = response.text().await.expect("a sentence");
        assert!(sentence.contains(expected), "{sentence}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(server.viewers.publishers().sessions(), 0);
    let stream = server.registry.get(STREAM).expect("it is declared").info();
    assert!(matches!(stream.state, StreamState::Waiting { .. }));
    server.stop().await;
}

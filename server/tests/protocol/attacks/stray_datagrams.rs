//! Datagrams that belong to no session.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::attacker::Attacker;
use super::relay::{Relay, address_of};
use super::{goes_on, serve, watch, watch_through};

/// Stray RTCP, DTLS and STUN in turn.
fn datagram(number: u64) -> Vec<u8> {
    let mut datagram = match number % 3 {
        // SRTCP: a receiver report of some SSRC.
        0 => [&[0x80, 201, 0, 1][..], &(number as u32).to_be_bytes()].concat(),
        // The record of a handshake.
        1 => vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 80],
        // A Binding request for another ufrag.
        _ => {
            let mut request = vec![0, 1, 0, 84, 0x21, 0x12, 0xA4, 0x42];
            request.extend([7; 12]);
            request.extend([0, 6, 0, 6]);
            request.extend(b"wxyz:x\0\0");
            request.extend([0x80, 0x22, 0, 68]);
            request
        }
    };
    let length = if number % 3 == 2 { 104 } else { 93 };
    datagram.resize(length, 0xA5);
    datagram
}

#[tokio::test(flavor = "multi_thread")]
async fn under_stray_datagrams_viewers_watch_join_and_move() {
    let server = serve().await;
    let relay = Relay::start(&server, |_, _| true).await;
    let watching = watch(&server).await.viewer;
    let moving = watch_through(&server, &relay).await.viewer;
    for viewer in [&watching, &moving] {
        viewer.packets_of("H264", 20).await;
    }
    let stray = &server.viewers.shards()[0].port.stray;
    let before = stray.load(Ordering::Relaxed);
    let attacker = Attacker::start(address_of(&server), datagram);
    relay.move_to(Ipv4Addr::new(127, 0, 0, 8)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let joining = watch(&server).await.viewer;
    joining.packets_of("H264", 20).await;
    goes_on(&moving).await;
    for viewer in [&watching, &joining] {
        goes_on(viewer).await;
        assert_eq!(viewer.received("H264").gaps, 0);
    }
    // They have arrived, most of them at least: a full socket loses some.
    let (sent, stray) = (attacker.sent(), stray.load(Ordering::Relaxed) - before);
    attacker.stop();
    assert!(stray > sent / 2, "{stray} of {sent}");
    for viewer in [watching, moving, joining] {
        viewer.leave().await;
    }
    server.stop().await;
}

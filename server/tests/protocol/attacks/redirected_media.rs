//! Media to a victim: what moves a viewer's media to another address, and what does not.

use std::net::Ipv4Addr;
use std::time::Duration;

use net::datagram::DatagramKind;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use testkit::{PATIENCE, eventually};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::relay::{Direction, Relay, address_of};
use super::{goes_on, serve, watch_through};

fn pli(media_ssrc: u32) -> Box<dyn rtc::rtcp::Packet> {
    Box::new(PictureLossIndication {
        sender_ssrc: 0,
        media_ssrc,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn media_does_not_follow_an_authentic_packet_from_another_address() {
    let server = serve().await;
    let (copies, mut held) = mpsc::unbounded_channel();
    let mut first = true;
    // The first packet of SRTCP is held back, so that it is no replay when the attacker sends it.
    let relay = Relay::start(&server, move |direction, datagram| {
        let kind = DatagramKind::of(datagram);
        let is_held = first && direction == Direction::ToServer && kind == DatagramKind::Rtcp;
        if is_held {
            first = false;
            copies.send(datagram.to_vec()).expect("the test runs");
        }
        !is_held
    })
    .await;
    let watching = watch_through(&server, &relay).await;
    let viewer = watching.viewer;
    viewer.packets_of("H264", 20).await;
    viewer.feedback("H264", pli).await;
    let packet = held.recv().await.expect("the relay runs");
    let attacker = UdpSocket::bind("127.0.0.7:0").await.expect("a free port");
    let server_address = address_of(&server);
    for _ in 0..5 {
        let sent = attacker.send_to(&packet, server_address).await;
        sent.expect("sent");
        sleep(Duration::from_millis(50)).await;
    }
    let mut datagram = [0; 2048];
    let arrived = timeout(Duration::from_secs(1), attacker.recv(&mut datagram)).await;
    assert!(arrived.is_err(), "the attacker got {arrived:?}");
    goes_on(&viewer).await;
    assert_eq!(viewer.received("H264").gaps, 0);

    // From the viewer's own address a packet like it is heard, and that one was not.
    viewer.feedback("H264", pli).await;
    eventually("the next packet is heard", PATIENCE, || async {
        viewer.info().await.plis == 1
    })
    .await;
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_check_from_another_address_gets_small_answers_and_no_media() {
    const REPEATED: usize = 50;
    let server = serve().await;
    let (copies, mut copied) = mpsc::unbounded_channel();
    let relay = Relay::start(&server, move |direction, datagram| {
        let is_request =
            DatagramKind::of(datagram) == DatagramKind::Stun && datagram[..2] == [0, 1];
        if direction == Direction::ToServer && is_request {
            copies.send(datagram.to_vec()).expect("the test runs");
        }
        true
    })
    .await;
    let watching = watch_through(&server, &relay).await;
    let viewer = watching.viewer;
    viewer.packets_of("H264", 20).await;
    let attacker = UdpSocket::bind("127.0.0.7:0").await.expect("a free port");
    let server_address = address_of(&server);
    let mut checks = Vec::new();
    while let Ok(check) = copied.try_recv() {
        checks.push(check);
    }
    // One check says most about what follows a check, fifty about what is remembered.
    for repeated in [1, REPEATED] {
        let (mut sent, mut received) = (0, 0);
        for check in checks.iter().cycle().take(repeated) {
            let length = attacker.send_to(check, server_address).await;
            sent += length.expect("sent");
            sleep(Duration::from_millis(5)).await;
        }
        let mut datagram = [0; 2048];
        let pause = Duration::from_millis(1_700);
        while let Ok(arrived) = timeout(pause, attacker.recv(&mut datagram)).await {
            let length = arrived.expect("an open socket");
            assert_eq!(DatagramKind::of(&datagram[..length]), DatagramKind::Stun);
            received += length;
        }
        assert!(received > 0, "an authentic check is answered");
        assert!(received <= 3 * sent, "{received} bytes for {sent}");
    }
    goes_on(&viewer).await;
    assert_eq!(viewer.received("H264").gaps, 0);
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_whose_own_checks_come_from_another_address_is_followed() {
    let server = serve().await;
    let relay = Relay::start(&server, |_, _| true).await;
    let watching = watch_through(&server, &relay).await;
    let viewer = watching.viewer;
    viewer.packets_of("H264", 20).await;
    relay.move_to(Ipv4Addr::new(127, 0, 0, 8)).await;
    // Its next check comes within 2 s, and the previous address is given up after 4.4 s without an answer.
    sleep(Duration::from_millis(200)).await;
    goes_on(&viewer).await;
    viewer.leave().await;
    server.stop().await;
}

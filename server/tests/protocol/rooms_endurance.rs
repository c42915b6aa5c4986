//! Sockets that do not read, or send nothing.

use std::time::{Duration, Instant};

use room::rate::Rate;
use shared::signaling::{ErrorCode, ServerMessage};
use testkit::socket::{TestMember, TestSocket, offer};
use testkit::{PATIENCE, TestServer, eventually};
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_member_that_does_not_read_is_closed_and_no_other_waits() {
    let server = TestServer::with_limits(|limits| {
        limits.rates.bytes = Rate {
            per_second: 1 << 30,
            burst: 1 << 30,
        };
        limits.rates.messages = Rate {
            per_second: 100_000,
            burst: 100_000,
        };
        limits.room_rates = limits.rates;
        limits.write = Duration::from_secs(3);
    })
    .await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    let mut carl = TestMember::join(&server.url, "demo", "Carl", 3).await;
    ada.receive().await;
    ada.receive().await;
    let began = Instant::now();
    // More than the kernel buffers for Bob (some MB).
    let message = offer(bob.id(), "x".repeat(60_000));
    let mut notice = None;
    while notice.is_none() && began.elapsed() < PATIENCE {
        ada.send_message(&message).await;
        let received = tokio::time::timeout(Duration::ZERO, ada.receive()).await;
        // Bob takes no messages, until his socket is closed.
        let is_news = |message: &ServerMessage| !matches!(message, ServerMessage::Error { .. });
        notice = received.ok().filter(is_news);
    }
    let id = bob.me.id.clone();
    assert_eq!(notice, Some(ServerMessage::Away { id }));
    assert!(matches!(carl.receive().await, ServerMessage::Away { .. }));
    ada.send_message(&offer(carl.id(), "hello")).await;
    assert!(matches!(carl.receive().await, ServerMessage::Offer { .. }));
    println!("away after {:?}", began.elapsed());
    eventually("the socket is gone", PATIENCE, || async {
        server.rooms.sockets() == 2
    })
    .await;
    println!("gone after {:?}", began.elapsed());
    // Bob rejoins as after a dropped socket.
    let again = TestMember::join(&server.url, "demo", "Bob", 2).await;
    assert_eq!(again.others.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn silence_ends_a_socket_and_the_pings_of_a_browser_keep_it() {
    let server = TestServer::with_limits(|limits| {
        limits.idle = Duration::from_secs(2);
        limits.join = Duration::from_secs(1);
        limits.plain_relay = false;
    })
    .await;
    // As a tab with suspended timers: it answers WebSocket pings and sends nothing else.
    let mut tab = TestMember::join(&server.url, "demo", "Tab", 1).await;
    let mut silent = TestMember::join(&server.url, "demo", "Silent", 2).await;
    let silent_id = silent.me.id.clone();
    let tab = tokio::spawn(async move {
        assert!(matches!(tab.receive().await, ServerMessage::Arrived { .. }));
        let received = tab.receive().await;
        assert!(
            matches!(&received, ServerMessage::Away { id } if *id == silent_id),
            "{received:?}"
        );
        tab.socket.expect_no_message().await;
    });
    let mut late = TestSocket::open(&server.url).await;
    let sentence = late.ended(ErrorCode::Idle, 1008).await;
    assert!(sentence.contains("join"), "{sentence}");
    // A socket that does not read answers no pings.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut sent = Vec::new();
    let stream = silent.socket.socket.get_mut();
    stream.read_to_end(&mut sent).await.unwrap();
    let sent = String::from_utf8_lossy(&sent);
    assert!(sent.contains("No message from you"), "{sent}");
    assert!(
        sent.ends_with("idle"),
        "the reason of the last frame: {sent}"
    );
    tab.await.unwrap();
    server.stop().await;
}

//! Messages of a WebSocket that do not end.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use shared::signaling::ErrorCode;
use testkit::TestServer;
use testkit::socket::{TestMember, TestSocket};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Message};

/// The time of a message, and more on a slow machine.
const LIMIT: Duration = Duration::from_secs(20);

/// Sends a fragment that is not the last.
async fn send(socket: &mut TestSocket, code: Data) -> tungstenite::Result<()> {
    let fragment = Frame::message("x", OpCode::Data(code), false);
    socket.socket.send(Message::Frame(fragment)).await
}

/// The number of the Close that comes next.
async fn is_closed(socket: &mut TestSocket) -> u16 {
    loop {
        let next = tokio::time::timeout(LIMIT, socket.socket.next()).await;
        match next.expect("the server closes it") {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            end => panic!("it ended without a Close: {end:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_endless_fragments_ends_its_socket() {
    let server = TestServer::with(&["test:"]).await;
    let mut socket = TestSocket::open(&server.url).await;
    send(&mut socket, Data::Text).await.unwrap();
    let fragments = async {
        // Until the server has closed.
        while send(&mut socket, Data::Continue).await.is_ok() {}
    };
    tokio::time::timeout(LIMIT, fragments)
        .await
        .expect("it ends");
    let mut socket = TestSocket::open(&server.url).await;
    send(&mut socket, Data::Text).await.unwrap();
    for _ in 0..16 {
        send(&mut socket, Data::Continue).await.unwrap();
    }
    assert_eq!(is_closed(&mut socket).await, 1009);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_pings_keep_alive_ends_its_socket() {
    let server = TestServer::with(&["test:"]).await;
    let mut socket = TestSocket::open(&server.url).await;
    let began = Instant::now();
    send(&mut socket, Data::Text).await.unwrap();
    let pings = async {
        while socket.socket.send(Message::Ping("x".into())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(LIMIT, pings).await.expect("it ends");
    assert!(
        began.elapsed() > Duration::from_secs(8),
        "a message has time"
    );
}

/// Their heads are most of what such a socket sends.
#[tokio::test(flavor = "multi_thread")]
async fn octets_of_empty_frames_count() {
    let server = TestServer::with_limits(|limits| {
        limits.rates.messages.burst = 1_000_000;
        limits.rates.bytes.per_second = 1;
        limits.rates.bytes.burst = 6_000;
    })
    .await;
    let mut member = TestMember::join(&server.url, "demo", "Mallory", 1).await;
    let socket = &mut member.socket;
    // Of six octets, with the mask (RFC 6455 5.2).
    for _ in 0..900 {
        socket.send(Message::Ping("".into())).await;
    }
    socket.expect_no_message().await;
    for _ in 0..200 {
        // It may have been closed by now.
        let _ = socket.socket.send(Message::Ping("".into())).await;
    }
    let (code, sentence) = socket.refused().await;
    assert_eq!(code, ErrorCode::TooFast, "{sentence}");
    assert_eq!(is_closed(socket).await, 1008);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_a_few_fragments_arrives() {
    let server = TestServer::with(&["test:"]).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(TestSocket::open(&server.url).await);
    }
    let text = r#"{"type":"offer","sdp":"v=0"}"#;
    let pieces: Vec<&str> = text.split_inclusive(':').collect();
    for socket in &mut sockets {
        let last = pieces.len() - 1;
        for (number, piece) in pieces.iter().enumerate() {
            let code = if number == 0 {
                Data::Text
            } else {
                Data::Continue
            };
            let frame = Frame::message(
                piece.as_bytes().to_vec(),
                OpCode::Data(code),
                number == last,
            );
            socket.socket.send(Message::Frame(frame)).await.unwrap();
            socket.socket.send(Message::Ping("x".into())).await.unwrap();
        }
    }
    for socket in &mut sockets {
        let heard = socket
            .next_text_or_closed()
            .await
            .expect("the other's text");
        assert_eq!(heard, text);
    }
}

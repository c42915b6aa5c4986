//! Rooms against garbage, floods, and pages of other origins.

use futures_util::SinkExt;
use shared::signaling::{ClientMessage, ErrorCode, MAX_MESSAGE, MAX_PEERS, PeerId, ServerMessage};
use testkit::socket::{TestMember, TestSocket, candidate, join, offer};
use testkit::{PATIENCE, TestServer, eventually, sentence};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{self, Message};

/// Two members that a test checks to be undisturbed.
struct Bystanders(TestMember, TestMember);

impl Bystanders {
    async fn join(server: &TestServer) -> Self {
        let mut one = TestMember::join(&server.url, "demo", "One", 101).await;
        let two = TestMember::join(&server.url, "demo", "Two", 102).await;
        one.receive().await;
        Self(one, two)
    }

    /// Checks that they received no message, and still reach each other.
    async fn expect_undisturbed(&mut self) {
        let Self(one, two) = self;
        one.socket.expect_no_message().await;
        one.send_message(&offer(two.id(), "still there?")).await;
        let received = two.receive().await;
        assert!(
            matches!(&received, ServerMessage::Offer { sdp, .. } if sdp == "still there?"),
            "{received:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_the_second_time_ends_the_socket() {
    let server = TestServer::with(&["test:"]).await;
    let mut bystanders = Bystanders::join(&server).await;
    let key = "00000000000000000000000000000001";
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(1000));
    let deep = "[".repeat(10_000);
    for text in [
        "",
        "hello",
        "{}",
        "[]",
        "null",
        r#"{"type":"shout"}"#,
        r#"{"type":"offer","to":"../../etc/passwd","sdp":""}"#,
        r#"{"type":"join","version":-1,"room":"demo","name":"x","key":"","kind":"browser"}"#,
        &long,
        &deep,
    ] {
        let mut socket = TestSocket::open(&server.url).await;
        socket.send(Message::text(text)).await;
        let (code, sentence) = socket.refused().await;
        assert_eq!(code, ErrorCode::Malformed, "{text}");
        assert!(sentence.contains("Send one JSON text"), "{sentence}");
        assert!(sentence.len() < 500, "not all of it is said back");
        // The socket may still join: one invalid message is tolerated.
        let join = format!(
            r#"{{"type":"join","version":1,"room":"other","name":"x","key":"{key}","kind":"browser"}}"#
        );
        socket.send(Message::text(join)).await;
        assert!(matches!(
            socket.receive().await,
            ServerMessage::Welcome { .. }
        ));
        socket.send(Message::text(text)).await;
        assert_eq!(socket.refused().await.0, ErrorCode::Malformed);
        socket.send(Message::binary(vec![1, 2, 3])).await;
        let sentence = socket.ended(ErrorCode::Malformed, 1008).await;
        assert!(sentence.contains("Binary"), "{sentence}");
    }
    bystanders.expect_undisturbed().await;
    server.stop().await;
}

#[tokio::test]
async fn a_refused_join_gets_the_reason() {
    let server = TestServer::with(&["test:"]).await;
    let mut bystanders = Bystanders::join(&server).await;
    for (room, name, code, says) in [
        ("", "x", ErrorCode::BadRoomName, "room's name is empty"),
        (&"r".repeat(65), "x", ErrorCode::BadRoomName, "64 bytes"),
        ("demo", " ", ErrorCode::BadName, "peer's name is empty"),
        ("demo", "a\u{7}", ErrorCode::BadName, "control characters"),
        ("demo", "oNE", ErrorCode::NameTaken, "another name"),
    ] {
        let mut socket = TestSocket::open(&server.url).await;
        socket.send_message(&join(room, name, 1)).await;
        let sentence = socket.ended(code, 1008).await;
        assert!(sentence.contains(says), "{sentence}");
    }
    let mut socket = TestSocket::open(&server.url).await;
    let text = r#"{"type":"join","version":7,"room":"demo","name":"x","key":"00000000000000000000000000000001","kind":"browser"}"#;
    socket.send(text.into()).await;
    let sentence = socket.ended(ErrorCode::Version, 1008).await;
    assert!(sentence.contains("version 1"), "{sentence}");
    assert_eq!(server.rooms.rooms(), 1, "no room was begun in vain");
    bystanders.expect_undisturbed().await;
    server.stop().await;
}

#[tokio::test]
async fn a_newcomer_needs_one_answer_for_a_join_and_a_key_in_capitals_is_the_same_key() {
    let server = TestServer::with(&["test:"]).await;
    let mut socket = TestSocket::open(&server.url).await;
    socket.send(r#"{"type":"join","room":"demo"}"#.into()).await;
    let (code, sentence) = socket.refused().await;
    assert_eq!(code, ErrorCode::Malformed);
    assert!(
        sentence.contains("lacks version, name, key, kind"),
        "{sentence}"
    );
    // The example in the answer is a whole message: it joins.
    let example = sentence.split_once("like ").expect("an example").1;
    let example = &example[..=example.rfind('}').expect("an object")];
    socket.send(example.into()).await;
    let ServerMessage::Welcome { you, .. } = socket.receive().await else {
        panic!("{example} does not join")
    };
    let capitals = example.replace("0123456789abcdef", "0123456789ABCDEF");
    assert_ne!(capitals, example);
    let mut again = TestSocket::open(&server.url).await;
    again.send(capitals.as_str().into()).await;
    let welcome = again.receive().await;
    assert!(
        matches!(&welcome, ServerMessage::Welcome { you: back, .. } if *back == you),
        "{welcome:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_taken_name_says_when_it_may_be_free_and_that_the_same_key_comes_back() {
    let server = TestServer::with(&["test:"]).await;
    let ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let mut bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    let refused = async || {
        let mut socket = TestSocket::open(&server.url).await;
        socket.send_message(&join("demo", "ada", 3)).await;
        socket.ended(ErrorCode::NameTaken, 1008).await
    };
    let sentence = refused().await;
    assert!(sentence.contains("gone in 65 s"), "{sentence}");
    assert!(sentence.contains("same key"), "{sentence}");
    drop(ada);
    assert!(matches!(bob.receive().await, ServerMessage::Away { .. }));
    let sentence = refused().await;
    let (_, seconds) = sentence.split_once("gone in ").expect("a time");
    let seconds: u32 = seconds.split(' ').next().unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{sentence}");
    TestMember::join(&server.url, "demo", "Ada", 1).await;
    server.stop().await;
}

#[tokio::test]
async fn messages_before_a_join_and_second_joins_are_refused() {
    let server = TestServer::with(&["test:"]).await;
    let mut socket = TestSocket::open(&server.url).await;
    socket.send_message(&ClientMessage::Ping).await;
    assert_eq!(socket.refused().await.0, ErrorCode::NotJoined);
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    ada.send_message(&join("demo", "Ada", 1)).await;
    assert_eq!(ada.socket.refused().await.0, ErrorCode::NotJoined);
    ada.socket.expect_no_message().await;
    server.stop().await;
}

#[tokio::test]
async fn only_the_sender_learns_that_a_target_is_missing() {
    let server = TestServer::with(&["test:"]).await;
    let mut bystanders = Bystanders::join(&server).await;
    let mut elsewhere = TestMember::join(&server.url, "elsewhere", "X", 1).await;
    let unknown = PeerId::try_from("0123456789abcdef".to_owned()).unwrap();
    for target in [bystanders.0.id().clone(), elsewhere.id().clone(), unknown] {
        elsewhere
            .send_message(&candidate(&target, "candidate:1"))
            .await;
        let refused = elsewhere.receive().await;
        assert!(
            matches!(&refused, ServerMessage::Error { code: ErrorCode::NoSuchPeer, to: Some(to), .. } if *to == target),
            "{refused:?}"
        );
    }
    bystanders.expect_undisturbed().await;
    server.stop().await;
}

#[tokio::test]
async fn the_longest_message_passes_and_a_longer_one_ends_the_socket() {
    let server = TestServer::with(&["test:"]).await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let mut bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    ada.receive().await;
    let around = serde_json::to_string(&offer(ada.id(), "")).unwrap().len();
    bob.send_message(&offer(ada.id(), "x".repeat(MAX_MESSAGE - around)))
        .await;
    assert!(
        matches!(ada.receive().await, ServerMessage::Offer { sdp, .. } if sdp.len() == MAX_MESSAGE - around)
    );
    bob.send_message(&offer(ada.id(), "x".repeat(MAX_MESSAGE - around + 1)))
        .await;
    let sentence = bob.socket.ended(ErrorCode::TooLong, 1009).await;
    assert!(sentence.contains("65536"), "{sentence}");
    assert!(matches!(ada.receive().await, ServerMessage::Away { .. }));

    // A far longer message, in one frame or in many, is not read to its end.
    for pieces in [1, 100] {
        let mut mallory = TestSocket::open(&server.url).await;
        let text = "x".repeat(2_000_000 / pieces);
        for piece in 0..pieces {
            use tungstenite::protocol::frame::{
                Frame,
                coding::{Data, OpCode},
            };
            let kind = if piece == 0 {
                Data::Text
            } else {
                Data::Continue
            };
            let frame = Frame::message(text.clone(), OpCode::Data(kind), piece + 1 == pieces);
            let sent = mallory.socket.send(Message::Frame(frame));
            // The server may close before all was sent.
            if !matches!(tokio::time::timeout(PATIENCE, sent).await, Ok(Ok(()))) {
                break;
            }
        }
        let (code, _) = mallory.refused().await;
        assert_eq!(code, ErrorCode::TooLong);
        assert_eq!(mallory.next_or_closed().await.unwrap_err().number, 1009);
    }
    ada.socket.expect_no_message().await;
    server.stop().await;
}

#[tokio::test]
async fn a_flood_ends_the_socket_and_a_busy_joiner_does_not() {
    let server = TestServer::with(&["test:"]).await;
    let mut bystanders = Bystanders::join(&server).await;
    let mut busy = TestMember::join(&server.url, "crowd", "Busy", 1).await;
    let mut others = Vec::new();
    for number in 2..=MAX_PEERS as u128 {
        others.push(TestMember::join(&server.url, "crowd", &number.to_string(), number).await);
        busy.receive().await;
    }
    // Many joins of a full room at once.
    for other in &others {
        busy.send_message(&offer(other.id(), "x".repeat(10_000)))
            .await;
        for number in 0..12 {
            busy.send_message(&candidate(other.id(), &format!("candidate:{number}")))
                .await;
        }
    }
    busy.socket.expect_no_message().await;

    let mut flood = TestSocket::open(&server.url).await;
    for _ in 0..2000 {
        let text = r#"{"type":"ping"}"#;
        if flood.socket.feed(Message::text(text)).await.is_err() {
            break;
        }
    }
    let _ = flood.socket.flush().await;
    let refused = loop {
        match flood.refused().await {
            (ErrorCode::NotJoined, _) => {}
            (code, sentence) => break (code, sentence),
        }
    };
    assert_eq!(refused.0, ErrorCode::TooFast, "{}", refused.1);
    flood.closed(ErrorCode::TooFast, 1008).await;
    bystanders.expect_undisturbed().await;
    server.stop().await;
}

#[tokio::test]
async fn a_full_room_and_a_full_server_say_so() {
    let server = TestServer::with(&["test:", "--max-rooms", "1", "--max-peers", "18"]).await;
    let mut members = Vec::new();
    for number in 0..MAX_PEERS as u128 {
        members.push(TestMember::join(&server.url, "demo", &number.to_string(), number).await);
    }
    let mut socket = TestSocket::open(&server.url).await;
    socket.send_message(&join("demo", "one more", 99)).await;
    socket.ended(ErrorCode::RoomFull, 1008).await;
    let mut socket = TestSocket::open(&server.url).await;
    socket.send_message(&join("other", "one more", 99)).await;
    let sentence = socket.ended(ErrorCode::ServerFull, 1013).await;
    assert!(sentence.contains("rooms"), "{sentence}");
    drop(socket);
    eventually("they are gone", PATIENCE, || async {
        server.rooms.sockets() == MAX_PEERS
    })
    .await;

    let _open = [
        TestSocket::open(&server.url).await,
        TestSocket::open(&server.url).await,
    ];
    let mut socket = TestSocket::open(&server.url).await;
    let sentence = socket.ended(ErrorCode::ServerFull, 1013).await;
    assert!(sentence.contains("Try again"), "{sentence}");
    // Members of the room notice nothing.
    members[MAX_PEERS - 1].socket.expect_no_message().await;
    server.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_with_cors_origin() {
    let server = TestServer::with(&["test:", "--cors-origin", "https://www.example.org"]).await;
    let own = server.url.clone();
    for origin in [None, Some("https://www.example.org"), Some(own.as_str())] {
        let socket = TestSocket::open_from(&server.url, origin).await;
        assert!(socket.is_ok(), "{origin:?}");
    }
    for origin in ["https://evil.example", "http://192.168.1.5:8000"] {
        let refused = TestSocket::open_from(&server.url, Some(origin)).await;
        let Err(error) = refused else {
            panic!("{origin} may not connect")
        };
        let tungstenite::Error::Http(answer) = *error else {
            panic!("{error}")
        };
        assert_eq!(answer.status(), 403);
        let body = answer.body().as_deref().unwrap_or_default();
        assert!(String::from_utf8_lossy(body).contains("--cors-origin"));
    }
    let anybody = TestServer::with(&["test:", "--public-ip", "203.0.113.5"]).await;
    assert!(
        TestSocket::open_from(&anybody.url, Some("https://any.example"))
            .await
            .is_ok()
    );
    server.stop().await;
    anybody.stop().await;
}

#[tokio::test]
async fn a_plain_request_learns_what_this_is() {
    let server = TestServer::with(&["test:"]).await;
    let answer = server.http.get(server.url("/ws")).send().await.unwrap();
    assert_eq!(answer.status(), 426);
    assert_eq!(answer.headers()["upgrade"], "websocket");
    let said = sentence(answer).await;
    assert!(said.contains("WebSocket"), "{said}");
    let answer = server.http.post(server.url("/ws")).send().await.unwrap();
    assert_eq!(answer.status(), 405);
    server.stop().await;
}

#[tokio::test]
async fn bytes_that_are_no_websocket_end_that_socket_only() {
    let server = TestServer::with(&["test:"]).await;
    let mut bystanders = Bystanders::join(&server).await;
    let address = server.url.trim_start_matches("http://");
    for garbage in [
        // An unmasked frame, a reserved opcode, a length of 2^63, a ping of 126 bytes, text that is not UTF-8.
        &b"\x81\x02hi"[..],
        b"\x8b\x80\0\0\0\0",
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        &[b"\x89\xfe\0\x7e\0\0\0\0", &[0; 126][..]].concat(),
        b"\x81\x82\0\0\0\0\xff\xff",
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(PATIENCE, read).await;
        assert!(read.is_ok(), "it is closed: {garbage:?}");
        assert!(answer.starts_with(b"HTTP/1.1 101"));
    }
    bystanders.expect_undisturbed().await;
    server.stop().await;
}

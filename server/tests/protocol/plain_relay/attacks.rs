//! What strangers can do to a plain room.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use room::rate::Rate;
use shared::signaling::{ErrorCode, MAX_MESSAGE, MAX_PEERS, ServerMessage};
use testkit::socket::{TestMember, TestSocket, join};
use testkit::{PATIENCE, TestServer, eventually};
use tokio_tungstenite::tungstenite::Message;

use super::{ANSWER, CANDIDATE, OFFER, PlainPeer, nothing_is_left};

/// Two peers that a test checks to be undisturbed.
struct Pair(PlainPeer, PlainPeer);

impl Pair {
    /// Both have spoken.
    async fn open(server: &TestServer) -> Self {
        let mut one = PlainPeer::open(server, "").await;
        one.say(OFFER).await;
        let mut two = PlainPeer::open(server, "").await;
        assert_eq!(two.hears().await, OFFER);
        two.say(ANSWER).await;
        assert_eq!(one.hears().await, ANSWER);
        Self(one, two)
    }

    /// What one says reaches the other; returns how much the other heard before.
    async fn still_talk(&mut self) -> usize {
        self.0.say("still there?").await;
        let mut before = 0;
        while self.1.hears().await != "still there?" {
            before += 1;
        }
        before
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_sockets_of_one_address_end_at_its_limit_and_take_no_place() {
    let server = TestServer::with_limits(|limits| limits.sockets_per_address = 100).await;
    let attacker = [("x-forwarded-for", "203.0.113.7")];
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(PlainPeer::open_from(&server, "", &attacker).await);
    }
    let mut one_more = PlainPeer::open_from(&server, "", &attacker).await;
    let sentence = one_more.0.ended(ErrorCode::ServerFull, 1013).await;
    assert!(sentence.contains("from your address"), "{sentence}");
    // Others find each other in the same room, and each silent socket hears them.
    let mut pair = Pair::open(&server).await;
    assert_eq!(pair.still_talk().await, 0);
    for socket in &mut silent {
        assert_eq!(socket.hears().await, OFFER);
    }
    // A copy for each of them is what a flood costs, and it ends sooner than one that two hear.
    let mut flood = PlainPeer::open(&server, "").await;
    for _ in 0..390 {
        if flood.0.socket.feed(CANDIDATE.into()).await.is_err() {
            break;
        }
    }
    let _ = flood.0.socket.flush().await;
    flood.0.ended(ErrorCode::TooFast, 1008).await;
    let heard = pair.still_talk().await;
    assert!((50..200).contains(&heard), "{heard} texts");
    drop((silent, pair, one_more));
    nothing_is_left(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_flood_ends_its_sender_and_nobody_else() {
    let server = TestServer::with(&["test:"]).await;
    let mut pair = Pair::open(&server).await;
    let mut flood = PlainPeer::open(&server, "").await;
    for _ in 0..2000 {
        let text = Message::text(CANDIDATE);
        if flood.0.socket.feed(text).await.is_err() {
            break;
        }
    }
    let _ = flood.0.socket.flush().await;
    flood.0.ended(ErrorCode::TooFast, 1008).await;
    let heard = pair.still_talk().await;
    assert!(
        (400..1000).contains(&heard),
        "{heard} texts within its rate"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_text_that_is_too_long_ends_its_sender_and_is_not_passed_on() {
    let server = TestServer::with(&["test:"]).await;
    let mut pair = Pair::open(&server).await;
    let around = r#"{"sdp":""}"#.len();
    for (length, passes) in [(MAX_MESSAGE, true), (MAX_MESSAGE + 1, false)] {
        let text = format!(r#"{{"sdp":"{}"}}"#, "x".repeat(length - around));
        let mut long = PlainPeer::open(&server, "").await;
        long.say(&text).await;
        if passes {
            for peer in [&mut pair.0, &mut pair.1] {
                assert_eq!(peer.hears().await, text);
            }
            // It waits for others, too.
            let mut late = PlainPeer::open(&server, "").await;
            assert_eq!(late.hears().await, text);
        } else {
            let sentence = long.0.ended(ErrorCode::TooLong, 1009).await;
            assert!(sentence.contains("65536"), "{sentence}");
        }
    }
    assert_eq!(pair.still_talk().await, 0);
    server.stop().await;
}

#[tokio::test]
async fn long_offers_of_a_full_room_end_no_newcomer() {
    let server = TestServer::with_limits(|limits| limits.write = PATIENCE).await;
    let mut speakers = Vec::new();
    let long = format!(r#"{{"sdp":"{}"}}"#, "x".repeat(MAX_MESSAGE / 2));
    for _ in 0..MAX_PEERS {
        let mut speaker = PlainPeer::open(&server, "").await;
        speaker.say(&long).await;
        for earlier in &mut speakers {
            assert_eq!(PlainPeer::hears(earlier).await, long);
        }
        // The offers that wait for a newcomer have together at most the length of one message.
        if !speakers.is_empty() {
            assert_eq!(speaker.hears().await, long);
        }
        speakers.push(speaker);
    }
    let mut listener = PlainPeer::open(&server, "").await;
    assert_eq!(listener.hears().await, long);
    speakers[0].say("the end").await;
    assert_eq!(listener.hears().await, "the end");
    for other in &mut speakers[1..] {
        assert_eq!(other.hears().await, "the end");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed_and_no_other_waits() {
    let server = TestServer::with_limits(|limits| {
        limits.rates.bytes = Rate {
            per_second: 1 << 30,
            burst: 1 << 30,
        };
        limits.rates.messages = Rate {
            per_second: 100_000,
            burst: 100_000,
        };
        limits.relayed = limits.rates;
        limits.write = Duration::from_secs(3);
    })
    .await;
    let Pair(mut one, mut two) = Pair::open(&server).await;
    let mut slow = PlainPeer::open(&server, "").await;
    slow.say(CANDIDATE).await;
    for peer in [&mut one, &mut two] {
        assert_eq!(peer.hears().await, CANDIDATE);
    }
    let text = format!(r#"{{"candidate":"{}"}}"#, "x".repeat(60_000));
    let began = Instant::now();
    while server.rooms.sockets() == 3 && began.elapsed() < PATIENCE {
        one.say(&text).await;
        assert_eq!(two.hears().await, text);
    }
    eventually("the slow one is gone", PATIENCE, || async {
        server.rooms.sockets() == 2
    })
    .await;
    assert_eq!(Pair(one, two).still_talk().await, 0);
    drop(slow);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_alternate_between_plain_and_typed_leave_nothing_behind() {
    let server = TestServer::with_limits(|limits| limits.away = Duration::from_millis(300)).await;
    let mut typed = TestMember::join(&server.url, "watched", "Ada", 1).await;
    let mut plain = Pair::open(&server).await;
    for round in 0..60_u128 {
        let room = format!("room{}", round % 7);
        let mut socket = PlainPeer::open(&server, &room).await;
        for step in 0..4 {
            let text = match (round + step) % 4 {
                0 => OFFER.to_owned(),
                1 => serde_json::to_string(&join(&room, "x", 1000 + round)).unwrap(),
                2 => CANDIDATE.to_owned(),
                _ => r#"{"type":"ping"}"#.to_owned(),
            };
            // The server may have ended it.
            if socket.0.socket.send(Message::text(text)).await.is_err() {
                break;
            }
        }
        if round % 2 == 0 {
            let _ = socket.0.socket.close(None).await;
        }
    }
    typed.socket.expect_no_message().await;
    assert_eq!(plain.still_talk().await, 0);
    eventually("only the watched rooms are left", PATIENCE, || async {
        server.rooms.rooms() == 2 && server.rooms.sockets() == 3
    })
    .await;
    drop((typed, plain));
    nothing_is_left(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_socket_whose_join_is_late_hears_nothing_in_the_words_of_the_server() {
    let server = TestServer::with(&["test:"]).await;
    let mut late = TestSocket::open(&server.url).await;
    eventually("it listens", PATIENCE, || async {
        server.rooms.rooms() == 1
    })
    .await;
    let mut mallory = PlainPeer::open(&server, "").await;
    mallory.say(CANDIDATE).await;
    mallory
        .say(r#"{"type":"error","code":"name_taken","message":"Send your key."}"#)
        .await;
    mallory.say("the end").await;
    assert_eq!(late.next_text_or_closed().await.unwrap(), CANDIDATE);
    assert_eq!(late.next_text_or_closed().await.unwrap(), "the end");
    late.send_message(&join("demo", "Ada", 1)).await;
    let welcome = late.receive().await;
    assert!(
        matches!(welcome, ServerMessage::Welcome { .. }),
        "{welcome:?}"
    );
    server.stop().await;
}

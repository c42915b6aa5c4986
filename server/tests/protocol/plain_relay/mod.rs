//! The plain relay: clients that know nothing of this server's protocol exchange offers and answers through `/ws`.

mod attacks;
mod seed_peers;

use std::time::Duration;

use shared::signaling::{ErrorCode, MAX_PEERS, ServerMessage};
use testkit::socket::{TestMember, TestSocket, join};
use testkit::{PATIENCE, TestServer, eventually};

/// White space and an unknown field show that texts pass verbatim.
const OFFER: &str = r#"{ "sdp": "v=0", "type": "offer", "mine": [1,  2] }"#;
const ANSWER: &str = r#"{"type":"answer","sdp":"v=0 answer"}"#;
const CANDIDATE: &str = r#"{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0"}"#;

/// A socket of a plain room (`""`: the default one).
struct PlainPeer(TestSocket);

impl PlainPeer {
    async fn open(server: &TestServer, room: &str) -> Self {
        Self::open_from(server, room, &[]).await
    }

    async fn open_from(server: &TestServer, room: &str, headers: &[(&'static str, &str)]) -> Self {
        let path = match room {
            "" => "/ws".to_owned(),
            room => format!("/ws?room={room}"),
        };
        let socket = TestSocket::open_with(&server.url, &path, headers).await;
        Self(socket.expect("the socket opens"))
    }

    async fn say(&mut self, text: &str) {
        self.0.send(text.into()).await;
    }

    #[track_caller]
    fn hears(&mut self) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            let text = self.0.next_text_or_closed().await;
            text.unwrap_or_else(|closed| panic!("{closed:?}, at {caller}"))
        }
    }

    async fn is_closed(&mut self) -> (u16, String) {
        let closed = self.0.next_text_or_closed().await.expect_err("it ends");
        (closed.number, closed.reason)
    }
}

async fn nothing_is_left(server: &TestServer) {
    eventually("nothing is left", PATIENCE, || async {
        server.rooms.rooms() == 0 && server.rooms.sockets() == 0
    })
    .await;
}

#[tokio::test]
async fn an_offer_waits_for_all_who_come_later_until_one_answers() {
    let server = TestServer::with(&["test:"]).await;
    let mut one = PlainPeer::open(&server, "").await;
    one.say(OFFER).await;
    one.say(CANDIDATE).await;
    // Silent listeners, of which none uses the offer up.
    for _ in 0..3 {
        let mut listener = PlainPeer::open(&server, "").await;
        assert_eq!(listener.hears().await, OFFER);
        assert_eq!(listener.hears().await, CANDIDATE);
    }
    let mut two = PlainPeer::open(&server, "").await;
    assert_eq!(two.hears().await, OFFER);
    assert_eq!(two.hears().await, CANDIDATE);
    two.say(ANSWER).await;
    assert_eq!(one.hears().await, ANSWER);
    // The next to come hears what is said from now on.
    let mut three = PlainPeer::open(&server, "").await;
    three.say(CANDIDATE).await;
    assert_eq!(one.hears().await, CANDIDATE);
    one.say("any text").await;
    assert_eq!(three.hears().await, "any text");
    drop((one, two, three));
    nothing_is_left(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_bye_or_a_close_ends_a_peer_and_its_offer() {
    let server = TestServer::with(&["test:"]).await;
    let mut here = PlainPeer::open(&server, "").await;
    here.say(CANDIDATE).await;
    for bye in [true, false] {
        let mut leaving = PlainPeer::open(&server, "").await;
        leaving.say(OFFER).await;
        assert_eq!(here.hears().await, OFFER);
        if bye {
            leaving.say(r#"{"type": "bye"}"#).await;
            assert_eq!(leaving.is_closed().await, (1000, "left".to_owned()));
            assert_eq!(here.hears().await, r#"{"type": "bye"}"#);
        }
        drop(leaving);
        eventually("it is gone", PATIENCE, || async {
            server.rooms.sockets() == 1
        })
        .await;
        let mut late = PlainPeer::open(&server, "").await;
        late.say(CANDIDATE).await;
        assert_eq!(here.hears().await, CANDIDATE);
        here.say("no offer waited").await;
        assert_eq!(late.hears().await, "no offer waited");
        drop(late);
        eventually("it is gone", PATIENCE, || async {
            server.rooms.sockets() == 1
        })
        .await;
    }
    // A bye that is the first text ends too.
    let mut first = PlainPeer::open(&server, "").await;
    first.say(r#"{"type":"bye"}"#).await;
    assert_eq!(first.is_closed().await.0, 1000);
    server.stop().await;
}

#[tokio::test]
async fn plain_rooms_and_typed_rooms_of_any_name_do_not_see_each_other() {
    let server = TestServer::with(&["test:"]).await;
    let mut typed = TestMember::join(&server.url, "blue", "Ada", 1).await;
    let mut pairs = Vec::new();
    for room in ["", "blue", "red", "%E8%93%9D"] {
        let mut speaker = PlainPeer::open(&server, room).await;
        speaker.say(&format!(r#"{{"sdp":"{room}"}}"#)).await;
        pairs.push((speaker, PlainPeer::open(&server, room).await, room));
    }
    for (speaker, listener, room) in &mut pairs {
        assert_eq!(listener.hears().await, format!(r#"{{"sdp":"{room}"}}"#));
        listener.say(ANSWER).await;
        assert_eq!(speaker.hears().await, ANSWER);
    }
    assert_eq!(server.health().await.rooms, 5);
    typed.socket.expect_no_message().await;
    let bad = TestSocket::open_with(&server.url, "/ws?room=", &[]).await;
    let Err(error) = bad else {
        panic!("a room without a name")
    };
    let tokio_tungstenite::tungstenite::Error::Http(answer) = *error else {
        panic!("{error}")
    };
    assert_eq!(answer.status(), 400);
    let body = String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned();
    assert!(body.contains("room's name is empty"), "{body}");
    drop((pairs, typed));
    server.stop().await;
}

#[tokio::test]
async fn a_join_makes_a_plain_socket_typed_for_good() {
    let server = TestServer::with(&["test:"]).await;
    let mut plain = PlainPeer::open(&server, "").await;
    plain.say(CANDIDATE).await;
    // A speaker, and a listener.
    let mut speaker = PlainPeer::open(&server, "").await;
    speaker.say(OFFER).await;
    assert_eq!(plain.hears().await, OFFER);
    let mut listener = PlainPeer::open(&server, "").await;
    assert_eq!(listener.hears().await, OFFER);
    for (number, peer) in [&mut speaker, &mut listener].into_iter().enumerate() {
        let name = number.to_string();
        let text = serde_json::to_string(&join("demo", &name, number as u128)).unwrap();
        peer.say(&text).await;
        assert!(matches!(
            peer.0.receive().await,
            ServerMessage::Welcome { .. }
        ));
    }
    assert!(matches!(
        speaker.0.receive().await,
        ServerMessage::Arrived { .. }
    ));
    plain.say(OFFER).await;
    for peer in [&mut speaker, &mut listener] {
        peer.0.expect_no_message().await;
        peer.say(OFFER).await;
        assert_eq!(peer.0.refused().await.0, ErrorCode::Malformed);
    }
    // A plain peer that comes now receives the offer of the one that stayed alone.
    let mut late = PlainPeer::open(&server, "").await;
    assert_eq!(late.hears().await, OFFER);
    late.say("only the two of us").await;
    assert_eq!(plain.hears().await, "only the two of us");
    server.stop().await;
}

#[tokio::test]
async fn without_the_relay_every_socket_is_typed() {
    let server = TestServer::with(&["test:", "--plain-relay", "off"]).await;
    let mut peer = PlainPeer::open(&server, "red").await;
    peer.say(OFFER).await;
    let (code, sentence) = peer.0.refused().await;
    assert_eq!(code, ErrorCode::Malformed);
    assert!(sentence.contains(r#""type":"join""#), "{sentence}");
    assert_eq!(server.rooms.rooms(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_listener_ends_at_its_limit_and_one_that_has_spoken_does_not() {
    let server = TestServer::with_limits(|limits| {
        limits.join = Duration::from_millis(700);
        limits.listen = Duration::from_secs(2);
    })
    .await;
    let mut speaker = PlainPeer::open(&server, "").await;
    speaker.say(OFFER).await;
    let mut listener = PlainPeer::open(&server, "").await;
    assert_eq!(listener.hears().await, OFFER);
    let sentence = listener.0.ended(ErrorCode::Idle, 1008).await;
    assert!(sentence.contains("wait for an offer"), "{sentence}");
    // The speaker was there before the listener.
    let mut other = PlainPeer::open(&server, "").await;
    other.say(ANSWER).await;
    assert_eq!(speaker.hears().await, ANSWER);
    server.stop().await;
}

#[tokio::test]
async fn plain_rooms_count_towards_the_limit_of_rooms() {
    let server = TestServer::with(&["test:", "--max-rooms", "1"]).await;
    let ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    for room in ["", "red"] {
        let mut peer = PlainPeer::open(&server, room).await;
        peer.say(OFFER).await;
        let sentence = peer.0.ended(ErrorCode::ServerFull, 1013).await;
        assert!(sentence.contains("limit of rooms"), "{sentence}");
    }
    drop(ada);
    eventually("Ada is away", PATIENCE, || async {
        server.rooms.sockets() == 0
    })
    .await;
    // A room where all are away makes place, and one of plain sockets does not.
    let mut plain = PlainPeer::open(&server, "").await;
    plain.say(OFFER).await;
    let mut other = PlainPeer::open(&server, "").await;
    assert_eq!(other.hears().await, OFFER);
    let mut typed = TestSocket::open(&server.url).await;
    typed.send_message(&join("demo", "Bob", 2)).await;
    typed.ended(ErrorCode::ServerFull, 1013).await;
    assert_eq!(server.health().await.rooms, 1);
    drop((plain, other));
    eventually("the plain room is gone", PATIENCE, || async {
        server.rooms.rooms() == 0
    })
    .await;
    TestMember::join(&server.url, "demo", "Bob", 2).await;
    server.stop().await;
}

#[tokio::test]
async fn the_seventeenth_that_speaks_finds_the_room_full() {
    let server = TestServer::with(&["test:"]).await;
    let mut speakers = Vec::new();
    for _ in 0..MAX_PEERS {
        let mut speaker = PlainPeer::open(&server, "").await;
        speaker.say(CANDIDATE).await;
        speakers.push(speaker);
    }
    // Each has heard those that came later, so that all are in the room.
    for (heard, speaker) in speakers.iter_mut().rev().enumerate() {
        for _ in 0..heard {
            assert_eq!(speaker.hears().await, CANDIDATE);
        }
    }
    let mut late = PlainPeer::open(&server, "").await;
    late.say(OFFER).await;
    late.0.ended(ErrorCode::RoomFull, 1008).await;
    server.stop().await;
}

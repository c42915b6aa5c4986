//! Rooms over real sockets: which members receive which messages.

use std::time::Duration;

use shared::signaling::{ClientMessage, ErrorCode, LeaveReason, PeerId, PeerKind, ServerMessage};
use testkit::socket::{TestMember, TestSocket, candidate, join, key, offer};
use testkit::{PATIENCE, TestServer};

#[tokio::test]
async fn two_peers_find_each_other_and_connect() {
    let server = TestServer::with(&["test:"]).await;
    let mut ada = TestMember::join(&server.url, " demo ", "Ada", 1).await;
    assert_eq!(ada.me.id, PeerId::of("demo", &key(1)));
    assert_eq!((ada.me.name.as_str(), ada.others.len()), ("Ada", 0));

    let mut bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    assert_eq!(bob.others, [ada.me.clone()]);
    let peer = bob.me.clone();
    assert_eq!(ada.receive().await, ServerMessage::Arrived { peer });

    bob.send_message(&offer(ada.id(), "v=0 offer")).await;
    bob.send_message(&candidate(ada.id(), "candidate:1")).await;
    let (from, sdp) = (bob.me.id.clone(), "v=0 offer".to_owned());
    assert_eq!(ada.receive().await, ServerMessage::Offer { from, sdp });
    let received = ada.receive().await;
    assert!(
        matches!(&received, ServerMessage::Candidate { from, candidate }
            if from == bob.id() && candidate.candidate == "candidate:1"),
        "{received:?}"
    );
    let sdp = "v=0 answer".to_owned();
    let to = bob.me.id.clone();
    ada.send_message(&ClientMessage::Answer {
        to,
        sdp: sdp.clone(),
    })
    .await;
    let from = ada.me.id.clone();
    assert_eq!(bob.receive().await, ServerMessage::Answer { from, sdp });
    bob.socket.expect_no_message().await;
    server.stop().await;
}

#[tokio::test]
async fn rooms_know_nothing_of_each_other() {
    let server = TestServer::with(&["test:"]).await;
    let mut here = TestMember::join(&server.url, "here", "same name", 1).await;
    let mut there = TestMember::join(&server.url, "there", "same name", 1).await;
    assert_ne!(
        here.me.id, there.me.id,
        "the same key has another id in each room"
    );
    here.send_message(&offer(there.id(), "hello?")).await;
    let (code, sentence) = here.socket.refused().await;
    assert_eq!(code, ErrorCode::NoSuchPeer, "{sentence}");
    there.socket.expect_no_message().await;
    assert_eq!(server.rooms.rooms(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_member_that_leaves_is_removed_at_once() {
    let server = TestServer::with(&["test:"]).await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let mut bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    ada.receive().await;
    bob.send_message(&ClientMessage::Leave).await;
    let closed = bob.socket.next_or_closed().await.unwrap_err();
    assert_eq!((closed.number, closed.reason.as_str()), (1000, "left"));
    let (id, why) = (bob.me.id.clone(), LeaveReason::Left);
    assert_eq!(ada.receive().await, ServerMessage::Left { id, why });
    // The name is free again.
    let carl = TestMember::join(&server.url, "demo", "BOB", 3).await;
    assert_eq!(carl.others, [ada.me.clone()]);
    server.stop().await;
}

#[tokio::test]
async fn a_dropped_socket_is_away_and_resumes_as_the_same_peer() {
    let server = TestServer::with(&["test:"]).await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    let mut bob_peer = bob.me.clone();
    ada.receive().await;
    bob.drop_socket();
    let id = bob_peer.id.clone();
    assert_eq!(ada.receive().await, ServerMessage::Away { id });
    ada.send_message(&offer(&bob_peer.id, "are you there?"))
        .await;
    let refused = ada.receive().await;
    assert!(
        matches!(&refused, ServerMessage::Error { code: ErrorCode::PeerAway, to: Some(to), .. } if *to == bob_peer.id),
        "{refused:?}"
    );
    // Bob is away: new members see that, and his name stays taken.
    let carl = TestMember::join(&server.url, "demo", "Carl", 3).await;
    let away: Vec<bool> = carl.others.iter().map(|peer| peer.away).collect();
    assert_eq!(away, [false, true]);
    ada.receive().await;
    let mut thief = TestSocket::open(&server.url).await;
    thief.send_message(&join("demo", "bob", 4)).await;
    thief.ended(ErrorCode::NameTaken, 1008).await;

    let mut bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    assert_eq!(bob.me, bob_peer);
    assert_eq!(bob.others, [ada.me.clone(), carl.me.clone()]);
    bob_peer.away = false;
    let peer = bob_peer;
    assert_eq!(ada.receive().await, ServerMessage::Arrived { peer });
    bob.send_message(&offer(ada.id(), "back")).await;
    assert!(matches!(ada.receive().await, ServerMessage::Offer { .. }));
    server.stop().await;
}

#[tokio::test]
async fn who_stays_away_for_too_long_is_lost() {
    let server = TestServer::with_limits(|limits| limits.away = Duration::from_millis(300)).await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    let id = bob.me.id.clone();
    ada.receive().await;
    bob.drop_socket();
    assert!(matches!(ada.receive().await, ServerMessage::Away { .. }));
    let why = LeaveReason::Lost;
    assert_eq!(ada.receive().await, ServerMessage::Left { id, why });
    ada.drop_socket();
    testkit::eventually("the empty room is gone", PATIENCE, || async {
        server.rooms.rooms() == 0 && server.rooms.sockets() == 0
    })
    .await;
    server.stop().await;
}

/// Others are told of no leaving and joining, also when the page was there for a moment.
#[tokio::test]
async fn a_page_that_is_loaded_again_is_the_same_peer_and_one_that_is_closed_has_left() {
    let server = TestServer::with(&["test:"]).await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    let (id, peer) = (bob.me.id.clone(), bob.me.clone());
    ada.receive().await;
    bob.close_page().await;
    assert_eq!(ada.receive().await, ServerMessage::Away { id: id.clone() });
    let bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    assert_eq!(ada.receive().await, ServerMessage::Arrived { peer });
    bob.close_page().await;
    assert_eq!(ada.receive().await, ServerMessage::Away { id: id.clone() });
    let why = LeaveReason::Left;
    assert_eq!(ada.receive().await, ServerMessage::Left { id, why });
    TestMember::join(&server.url, "demo", "Bob", 3).await;
    server.stop().await;
}

/// As for the page of another origin that is opened instead.
#[tokio::test]
async fn the_name_of_a_page_that_was_there_for_a_moment_is_free_once_it_is_closed() {
    let server = TestServer::with_limits(|limits| limits.presence = Duration::from_secs(600)).await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let bob = TestMember::join(&server.url, "demo", "Bob", 2).await;
    let id = bob.me.id.clone();
    ada.receive().await;
    bob.close_page().await;
    assert_eq!(ada.receive().await, ServerMessage::Away { id: id.clone() });
    let bob = TestMember::join(&server.url, "demo", "Bob", 3).await;
    let why = LeaveReason::Left;
    assert_eq!(ada.receive().await, ServerMessage::Left { id, why });
    let peer = bob.me.clone();
    assert_eq!(ada.receive().await, ServerMessage::Arrived { peer });
    server.stop().await;
}

#[tokio::test]
async fn a_room_where_everybody_is_away_makes_place_for_another() {
    let server = TestServer::with(&["test:", "--max-rooms", "1"]).await;
    let ada = TestMember::join(&server.url, "first", "Ada", 1).await;
    let id = ada.me.id.clone();
    ada.drop_socket();
    testkit::eventually("Ada is away", PATIENCE, || async {
        server.rooms.sockets() == 0
    })
    .await;
    assert_eq!(server.rooms.rooms(), 1);
    let bob = TestMember::join(&server.url, "second", "Bob", 2).await;
    bob.drop_socket();
    testkit::eventually("Bob is away", PATIENCE, || async {
        server.rooms.sockets() == 0
    })
    .await;
    let again = TestMember::join(&server.url, "first", "Ada", 1).await;
    assert_eq!(again.me.id, id, "who comes back is the same");
    server.stop().await;
}

#[tokio::test]
async fn a_second_tab_takes_the_place_of_the_first() {
    let server = TestServer::with(&["test:"]).await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let mut first = TestMember::join(&server.url, "demo", "Bob", 2).await;
    ada.receive().await;
    let mut second = TestMember::join(&server.url, "demo", "Bobby", 2).await;
    assert_eq!(second.me.id, first.me.id);
    first.socket.ended(ErrorCode::Replaced, 1008).await;
    let peer = second.me.clone();
    assert_eq!(ada.receive().await, ServerMessage::Arrived { peer });
    // The end of the replaced socket is not the end of the peer.
    drop(first);
    tokio::time::sleep(Duration::from_millis(100)).await;
    ada.socket.expect_no_message().await;
    ada.send_message(&offer(second.id(), "hello")).await;
    assert!(matches!(
        second.receive().await,
        ServerMessage::Offer { .. }
    ));
    server.stop().await;
}

#[tokio::test]
async fn peers_are_the_same_after_a_restart_of_the_server() {
    let server = TestServer::with(&["test:"]).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let mut silent = TestSocket::open(&server.url).await;
    let stopping = tokio::spawn(server.stop());
    let sentence = ada.socket.ended(ErrorCode::ShuttingDown, 1012).await;
    assert!(sentence.contains("join again"), "{sentence}");
    silent.ended(ErrorCode::ShuttingDown, 1012).await;
    let took = stopping.await.unwrap();
    assert!(took < Duration::from_secs(10), "{took:?}");

    let server = TestServer::at(&address, &["test:"]).await;
    let again = TestMember::join(&server.url, "demo", "Ada", 1).await;
    assert_eq!(again.me.id, ada.me.id);
    server.stop().await;
}

#[tokio::test]
async fn health_counts_rooms_and_sockets() {
    let server = TestServer::with(&["test:", "--plain-relay", "off"]).await;
    let _ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let _open = TestSocket::open(&server.url).await;
    let health = server.health().await;
    assert_eq!((health.rooms, health.sockets), (1, 2));
    server.stop().await;
}

#[tokio::test]
async fn a_kind_that_is_not_known_yet_is_passed_on() {
    let server = TestServer::with(&["test:"]).await;
    let mut ada = TestMember::join(&server.url, "demo", "Ada", 1).await;
    let mut watch = TestSocket::open(&server.url).await;
    let text = r#"{"type":"join","version":1,"room":"demo","name":"W","key":"00000000000000000000000000000009","kind":"watch","new":1}"#;
    watch.send(text.into()).await;
    assert!(
        matches!(watch.receive().await, ServerMessage::Welcome { you, .. } if you.kind == PeerKind::Other)
    );
    assert!(matches!(ada.receive().await, ServerMessage::Arrived { .. }));
    server.stop().await;
}

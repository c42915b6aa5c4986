//! Throwing people out of rooms, and keeping them out.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use shared::signaling::{ErrorCode, MAX_PEERS, PeerId, ServerMessage};
use testkit::socket::{TestMember, TestSocket, join, join_with_password, offer};
use testkit::{PATIENCE, TestServer, eventually};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// As people have it: harnesses of tests let peers be away at once.
async fn serve() -> TestServer {
    TestServer::with_limits(|limits| limits.presence = Duration::from_secs(10)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bursts_of_six_senders_do_not_end_who_reads() {
    let server = serve().await;
    let mut victim = TestMember::join(&server.url, "demo", "Victim", 1).await;
    let to = victim.id().clone();
    let mut attackers = Vec::new();
    for number in 2..8 {
        let name = format!("Mallory {number}");
        attackers.push(TestMember::join(&server.url, "demo", &name, number).await);
    }
    // All that one socket may send at once, from each, while the victim reads nothing.
    let bursts = attackers.into_iter().map(|mut attacker| {
        let message = offer(&to, "x".repeat(40_000));
        tokio::spawn(async move {
            for _ in 0..9 {
                attacker.send_message(&message).await;
            }
            attacker
        })
    });
    let bursts: Vec<_> = bursts.collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut offers = 0;
    let reading = async {
        while offers < 54 {
            match victim.receive().await {
                ServerMessage::Offer { .. } => offers += 1,
                ServerMessage::Arrived { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let all = timeout(PATIENCE, reading).await;
    assert!(
        all.is_ok(),
        "{offers} of 54: who is too fast is read more slowly"
    );
    drop(bursts);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_sockets_do_not_renew_the_pace_of_a_room() {
    let server = TestServer::with_limits(|limits| {
        limits.room_rates.messages.per_second = 50;
        limits.room_rates.messages.burst = 200;
    })
    .await;
    let mut victim = TestMember::join(&server.url, "demo", "Victim", 1).await;
    let to = victim.id().clone();
    let url = server.url.clone();
    let flood = tokio::spawn(async move {
        for number in 2.. {
            let name = format!("Mallory {number}");
            let mut socket = TestSocket::open(&url).await;
            let messages = (0..100).map(|_| offer(&to, "x"));
            for message in [join("demo", &name, number)].into_iter().chain(messages) {
                let text = serde_json::to_string(&message).unwrap();
                // The server may have closed it.
                if socket.socket.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
        }
    });
    let began = Instant::now();
    let mut offers = 0;
    while began.elapsed() < Duration::from_secs(3) {
        let left = Duration::from_secs(3).saturating_sub(began.elapsed());
        match timeout(left, victim.receive()).await {
            Ok(ServerMessage::Offer { .. }) => offers += 1,
            Ok(ServerMessage::Error { code, .. }) => panic!("{code:?}"),
            _ => {}
        }
    }
    flood.abort();
    assert!((50..=450).contains(&offers), "{offers} in three seconds");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_that_drop_at_once_keep_no_place() {
    let server = serve().await;
    for number in 0..3 * MAX_PEERS as u128 {
        let name = format!("Mallory {number}");
        let mallory = TestMember::join(&server.url, "demo", &name, 100 + number).await;
        mallory.drop_socket();
    }
    eventually("nobody is there", PATIENCE, || async {
        server.rooms.rooms() == 0
    })
    .await;
    let mut guests = Vec::new();
    for number in 0..MAX_PEERS as u128 {
        let name = format!("Guest {number}");
        guests.push(TestMember::join(&server.url, "demo", &name, number).await);
    }
    drop(guests);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_been_away_for_longest_makes_room() {
    let server = TestServer::with_limits(|limits| limits.presence = Duration::ZERO).await;
    let mut members = Vec::new();
    for number in 0..MAX_PEERS as u128 {
        let name = format!("Member {number}");
        members.push(TestMember::join(&server.url, "demo", &name, number).await);
    }
    let mut full = TestSocket::open(&server.url).await;
    full.send_message(&join("demo", "Guest", 100)).await;
    full.ended(ErrorCode::RoomFull, 1008).await;
    let mut watching = members.pop().expect("a member");
    let gone = [members.remove(3), members.remove(7)].map(|member| {
        let id = member.id().clone();
        member.drop_socket();
        id
    });
    for _ in &gone {
        while !matches!(watching.receive().await, ServerMessage::Away { .. }) {}
    }
    let guest = TestMember::join(&server.url, "demo", "Guest", 100).await;
    assert_eq!(guest.others.len(), MAX_PEERS - 1);
    let there = |id: &&PeerId| guest.others.iter().any(|peer| peer.id == **id);
    assert_eq!(gone.iter().filter(|id| there(id)).count(), 1);
    server.stop().await;
}

/// Joins a room with a password; with an empty one, without.
async fn enter(
    server: &TestServer,
    room: &str,
    number: u128,
    password: &str,
) -> Result<TestSocket, ErrorCode> {
    let name = format!("Peer {number}");
    let mut socket = TestSocket::open(&server.url).await;
    socket
        .send_message(&join_with_password(room, &name, number, password))
        .await;
    match socket.receive().await {
        ServerMessage::Welcome { .. } => Ok(socket),
        ServerMessage::Error { code, .. } => Err(code),
        other => panic!("{other:?}"),
    }
}

/// Otherwise who interrupts the first person's connection chooses the password.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_keeps_the_password_of_its_first_person_who_drops_at_once() {
    let server = serve().await;
    let enter = async |number: u128, password: &str| enter(&server, "den", number, password).await;
    let all_gone = async || {
        eventually("the sockets are gone", PATIENCE, || async {
            server.rooms.sockets() == 0
        })
        .await;
    };
    drop(enter(1, "secret").await.expect("it is the first"));
    all_gone().await;
    for guess in ["", "mine"] {
        let refused = enter(2, guess).await.err();
        assert_eq!(refused, Some(ErrorCode::WrongPassword), "{guess}");
    }
    let first = enter(1, "secret").await.expect("it is back");
    // The last one of two keeps it too.
    let second = enter(3, "secret").await.expect("it is right");
    drop((first, second));
    all_gone().await;
    let refused = enter(2, "mine").await.err();
    assert_eq!(refused, Some(ErrorCode::WrongPassword));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_look_the_same_are_not_in_a_room_together() {
    let server = serve().await;
    let mut ada = TestMember::join(&server.url, "demO", "  Ada\u{200b}  L. ", 1).await;
    assert_eq!(ada.me.name, "Ada L.");
    // Cyrillic, full width, marks of direction, another case, a space of another kind.
    let look_alikes = [
        "\u{410}da L.",
        "\u{ff21}da L.",
        "Ada\u{200e} L.",
        "ADA l.",
        "Ada\u{2003}L.",
    ];
    for (name, number) in look_alikes.into_iter().zip(2..) {
        let mut socket = TestSocket::open(&server.url).await;
        socket.send_message(&join("demO", name, number)).await;
        socket.ended(ErrorCode::NameTaken, 1008).await;
    }
    ada.socket.expect_no_message().await;
    // Rooms that look alike are two rooms, and people of different names meet.
    let other = TestMember::join(&server.url, "dem0", "Ada L.", 10).await;
    assert_eq!(other.others.len(), 0);
    let family = TestMember::join(&server.url, "demO", "👨‍👩‍👧", 11).await;
    assert_eq!((family.me.name.as_str(), family.others.len()), ("👨‍👩‍👧", 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_with_a_password_is_entered_with_it_only() {
    let server = TestServer::with(&["test:", "--room-password", "board=north"]).await;
    let enter = async |room: &str, number: u128, password: &str| {
        enter(&server, room, number, password).await
    };
    let wrong = Some(ErrorCode::WrongPassword);
    // Of the owner of the server, from the first peer on.
    assert_eq!(enter("board", 1, "").await.err(), wrong);
    assert_eq!(enter("board", 1, "south").await.err(), wrong);
    let _first = enter("board", 1, "north").await.expect("it is right");
    // Of the first peer.
    let first = enter("den", 2, "secret").await.expect("it is the first");
    for guess in ["", "Secret", "secret "] {
        assert_eq!(enter("den", 3, guess).await.err(), wrong, "{guess}");
    }
    let second = enter("den", 4, "secret").await.expect("it is right");
    drop((first, second));
    let _open = enter("hall", 5, "").await.expect("it is the first");
    assert_eq!(enter("hall", 6, "x").await.err(), wrong);
    server.stop().await;
}

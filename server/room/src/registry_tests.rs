//! The limits of the registry.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use limits::CountedAddress;
use shared::signaling::{ErrorCode, PeerId, PeerKey, PeerKind, RoomPassword};

use super::outbox::Outgoing;
use super::registry::{RoomLimits, RoomRegistry};
use super::room_entry::RoomEntry;
use super::socket::RoomSocket;
use super::{JoinRequest, SocketEnd, SocketId};

#[test]
fn one_address_cannot_use_every_socket() {
    let rooms = RoomRegistry::new(RoomLimits {
        sockets_per_address: 2,
        ..RoomLimits::default()
    });
    let now = Instant::now();
    let connect = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        rooms.connect(Some(address.into()), None, now).unwrap()
    };
    let one = connect("198.51.100.7");
    let two = connect("::ffff:198.51.100.7");
    assert!(!one.outbox().is_closed() && !two.outbox().is_closed());
    assert!(connect("198.51.100.7").outbox().is_closed());
    assert!(!connect("198.51.100.8").outbox().is_closed());
    drop(one);
    assert!(!connect("198.51.100.7").outbox().is_closed());
    // An IPv6 subscriber has a network. An address of the own network is an address like any other.
    let _neighbours = [connect("2001:db8::1"), connect("2001:db8::2")];
    assert!(connect("2001:db8::3").outbox().is_closed());
    let _near = [connect("192.168.0.7"), connect("192.168.0.7")];
    assert!(connect("192.168.0.7").outbox().is_closed());
    // A proxy that does not name its clients has many users.
    let proxied: Vec<RoomSocket> = (0..10)
        .map(|_| rooms.connect(None, None, now).unwrap())
        .collect();
    assert!(proxied.iter().all(|socket| !socket.outbox().is_closed()));
}

/// The texts that wait for a socket.
fn read(socket: &RoomSocket) -> String {
    let outbox = socket.outbox();
    let texts = std::iter::from_fn(|| match outbox.try_next() {
        Some(Outgoing::Text(text)) => Some(text.to_string()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn who_does_not_read_holds_a_sender_for_a_second_and_not_again() {
    let rooms = RoomRegistry::new(RoomLimits::default());
    let mut now = Instant::now();
    let [mut sender, _silent] = [1, 2].map(|person| {
        let mut socket = rooms.connect(None, None, now).unwrap();
        let key = PeerKey::from_random(person);
        let join = format!(
            r#"{{"type":"join","version":1,"room":"demo","name":"p{person}","key":"{}","kind":"browser"}}"#,
            key.as_str()
        );
        socket.on_text(&join, now);
        socket
    });
    let to = PeerId::of("demo", &PeerKey::from_random(2));
    let offer = format!(
        r#"{{"type":"offer","to":"{to}","sdp":"{}"}}"#,
        "x".repeat(20_000)
    );
    while sender.retry_at().is_none() {
        sender.on_text(&offer, now);
        assert!(!sender.outbox().is_closed());
    }
    now += Duration::from_millis(900);
    sender.on_retry(now);
    assert!(sender.retry_at().is_some() && !read(&sender).contains("peer_away"));
    now += Duration::from_millis(200);
    sender.on_retry(now);
    assert!(sender.retry_at().is_none() && read(&sender).contains("peer_away"));
    sender.on_text(&offer, now);
    assert!(sender.retry_at().is_none() && read(&sender).contains("peer_away"));
    sender.on_text(r#"{"type":"ping"}"#, now);
    assert!(read(&sender).contains("pong"));
}

#[test]
fn an_address_that_guesses_passwords_has_to_wait_and_others_do_not() {
    let password = |typed: &str| RoomPassword::typed(typed).unwrap();
    let rooms = RoomRegistry::new(RoomLimits {
        passwords: [("board".to_owned(), password("north").unwrap())].into(),
        ..RoomLimits::default()
    });
    let start = Instant::now();
    let [guesser, other] = ["198.51.100.7", "198.51.100.8"]
        .map(|address| CountedAddress::from(address.parse::<IpAddr>().unwrap()));
    // The code of the refusal, if it is one.
    let join = |address, number: u64, typed: &str, at_s| {
        let request = JoinRequest {
            name: format!("Peer {number}"),
            key: PeerKey::from_random(number.into()),
            kind: PeerKind::Other,
            native: false,
            password: password(typed),
        };
        let now = start + Duration::from_secs(at_s);
        let socket = (SocketId(number), Some(address));
        let joined = rooms.join(socket, &Arc::default(), "board", request, now);
        joined.err().map(|refusal| refusal.code)
    };
    for _ in 0..10 {
        let refused = join(guesser, 1, "south", 0);
        assert_eq!(refused, Some(ErrorCode::WrongPassword));
    }
    // The right one does not tell either.
    for typed in ["south", "north"] {
        let refused = join(guesser, 1, typed, 0);
        assert_eq!(refused, Some(ErrorCode::TooManyPasswords), "{typed}");
    }
    // Without one nothing is guessed.
    let refused = join(guesser, 1, "", 0);
    assert_eq!(refused, Some(ErrorCode::WrongPassword));
    assert_eq!(join(other, 2, "north", 0), None);
    assert_eq!(join(guesser, 1, "north", 60), None);
}

/// A room with a password is kept although its only person was there for no time: not in the place of rooms whose people were.
#[test]
fn joins_with_passwords_that_drop_at_once_evict_each_other_only() {
    let rooms = RoomRegistry::new(RoomLimits {
        rooms: 3,
        ..RoomLimits::default()
    });
    let start = Instant::now();
    let after = |ms| start + Duration::from_millis(ms);
    let join = |number: u64, room: &str, at| {
        let request = JoinRequest {
            name: format!("Peer {number}"),
            key: PeerKey::from_random(number.into()),
            kind: PeerKind::Other,
            native: false,
            password: RoomPassword::typed("secret").unwrap(),
        };
        let socket = SocketId(number);
        let joined = rooms.join((socket, None), &Arc::default(), room, request, at);
        joined.map(|entry| (entry, socket))
    };
    let leave = |(entry, socket): (Arc<RoomEntry>, SocketId), at| {
        entry.change(socket, at, |room| {
            room.disconnected(socket, SocketEnd::Dropped, at)
        });
    };
    let [old, new] = [(1, "old"), (2, "new")].map(|(number, room)| join(number, room, start));
    leave(old.unwrap(), after(11_000));
    leave(new.unwrap(), after(12_000));
    for number in 0..50 {
        let at = after(13_000 + number);
        leave(
            join(10 + number, &format!("drop {number}"), at).unwrap(),
            at,
        );
    }
    assert_eq!(rooms.rooms(), 3);
    assert_eq!(rooms.peers("old").len() + rooms.peers("new").len(), 2);
    // Of rooms whose people were there, the one that is away for longest makes room.
    let _here = [(3, "here"), (4, "there")].map(|(number, room)| join(number, room, after(14_000)));
    assert_eq!(rooms.peers("old").len(), 0);
    assert_eq!(rooms.peers("new").len(), 1);
    let _back = join(2, "new", after(15_000)).unwrap();
    assert!(join(5, "fourth", after(15_000)).is_err());
}

//! Properties of the registry, for any messages of its sockets and any pace of reading.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use shared::signaling::{AWAY_TIMEOUT_S, Peer, PeerId, PeerKey, ServerMessage};

use super::outbox::Outgoing;
use super::registry::{RoomLimits, RoomRegistry};
use super::socket::RoomSocket;

const ROOMS: [&str; 3] = ["a", "b", "c"];
/// Fewer than [`ROOMS`].
const MAX_ROOMS: usize = 2;
const MAX_SOCKETS: usize = 10;

#[derive(Clone, Debug)]
enum ServerAction {
    Connect,
    Join {
        room_socket: usize,
        room: usize,
        person: u8,
    },
    /// An offer of this many kB to another peer of the room.
    Offer {
        room_socket: usize,
        to: u8,
        size: usize,
    },
    Junk {
        room_socket: usize,
        text: String,
    },
    Leave {
        room_socket: usize,
    },
    /// Reads this many messages.
    Read {
        room_socket: usize,
        messages: usize,
    },
    /// The connection breaks.
    Drop {
        room_socket: usize,
    },
    Wait {
        seconds: u64,
    },
}

fn event() -> impl Strategy<Value = ServerAction> {
    let room_socket = || 0..MAX_SOCKETS;
    prop_oneof![
        3 => Just(ServerAction::Connect),
        6 => (room_socket(), 0..ROOMS.len(), 0..8_u8).prop_map(|(room_socket, room, person)| ServerAction::Join { room_socket, room, person }),
        8 => (room_socket(), 0..8_u8, 0..60_usize).prop_map(|(room_socket, to, size)| ServerAction::Offer { room_socket, to, size }),
        1 => (room_socket(), ".{0,40}").prop_map(|(room_socket, text)| ServerAction::Junk { room_socket, text }),
        1 => room_socket().prop_map(|room_socket| ServerAction::Leave { room_socket }),
        4 => (room_socket(), 0..50_usize).prop_map(|(room_socket, messages)| ServerAction::Read { room_socket, messages }),
        1 => room_socket().prop_map(|room_socket| ServerAction::Drop { room_socket }),
        3 => (0..20_u64).prop_map(|seconds| ServerAction::Wait { seconds }),
    ]
}

/// A socket, and the members according to the messages that it has read.
struct Socket {
    room_socket: RoomSocket,
    room: usize,
    me: Option<PeerId>,
    view: BTreeMap<PeerId, Peer>,
    over: bool,
}

impl Socket {
    /// Reads up to this many queued messages.
    fn read(&mut self, messages: usize) {
        let outbox = self.room_socket.outbox();
        for _ in 0..messages {
            let Some(Outgoing::Text(text)) = outbox.try_next() else {
                return;
            };
            assert!(!self.over, "a message after the last one: {text}");
            match serde_json::from_str(&text).expect("the server sends valid messages") {
                ServerMessage::Welcome { you, peers, .. } => {
                    assert_eq!(self.me, None, "welcome once");
                    self.me = Some(you.id);
                    let peers = peers.into_iter().map(|peer| (peer.id.clone(), peer));
                    self.view = peers.collect();
                }
                ServerMessage::Arrived { peer } => {
                    self.view.insert(peer.id.clone(), peer);
                }
                ServerMessage::Away { id } => self.view.get_mut(&id).expect("known").away = true,
                ServerMessage::Left { id, .. } => {
                    self.view.remove(&id).expect("known");
                }
                ServerMessage::Error { code, .. } => self.over = code.is_final(),
                ServerMessage::Offer { from, .. } => assert!(self.view.contains_key(&from)),
                other => panic!("unexpected: {other:?}"),
            }
        }
    }
}

fn limits() -> RoomLimits {
    RoomLimits {
        rooms: MAX_ROOMS,
        sockets: MAX_SOCKETS,
        presence: Duration::ZERO,
        ..RoomLimits::default()
    }
}

fn join(room: usize, person: u8) -> String {
    let key = PeerKey::from_random(person.into());
    format!(
        r#"{{"type":"join","version":1,"room":"{}","name":"p{person}","key":"{}","kind":"browser"}}"#,
        ROOMS[room],
        key.as_str()
    )
}

fn offer(room: usize, to: u8, size: usize) -> String {
    let to = PeerId::of(ROOMS[room], &PeerKey::from_random(to.into()));
    let sdp = "x".repeat(size * 1000);
    format!(r#"{{"type":"offer","to":"{to}","sdp":"{sdp}"}}"#)
}

fn apply(rooms: &RoomRegistry, sockets: &mut Vec<Socket>, event: ServerAction, now: &mut Instant) {
    let room_socket = match &event {
        ServerAction::Connect => {
            let room_socket = rooms
                .connect(None, None, *now)
                .expect("within the limit and a few");
            let full = sockets.len() >= MAX_SOCKETS;
            assert_eq!(
                room_socket.outbox().is_closed(),
                full,
                "a socket over the limit is refused"
            );
            if !full {
                sockets.push(Socket {
                    room_socket,
                    room: 0,
                    me: None,
                    view: BTreeMap::new(),
                    over: false,
                });
            }
            return;
        }
        ServerAction::Wait { seconds } => {
            *now += Duration::from_secs(*seconds);
            return rooms.sweep(*now);
        }
        ServerAction::Join { room_socket, .. }
        | ServerAction::Offer { room_socket, .. }
        | ServerAction::Junk { room_socket, .. }
        | ServerAction::Leave { room_socket }
        | ServerAction::Read { room_socket, .. }
        | ServerAction::Drop { room_socket } => *room_socket,
    };
    let Some(socket) = sockets.get_mut(room_socket) else {
        return;
    };
    // Nothing more is read of a socket whose message waits.
    socket.room_socket.on_retry(*now);
    let waits = socket.room_socket.retry_at().is_some();
    match event {
        ServerAction::Join { .. }
        | ServerAction::Offer { .. }
        | ServerAction::Junk { .. }
        | ServerAction::Leave { .. }
            if waits => {}
        ServerAction::Join { room, person, .. } => {
            if !socket.room_socket.has_joined() {
                socket.room = room;
            }
            socket.room_socket.on_text(&join(room, person), *now);
        }
        ServerAction::Offer { to, size, .. } => socket
            .room_socket
            .on_text(&offer(socket.room, to, size), *now),
        ServerAction::Junk { text, .. } => socket.room_socket.on_text(&text, *now),
        ServerAction::Leave { .. } => socket.room_socket.on_text(r#"{"type":"leave"}"#, *now),
        ServerAction::Read { messages, .. } => socket.read(messages),
        ServerAction::Drop { .. } => drop(sockets.swap_remove(room_socket)),
        ServerAction::Connect | ServerAction::Wait { .. } => unreachable!("handled above"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_socket_that_reads_sees_the_members_and_nothing_leaks(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let rooms = RoomRegistry::new(limits());
        let (mut sockets, mut now) = (Vec::new(), Instant::now());
        for event in events {
            apply(&rooms, &mut sockets, event, &mut now);
            prop_assert!(rooms.rooms() <= MAX_ROOMS);
            prop_assert_eq!(rooms.sockets(), sockets.len());
        }
        for socket in &mut sockets {
            socket.read(usize::MAX);
            if socket.room_socket.has_joined() && !socket.over {
                let me = socket.me.clone().expect("a member has received welcome");
                let peers = rooms.peers(ROOMS[socket.room]).into_iter();
                let others = peers.filter(|peer| peer.id != me);
                let others: BTreeMap<_, _> = others.map(|peer| (peer.id.clone(), peer)).collect();
                prop_assert_eq!(&socket.view, &others);
            }
        }
        sockets.clear();
        // Dropped sockets use the system's time.
        rooms.sweep(now.max(Instant::now()) + Duration::from_secs(AWAY_TIMEOUT_S));
        prop_assert_eq!((rooms.rooms(), rooms.sockets()), (0, 0));
    }
}

//! Properties of the registry, whatever its sockets send, and however little some of them read.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use shared::signaling::{AWAY_TIMEOUT_S, Peer, PeerId, PeerKey, ServerMessage};

use super::client::RoomClient;
use super::outbox::Outgoing;
use super::registry::{Limits, RoomRegistry};

const ROOMS: [&str; 3] = ["a", "b", "c"];
/// Fewer than [`ROOMS`].
const MAX_ROOMS: usize = 2;
const MAX_SOCKETS: usize = 10;

#[derive(Clone, Debug)]
enum Event {
    Connect,
    Join {
        client: usize,
        room: usize,
        person: u8,
    },
    /// An offer of this many kB to another peer of the room.
    Offer {
        client: usize,
        to: u8,
        size: usize,
    },
    Junk {
        client: usize,
        text: String,
    },
    Leave {
        client: usize,
    },
    /// Reads this many messages.
    Read {
        client: usize,
        messages: usize,
    },
    /// The connection breaks.
    Drop {
        client: usize,
    },
    Wait {
        seconds: u64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let client = || 0..MAX_SOCKETS;
    prop_oneof![
        3 => Just(Event::Connect),
        6 => (client(), 0..ROOMS.len(), 0..8_u8).prop_map(|(client, room, person)| Event::Join { client, room, person }),
        8 => (client(), 0..8_u8, 0..60_usize).prop_map(|(client, to, size)| Event::Offer { client, to, size }),
        1 => (client(), ".{0,40}").prop_map(|(client, text)| Event::Junk { client, text }),
        1 => client().prop_map(|client| Event::Leave { client }),
        4 => (client(), 0..50_usize).prop_map(|(client, messages)| Event::Read { client, messages }),
        1 => client().prop_map(|client| Event::Drop { client }),
        3 => (0..20_u64).prop_map(|seconds| Event::Wait { seconds }),
    ]
}

/// A socket, and the members that it knows from the messages it read.
struct Socket {
    client: RoomClient,
    room: usize,
    me: Option<PeerId>,
    view: BTreeMap<PeerId, Peer>,
    over: bool,
}

impl Socket {
    /// Reads up to this many queued messages.
    fn read(&mut self, messages: usize) {
        let outbox = self.client.outbox();
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

fn limits() -> Limits {
    Limits {
        rooms: MAX_ROOMS,
        sockets: MAX_SOCKETS,
        ..Limits::default()
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

fn take(rooms: &RoomRegistry, sockets: &mut Vec<Socket>, event: Event, now: &mut Instant) {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let client = match &event {
        Event::Connect => {
            let client = rooms
                .connect(address, *now)
                .expect("within the limit and a few");
            let full = sockets.len() >= MAX_SOCKETS;
            assert_eq!(
                client.outbox().is_closed(),
                full,
                "a socket over the limit is refused"
            );
            if !full {
                sockets.push(Socket {
                    client,
                    room: 0,
                    me: None,
                    view: BTreeMap::new(),
                    over: false,
                });
            }
            return;
        }
        Event::Wait { seconds } => {
            *now += Duration::from_secs(*seconds);
            return rooms.sweep(*now);
        }
        Event::Join { client, .. }
        | Event::Offer { client, .. }
        | Event::Junk { client, .. }
        | Event::Leave { client }
        | Event::Read { client, .. }
        | Event::Drop { client } => *client,
    };
    let Some(socket) = sockets.get_mut(client) else {
        return;
    };
    match event {
        Event::Join { room, person, .. } => {
            if !socket.client.has_joined() {
                socket.room = room;
            }
            socket.client.on_text(&join(room, person), *now);
        }
        Event::Offer { to, size, .. } => socket.client.on_text(&offer(socket.room, to, size), *now),
        Event::Junk { text, .. } => socket.client.on_text(&text, *now),
        Event::Leave { .. } => socket.client.on_text(r#"{"type":"leave"}"#, *now),
        Event::Read { messages, .. } => socket.read(messages),
        Event::Drop { .. } => drop(sockets.swap_remove(client)),
        Event::Connect | Event::Wait { .. } => unreachable!("taken above"),
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
            take(&rooms, &mut sockets, event, &mut now);
            prop_assert!(rooms.rooms() <= MAX_ROOMS);
            prop_assert_eq!(rooms.sockets(), sockets.len());
        }
        for socket in &mut sockets {
            socket.read(usize::MAX);
            if socket.client.has_joined() && !socket.over {
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

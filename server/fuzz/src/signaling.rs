//! Fuzzes the rooms with texts of several sockets.
//!
//! An input is a list of lines. The first character of a line names one of ten sockets, or an event:
//!
//! | line | meaning |
//! |---|---|
//! | `3{"type":"ping"}` | socket 3 sends this text; it is opened first if it is not open |
//! | `+3` | socket 3 reads its outbox |
//! | `-3` | socket 3 disconnects |
//! | `!3` | socket 3 sends a binary message |
//! | `?3` | socket 3 has been silent: it listens to the plain relay, unless it has sent a text before |
//! | `~25` | 25 seconds pass |
//!
//! In a text, `#3` stands for the key of peer 3, and `@3` for the id of peer 3 in the room `demo`: a fuzzer cannot guess them.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use shared::signaling::{AWAY_TIMEOUT_S, ClientMessage, Peer, PeerId, PeerKey, ServerMessage};

use room::outbox::Outgoing;
use room::registry::{RoomLimits, RoomRegistry};
use room::socket::RoomSocket;

const ROOM: &str = "demo";
const SOCKETS: usize = 10;
const MAX_ROOMS: usize = 3;

struct Socket {
    room_socket: RoomSocket,
    room: String,
    me: Option<Peer>,
    others: BTreeMap<PeerId, Peer>,
    over: bool,
}

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let rooms = RoomRegistry::new(RoomLimits {
        rooms: MAX_ROOMS,
        sockets: SOCKETS,
        ..RoomLimits::default()
    });
    let mut sockets: [Option<Socket>; SOCKETS] = Default::default();
    let mut said = HashSet::new();
    let mut now = Instant::now();
    for line in text.lines() {
        let mut characters = line.chars();
        let Some(first) = characters.next() else {
            continue;
        };
        let rest = characters.as_str();
        let named = |text: &str| text.parse::<usize>().ok().filter(|at| *at < SOCKETS);
        if let Some(at) = first.to_digit(10) {
            let socket = sockets[at as usize].get_or_insert_with(|| Socket::open(&rooms, now));
            let text = expand(rest);
            socket.send(&text, now);
            said.insert(text);
        } else if first == '~' {
            now += Duration::from_secs(rest.parse::<u8>().unwrap_or(1).into());
            rooms.sweep(now);
        } else if let Some(at) = named(rest) {
            match (first, &mut sockets[at]) {
                ('+', Some(socket)) => socket.read(&said),
                ('?', socket) => {
                    let socket = socket.get_or_insert_with(|| Socket::open(&rooms, now));
                    if socket.room_socket.silent_at().is_some() {
                        socket.room_socket.on_silence(now);
                    }
                }
                ('-', socket) => *socket = None,
                ('!', Some(socket)) => socket.room_socket.on_binary(rest.len(), now),
                _ => {}
            }
        }
        let open = sockets.iter().flatten().count();
        assert_eq!(rooms.sockets(), open);
        assert!(rooms.rooms() <= MAX_ROOMS);
    }
    check_views(&mut sockets, &said);
    drop(sockets);
    // Dropping the sockets reads the real clock.
    rooms.sweep(now.max(Instant::now()) + Duration::from_secs(AWAY_TIMEOUT_S));
    assert_eq!((rooms.rooms(), rooms.sockets()), (0, 0), "nothing is left");
}

impl Socket {
    fn open(rooms: &RoomRegistry, now: Instant) -> Self {
        let room_socket = rooms.connect(None, None, now);
        Self {
            room_socket: room_socket.expect("within the limit"),
            room: String::new(),
            me: None,
            others: BTreeMap::new(),
            over: false,
        }
    }

    fn send(&mut self, text: &str, now: Instant) {
        if let Ok(message) = serde_json::from_str::<ClientMessage>(text) {
            let again = serde_json::to_string(&message).expect("has a form in JSON");
            assert_eq!(
                serde_json::from_str::<ClientMessage>(&again).ok(),
                Some(message)
            );
        }
        self.room_socket.on_text(text, now);
    }

    /// `said`: every text of a client, which the plain relay may have passed on.
    fn read(&mut self, said: &HashSet<String>) {
        let outbox = self.room_socket.outbox();
        while let Some(Outgoing::Text(text)) = outbox.try_next() {
            assert!(!self.over, "a message after the final error: {text}");
            if self.me.is_none() && said.contains(&*text) {
                continue;
            }
            match serde_json::from_str(&text).expect("the server sends valid messages") {
                ServerMessage::Welcome {
                    you, peers, room, ..
                } => {
                    assert!(self.me.is_none(), "welcome once");
                    self.room = room;
                    let peers = peers.into_iter().map(|peer| (peer.id.clone(), peer));
                    self.others = peers.collect();
                    assert!(!self.others.contains_key(&you.id));
                    self.me = Some(you);
                }
                ServerMessage::Arrived { peer } => {
                    assert_ne!(Some(&peer.id), self.id());
                    self.others.insert(peer.id.clone(), peer);
                }
                ServerMessage::Away { id } => self.others.get_mut(&id).expect("known").away = true,
                ServerMessage::Left { id, .. } => {
                    self.others.remove(&id).expect("known");
                }
                ServerMessage::Offer { from, .. }
                | ServerMessage::Answer { from, .. }
                | ServerMessage::Candidate { from, .. } => {
                    assert!(self.others.contains_key(&from), "from a peer in the room");
                }
                ServerMessage::Error { code, message, .. } => {
                    assert!(message.ends_with('.'), "a sentence: {message}");
                    self.over = code.is_final();
                }
                ServerMessage::Pong => {}
            }
        }
    }

    fn id(&self) -> Option<&PeerId> {
        self.me.as_ref().map(|me| &me.id)
    }
}

/// Checks that all peers of a room have the same view of it.
fn check_views(sockets: &mut [Option<Socket>], said: &HashSet<String>) {
    let mut seen: BTreeMap<String, BTreeMap<PeerId, Peer>> = BTreeMap::new();
    for socket in sockets.iter_mut().flatten() {
        socket.read(said);
        let Some(me) = &socket.me else { continue };
        if socket.room_socket.outbox().is_closed() {
            continue;
        }
        let mut all = socket.others.clone();
        all.insert(me.id.clone(), me.clone());
        let names: std::collections::BTreeSet<String> =
            all.values().map(|peer| peer.name.to_lowercase()).collect();
        assert_eq!(names.len(), all.len(), "names are unique");
        let before = seen
            .entry(socket.room.clone())
            .or_insert_with(|| all.clone());
        assert_eq!(*before, all, "in {}", socket.room);
    }
}

/// Replaces `#3` and `@3` by the key and the id of peer 3.
fn expand(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let person = characters.peek().and_then(|next| next.to_digit(10));
        match (c, person) {
            ('#' | '@', Some(person)) => {
                characters.next();
                let key = PeerKey::from_random(person.into());
                if c == '#' {
                    out.push_str(key.as_str());
                } else {
                    out.push_str(PeerId::of(ROOM, &key).as_str());
                }
            }
            _ => out.push(c),
        }
    }
    out
}

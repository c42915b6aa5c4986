//! A room, and a model of its expected members.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use shared::signaling::{
    ClientMessage, ErrorCode, LeaveReason, MAX_PEERS, Peer, PeerId, PeerKind, ServerMessage,
};

use super::expected::{AWAY, AWAY_TIMEOUT, Expected, ROOM, after, id, key};
use super::relayed_pair::relayed_pair;
use super::{NAMES, RoomAction};
use crate::{
    AddressedMessage, JoinRequest, Password, Room, SocketEnd, SocketId, peer_name::PeerName,
};

/// A room, its model, and the messages that every socket received.
pub(super) struct RoomModel {
    room: Room,
    now: Instant,
    expected: Vec<Expected>,
    /// The members according to the messages that each socket received. `None`: no `welcome` yet.
    views: BTreeMap<SocketId, Option<BTreeMap<PeerId, Peer>>>,
    /// The person that each socket joined as.
    people: Vec<usize>,
}

impl RoomModel {
    pub(super) fn new() -> Self {
        Self {
            room: Room::new(ROOM.to_owned(), AWAY, Password::OfFirst(None)),
            now: Instant::now(),
            expected: Vec::new(),
            views: BTreeMap::new(),
            people: Vec::new(),
        }
    }

    pub(super) fn apply(&mut self, event: RoomAction) {
        match event {
            RoomAction::Join { person, name } => self.join(person, name),
            RoomAction::Leave { socket } => {
                let Some(socket) = self.socket(socket) else {
                    return;
                };
                let peer = self.peer_of(socket);
                self.expected.retain(|member| member.socket != Some(socket));
                let deliveries = self.room.handle(socket, ClientMessage::Leave);
                self.assert_all_others_receive(&deliveries, peer.as_ref(), |message, id| {
                    matches!(message, ServerMessage::Left { id: left, why: LeaveReason::Left } if left == id)
                });
                self.deliver(deliveries);
                self.views.remove(&socket);
            }
            RoomAction::Drop { socket, end } => {
                if let Some(socket) = self.socket(socket) {
                    self.drop_socket(socket, end);
                }
            }
            RoomAction::Relay { socket, to, mark } => self.relay(socket, to, mark),
            RoomAction::Ping { socket } => {
                let Some(socket) = self.socket(socket) else {
                    return;
                };
                let deliveries = self.room.handle(socket, ClientMessage::Ping);
                let pong = AddressedMessage {
                    to: socket,
                    message: ServerMessage::Pong,
                };
                let expected: Vec<_> = self.peer_of(socket).map(|_| pong).into_iter().collect();
                assert_eq!(deliveries, expected);
            }
            RoomAction::JoinAgain { socket } => {
                let Some(socket) = self.socket(socket) else {
                    return;
                };
                let message = ClientMessage::Join {
                    version: 1,
                    room: ROOM.to_owned(),
                    name: "again".to_owned(),
                    key: key(0),
                    kind: PeerKind::Browser,
                    native: true,
                    password: None,
                };
                let deliveries = self.room.handle(socket, message);
                assert_eq!(
                    deliveries.len(),
                    usize::from(self.peer_of(socket).is_some())
                );
                assert!(
                    deliveries
                        .iter()
                        .all(|delivery| is_error(delivery, ErrorCode::NotJoined))
                );
            }
            RoomAction::Wait { seconds } => {
                self.now += Duration::from_secs(seconds);
                let gone = |member: &Expected| {
                    let (stays, _) = after(member.end);
                    member.socket.is_none() && self.now - member.away_since >= stays
                };
                let deliveries = self.room.expire(self.now);
                for AddressedMessage { message, .. } in &deliveries {
                    let mut gone = self.expected.iter().filter(|member| gone(member));
                    let left = gone.any(|member| matches!(message, ServerMessage::Left { id: left, why } if *left == id(member.person) && *why == after(member.end).1));
                    assert!(left, "{message:?}");
                }
                self.expected.retain(|member| !gone(member));
                self.deliver(deliveries);
            }
        }
        self.check();
    }

    fn drop_socket(&mut self, socket: SocketId, end: SocketEnd) {
        let peer = self.peer_of(socket);
        for member in &mut self.expected {
            if member.socket == Some(socket) {
                (member.socket, member.away_since, member.end) = (None, self.now, end);
            }
        }
        let deliveries = self.room.disconnected(socket, end, self.now);
        self.assert_all_others_receive(
            &deliveries,
            peer.as_ref(),
            |message, id| matches!(message, ServerMessage::Away { id: away } if away == id),
        );
        self.deliver(deliveries);
        self.views.remove(&socket);
    }

    fn join(&mut self, person: usize, name: Option<usize>) {
        let socket = SocketId(self.people.len() as u64);
        self.people.push(person);
        let name = name.map_or(format!("person {person}"), |name| NAMES[name].to_owned());
        let request = JoinRequest {
            name: name.clone(),
            key: key(person),
            kind: PeerKind::Browser,
            native: true,
            password: None,
        };
        let mut members = self.expected.iter();
        let position = members.position(|member| member.person == person);
        let shown = PeerName::new(&name).expect("a valid name");
        let mut others = self
            .expected
            .iter()
            .filter(|member| member.person != person);
        let taken = others.any(|member| member.name.resembles(&shown));
        match self.room.join(socket, request, self.now) {
            Ok(deliveries) => {
                assert!(!taken, "{name} is taken");
                let member = Expected {
                    person,
                    name: shown,
                    socket: Some(socket),
                    away_since: self.now,
                    end: SocketEnd::Dropped,
                };
                let older = match position {
                    Some(position) => {
                        std::mem::replace(&mut self.expected[position], member).socket
                    }
                    None => {
                        if self.expected.len() == MAX_PEERS {
                            self.evict();
                        }
                        self.expected.push(member);
                        None
                    }
                };
                self.views.insert(socket, None);
                let replaced = deliveries
                    .iter()
                    .filter(|delivery| is_error(delivery, ErrorCode::Replaced));
                let replaced: Vec<_> = replaced.map(|delivery| delivery.to).collect();
                assert_eq!(
                    replaced,
                    Vec::from_iter(older),
                    "only the older socket is replaced"
                );
                let (last, others): (Vec<_>, Vec<_>) = deliveries
                    .into_iter()
                    .partition(|delivery| Some(delivery.to) == older);
                assert_eq!(last.len(), replaced.len(), "it receives nothing else");
                if let Some(older) = older {
                    self.views.remove(&older);
                }
                self.deliver(others);
            }
            Err(refusal) => {
                let full = position.is_none()
                    && self.expected.len() == MAX_PEERS
                    && self.expected.iter().all(|member| member.socket.is_some());
                match refusal.code {
                    ErrorCode::NameTaken => assert!(taken, "{}", refusal.sentence),
                    ErrorCode::RoomFull => assert!(full, "{}", refusal.sentence),
                    _ => panic!("{refusal:?}"),
                }
            }
        }
    }

    /// The member that has been away for longest makes room.
    fn evict(&mut self) {
        let members = self.expected.iter().enumerate();
        let away = members.filter(|(_, member)| member.socket.is_none());
        let oldest = away.min_by_key(|(_, member)| member.away_since);
        let (oldest, _) = oldest.expect("somebody is away");
        self.expected.remove(oldest);
    }

    /// A message reaches its receiver and no other socket, and names its sender.
    fn relay(&mut self, socket: prop::sample::Index, to: usize, mark: u8) {
        let Some(socket) = self.socket(socket) else {
            return;
        };
        let (sent, mut received) = relayed_pair(id(to), mark);
        let deliveries = self.room.handle(socket, sent);
        let Some(sender) = self.peer_of(socket) else {
            return assert_eq!(deliveries, [], "a closed socket is ignored");
        };
        let [delivery] = &deliveries[..] else {
            panic!("one message for one: {deliveries:?}");
        };
        let target = self
            .expected
            .iter()
            .find(|member| id(member.person) == id(to));
        match target {
            Some(target) if id(to) != sender => match target.socket {
                Some(there) => {
                    match &mut received {
                        ServerMessage::Offer { from, .. }
                        | ServerMessage::Answer { from, .. }
                        | ServerMessage::Candidate { from, .. } => *from = sender,
                        _ => unreachable!("one of those above"),
                    }
                    assert_eq!(
                        *delivery,
                        AddressedMessage {
                            to: there,
                            message: received
                        }
                    );
                }
                None => assert!(delivery.to == socket && is_error(delivery, ErrorCode::PeerAway)),
            },
            _ => assert!(delivery.to == socket && is_error(delivery, ErrorCode::NoSuchPeer)),
        }
    }

    /// Every socket reads its messages.
    fn deliver(&mut self, deliveries: Vec<AddressedMessage>) {
        for AddressedMessage { to, message } in deliveries {
            let view = self.views.get_mut(&to);
            let view = view.unwrap_or_else(|| panic!("{to:?} is closed and receives {message:?}"));
            match (message, view) {
                (
                    ServerMessage::Welcome {
                        you, peers, room, ..
                    },
                    view @ None,
                ) => {
                    assert_eq!((room.as_str(), you.away), (ROOM, false));
                    assert_eq!(you.id, id(self.people[to.0 as usize]));
                    let peers = peers.into_iter().map(|peer| (peer.id.clone(), peer));
                    *view = Some(peers.collect());
                }
                (ServerMessage::Arrived { peer }, Some(view)) => {
                    view.insert(peer.id.clone(), peer);
                }
                (ServerMessage::Away { id }, Some(view)) => {
                    view.get_mut(&id).expect("known before it went").away = true;
                }
                (ServerMessage::Left { id, .. }, Some(view)) => {
                    view.remove(&id).expect("known before it left");
                }
                (message, view) => panic!("{to:?} with the view {view:?} receives {message:?}"),
            }
        }
    }

    fn assert_all_others_receive(
        &self,
        deliveries: &[AddressedMessage],
        about: Option<&PeerId>,
        matches: impl Fn(&ServerMessage, &PeerId) -> bool,
    ) {
        let Some(about) = about else {
            return assert_eq!(deliveries, [], "no change, no message");
        };
        assert!(
            deliveries
                .iter()
                .all(|delivery| matches(&delivery.message, about))
        );
        let receivers: Vec<SocketId> = deliveries.iter().map(|delivery| delivery.to).collect();
        let others = self
            .expected
            .iter()
            .filter(|member| id(member.person) != *about);
        assert_eq!(
            receivers,
            others
                .filter_map(|member| member.socket)
                .collect::<Vec<_>>()
        );
    }

    /// At the end every peer leaves, and nothing remains.
    pub(super) fn end(mut self) {
        for socket in 0..self.people.len() {
            self.drop_socket(SocketId(socket as u64), SocketEnd::Dropped);
        }
        let seconds = AWAY_TIMEOUT.as_secs();
        self.apply(RoomAction::Wait { seconds });
        assert!(self.room.is_empty());
    }

    fn check(&self) {
        let expected: Vec<Peer> = self.expected.iter().map(Expected::peer).collect();
        assert_eq!(self.room.peers(), expected);
        assert_eq!(self.room.is_empty(), expected.is_empty());
        assert!(expected.len() <= MAX_PEERS);
        for (at, member) in self.expected.iter().enumerate() {
            let mut others = self.expected[at + 1..].iter();
            assert!(
                !others.any(|other| other.name.resembles(&member.name)),
                "names look different"
            );
        }
        for member in &self.expected {
            let Some(socket) = member.socket else {
                continue;
            };
            let others = expected.iter().filter(|peer| peer.id != id(member.person));
            let others: BTreeMap<_, _> =
                others.map(|peer| (peer.id.clone(), peer.clone())).collect();
            assert_eq!(
                self.views[&socket].as_ref(),
                Some(&others),
                "what {member:?} sees"
            );
        }
    }

    fn socket(&self, index: prop::sample::Index) -> Option<SocketId> {
        let any = !self.people.is_empty();
        any.then(|| SocketId(index.index(self.people.len()) as u64))
    }

    fn peer_of(&self, socket: SocketId) -> Option<PeerId> {
        let mut members = self.expected.iter();
        let member = members.find(|member| member.socket == Some(socket));
        member.map(|member| id(member.person))
    }
}

fn is_error(delivery: &AddressedMessage, wanted: ErrorCode) -> bool {
    matches!(delivery.message, ServerMessage::Error { code, .. } if code == wanted)
}

//! Rooms: which peers are in them, and which messages each peer receives ([`shared::signaling`]).
//!
//! | module | noun |
//! |---|---|
//! | this one | [`Room`]: the rules of one room; pure |
//! | `member` | one peer of a room, here or away; pure |
//! | [`name`] | what holds for the names of rooms and of people; pure |
//! | [`peer_name`] | names of people: the form that a room shows, and which look the same; pure |
//! | `malformed` | what is wrong with a text that is no message; pure |
//! | `plain_text` | a text of a socket that has not joined; pure |
//! | `plain_room` | a room of plain relay sockets: which of them receive a text, and which offers wait; pure |
//! | `plain_rooms` | every plain room of this server |
//! | `plain_socket` | the place of one socket in the plain relay |
//! | [`rate`] | the rate limit of one socket; pure |
//! | [`refusal`] | refusals, each with an error code and a sentence for users |
//! | [`outbox`] | the bounded queue of messages for one socket |
//! | `room_entry` | a room of the registry, with the outboxes of its sockets |
//! | `open_sockets` | the open sockets, and how many may be open; pure |
//! | [`registry`] | every room of this server, and the limits on them |
//! | [`socket`] | one connected socket |
//!
//! A room does no I/O: it takes an event and returns the messages to deliver.

mod malformed;
mod member;
pub mod name;
mod open_sockets;
pub mod outbox;
pub mod peer_name;
mod plain_room;
mod plain_rooms;
mod plain_socket;
mod plain_text;
pub mod rate;
pub mod refusal;
pub mod registry;
mod room_entry;
pub mod socket;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod registry_properties;
#[cfg(test)]
mod registry_tests;

use std::time::Instant;

use shared::signaling::{
    ClientMessage, LeaveReason, MAX_PEERS, Peer, PeerId, PeerKey, PeerKind, RoomPassword,
    ServerMessage, VERSION,
};

pub use self::member::{AwayRules, SocketEnd};
use self::member::{Member, Presence};
use self::peer_name::PeerName;
use self::refusal::Refusal;

/// A WebSocket of this server. Ids are not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// A message for a socket. A message that closes the socket is its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressedMessage {
    pub to: SocketId,
    pub message: ServerMessage,
}

/// A request to join, with its version and the room's name already checked.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    pub name: String,
    pub key: PeerKey,
    pub kind: PeerKind,
    /// [`Peer::native`]
    pub native: bool,
    pub password: Option<RoomPassword>,
}

/// The password of a room, if it has one.
#[derive(Clone, Debug)]
pub enum Password {
    /// Of the owner of the server.
    Fixed(RoomPassword),
    /// Of the first peer that joined.
    OfFirst(Option<RoomPassword>),
}

/// The peers of one room.
#[derive(Debug)]
pub struct Room {
    name: String,
    away: AwayRules,
    password: Password,
    /// In the order of joining.
    members: Vec<Member>,
}

impl Room {
    pub fn new(name: String, away: AwayRules, password: Password) -> Self {
        Self {
            name,
            away,
            password,
            members: Vec::new(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// `None`: a member has a socket. Otherwise what rooms are ordered by when one has to make room: first those without members, then those
    /// whose last one was there for a moment, as a join that drops at once, each with the one that is away for longest first.
    pub fn abandoned(&self) -> Option<(bool, Option<Instant>)> {
        let mut last = None;
        for member in &self.members {
            let Presence::Away { since, .. } = member.presence else {
                return None;
            };
            let presence = since.saturating_duration_since(member.since);
            last = last.max(Some((since, presence >= self.away.presence)));
        }
        let (since, stayed) = last.unzip();
        Some((stayed.unwrap_or(false), since))
    }

    /// Every peer, in the order of joining.
    pub fn peers(&self) -> Vec<Peer> {
        self.members.iter().map(Member::peer).collect()
    }

    /// Joins a socket to the room. With the key of a peer that is in the room the socket continues as that peer; the peer's older
    /// socket, if any, receives [`ErrorCode::Replaced`](shared::signaling::ErrorCode::Replaced).
    ///
    /// # Errors
    /// The password is another, the name is invalid, it or one that looks like it is taken, or the room is full. Nothing has changed then.
    pub fn join(
        &mut self,
        socket: SocketId,
        request: JoinRequest,
        now: Instant,
    ) -> Result<Vec<AddressedMessage>, Refusal> {
        let JoinRequest {
            name,
            key,
            kind,
            native,
            password,
        } = request;
        self.check(password.as_ref())?;
        let name = PeerName::new(&name)?;
        let id = PeerId::of(&self.name, &key);
        let known = self.position(&id);
        if let Some(known) = known
            && self.members[known].key != key
        {
            // Ids are 64 bits of a hash of the key: two keys with one id are a deliberate collision.
            return Err(Refusal::id_taken());
        }
        let mut deliveries = Vec::new();
        let taken = |member: &Member| member.id != id && member.name.resembles(&name);
        if let Some(holder) = self.members.iter().position(taken) {
            let member = &self.members[holder];
            if !member.left_soon(self.away.presence) {
                return Err(Refusal::name_taken(name.as_str(), member.away_for(now)));
            }
            let gone = self.members.remove(holder).id;
            self.left(gone, LeaveReason::Left, &mut deliveries);
        }
        let known = self.position(&id);
        let presence = Presence::Here(socket);
        let position = match known {
            Some(known) => {
                let member = &mut self.members[known];
                if let Some(older) = member.socket().filter(|older| *older != socket) {
                    deliveries.push(AddressedMessage {
                        to: older,
                        message: Refusal::replaced().into(),
                    });
                }
                (member.name, member.kind, member.presence) = (name, kind, presence);
                member.native = native;
                known
            }
            None => {
                if self.members.len() >= MAX_PEERS {
                    let away = self.oldest_away().ok_or_else(Refusal::room_full)?;
                    let gone = self.members.remove(away).id;
                    self.left(gone, LeaveReason::Lost, &mut deliveries);
                }
                if let (true, Password::OfFirst(of_first)) =
                    (self.members.is_empty(), &mut self.password)
                {
                    *of_first = password;
                }
                self.members.push(Member {
                    id,
                    key,
                    name,
                    kind,
                    native,
                    since: now,
                    presence,
                });
                self.members.len() - 1
            }
        };
        let you = self.members[position].peer();
        let others = self.members.iter().filter(|member| member.id != you.id);
        deliveries.push(AddressedMessage {
            to: socket,
            message: ServerMessage::Welcome {
                version: VERSION,
                room: self.name.clone(),
                you: you.clone(),
                peers: others.map(Member::peer).collect(),
            },
        });
        let id = you.id.clone();
        self.notify_others(&id, ServerMessage::Arrived { peer: you }, &mut deliveries);
        Ok(deliveries)
    }

    /// Handles a message of a socket that has joined. Ignored when the peer has another socket by now.
    pub fn handle(&mut self, from: SocketId, message: ClientMessage) -> Vec<AddressedMessage> {
        let Some(position) = self.position_of(from) else {
            return Vec::new();
        };
        let sender = self.members[position].id.clone();
        match message {
            ClientMessage::Join { .. } => vec![refuse(from, Refusal::already_joined())],
            ClientMessage::Leave => {
                self.members.remove(position);
                let mut deliveries = Vec::new();
                self.left(sender, LeaveReason::Left, &mut deliveries);
                deliveries
            }
            ClientMessage::Offer { to, sdp } => {
                self.relay(from, &sender, to, |from| ServerMessage::Offer { from, sdp })
            }
            ClientMessage::Answer { to, sdp } => self.relay(from, &sender, to, |from| {
                ServerMessage::Answer { from, sdp }
            }),
            ClientMessage::Candidate { to, candidate } => self.relay(from, &sender, to, |from| {
                ServerMessage::Candidate { from, candidate }
            }),
            ClientMessage::Ping => vec![AddressedMessage {
                to: from,
                message: ServerMessage::Pong,
            }],
        }
    }

    /// Handles the end of a socket. Its peer is away, or has left if it was here for a short time and does not keep the room's password;
    /// unless it has another socket by now.
    pub fn disconnected(
        &mut self,
        socket: SocketId,
        end: SocketEnd,
        now: Instant,
    ) -> Vec<AddressedMessage> {
        let mut deliveries = Vec::new();
        if let Some(position) = self.position_of(socket) {
            let keeps_password =
                self.members.len() == 1 && matches!(self.password, Password::OfFirst(Some(_)));
            let member = &mut self.members[position];
            let presence = now.saturating_duration_since(member.since);
            let (stays, why) = match end {
                SocketEnd::Dropped if presence < self.away.presence && !keeps_password => {
                    let id = self.members.remove(position).id;
                    self.left(id, LeaveReason::Lost, &mut deliveries);
                    return deliveries;
                }
                SocketEnd::GoingAway if !keeps_password => (self.away.reload, LeaveReason::Left),
                SocketEnd::GoingAway => (self.away.timeout, LeaveReason::Left),
                SocketEnd::Dropped => (self.away.timeout, LeaveReason::Lost),
            };
            member.presence = Presence::Away {
                since: now,
                until: now + stays,
                why,
            };
            let id = member.id.clone();
            let message = ServerMessage::Away { id: id.clone() };
            self.notify_others(&id, message, &mut deliveries);
        }
        deliveries
    }

    /// Removes the members that were away for too long.
    pub fn expire(&mut self, now: Instant) -> Vec<AddressedMessage> {
        let mut gone = Vec::new();
        self.members.retain(|member| match member.presence {
            Presence::Away { until, why, .. } if now >= until => {
                gone.push((member.id.clone(), why));
                false
            }
            _ => true,
        });
        let mut deliveries = Vec::new();
        for (id, why) in gone {
            self.left(id, why, &mut deliveries);
        }
        deliveries
    }

    fn relay(
        &self,
        socket: SocketId,
        sender: &PeerId,
        to: PeerId,
        message: impl FnOnce(PeerId) -> ServerMessage,
    ) -> Vec<AddressedMessage> {
        let target = self.position(&to).filter(|_| to != *sender);
        let delivery = match target.map(|position| self.members[position].presence) {
            None => refuse(socket, Refusal::no_such_peer(to)),
            Some(Presence::Away { .. }) => refuse(socket, Refusal::peer_away(to)),
            Some(Presence::Here(target)) => AddressedMessage {
                to: target,
                message: message(sender.clone()),
            },
        };
        vec![delivery]
    }

    fn left(&self, id: PeerId, why: LeaveReason, deliveries: &mut Vec<AddressedMessage>) {
        let message = ServerMessage::Left {
            id: id.clone(),
            why,
        };
        self.notify_others(&id, message, deliveries);
    }

    /// Members that are away receive nothing: `welcome` informs them when they are back.
    fn notify_others(
        &self,
        about: &PeerId,
        message: ServerMessage,
        deliveries: &mut Vec<AddressedMessage>,
    ) {
        let others = self.members.iter().filter(|member| member.id != *about);
        let sockets = others.filter_map(Member::socket);
        deliveries.extend(sockets.map(|to| AddressedMessage {
            to,
            message: message.clone(),
        }));
    }

    fn check(&self, given: Option<&RoomPassword>) -> Result<(), Refusal> {
        let wanted = match &self.password {
            Password::Fixed(wanted) => Some(wanted),
            Password::OfFirst(_) if self.members.is_empty() => return Ok(()),
            Password::OfFirst(wanted) => wanted.as_ref(),
        };
        match given == wanted {
            true => Ok(()),
            false => Err(Refusal::wrong_password(wanted.is_some())),
        }
    }

    fn oldest_away(&self) -> Option<usize> {
        let members = self.members.iter().enumerate();
        let away = members.filter_map(|(position, member)| match member.presence {
            Presence::Here(_) => None,
            Presence::Away { since, .. } => Some((since, position)),
        });
        away.min().map(|(_, position)| position)
    }

    /// The socket of this peer, while it has one.
    pub(crate) fn socket_of(&self, id: &PeerId) -> Option<SocketId> {
        self.members[self.position(id)?].socket()
    }

    fn position(&self, id: &PeerId) -> Option<usize> {
        self.members.iter().position(|member| member.id == *id)
    }

    fn position_of(&self, socket: SocketId) -> Option<usize> {
        self.members
            .iter()
            .position(|member| member.socket() == Some(socket))
    }
}

fn refuse(to: SocketId, refusal: Refusal) -> AddressedMessage {
    AddressedMessage {
        to,
        message: refusal.into(),
    }
}

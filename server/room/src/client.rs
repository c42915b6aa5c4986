//! One socket's place: from a text that came in to a room.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use shared::signaling::{ClientMessage, MAX_MESSAGE, VERSION};

use super::outbox::Outbox;
use super::pace::Pace;
use super::refusal::Refusal;
use super::registry::{Cell, Limits, Rooms};
use super::{Newcomer, SocketId, name};

/// A socket of this server. Dropping it is what others see as a dropped socket.
#[derive(Debug)]
pub struct Seat {
    rooms: Rooms,
    id: SocketId,
    address: Option<IpAddr>,
    outbox: Arc<Outbox>,
    pace: Pace,
    /// The last message was no message.
    malformed: bool,
    room: Option<Arc<Cell>>,
}

impl Seat {
    pub(super) fn new(
        rooms: Rooms,
        id: SocketId,
        address: Option<IpAddr>,
        outbox: Arc<Outbox>,
        now: Instant,
    ) -> Self {
        let pace = Pace::new(rooms.limits().rates, now);
        Self {
            rooms,
            id,
            address,
            outbox,
            pace,
            malformed: false,
            room: None,
        }
    }

    pub fn id(&self) -> SocketId {
        self.id
    }

    pub fn limits(&self) -> &Limits {
        self.rooms.limits()
    }

    /// What the socket has to be sent.
    pub fn outbox(&self) -> Arc<Outbox> {
        self.outbox.clone()
    }

    pub fn has_joined(&self) -> bool {
        self.room.is_some()
    }

    /// A text came in. What follows from it is in outboxes: this one's and those of others.
    pub fn hear(&mut self, text: &str, now: Instant) {
        if self.outbox.is_ended() || !self.in_time(text.len(), now) {
            return;
        }
        if text.len() > MAX_MESSAGE {
            return self.end(Refusal::too_long(), now);
        }
        let message = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => return self.misheard(Refusal::malformed(&error), now),
        };
        self.malformed = false;
        match (message, &self.room) {
            (
                ClientMessage::Join {
                    version,
                    room,
                    name,
                    key,
                    kind,
                },
                None,
            ) => {
                let newcomer = Newcomer { name, key, kind };
                if let Err(refusal) = self.join(version, &room, newcomer, now) {
                    tracing::debug!(socket = self.id.0, code = ?refusal.code, "a join was refused");
                    self.end(refusal, now);
                }
            }
            (ClientMessage::Leave, room) => {
                if let Some(room) = room {
                    room.change(now, |room| room.handle(self.id, ClientMessage::Leave));
                }
                self.leave_room(now);
                self.outbox.finish();
            }
            (_, None) => self.tell(Refusal::not_joined(), now),
            (message, Some(room)) => room.change(now, |room| room.handle(self.id, message)),
        }
    }

    /// A binary message came in.
    pub fn hear_binary(&mut self, bytes: usize, now: Instant) {
        if !self.outbox.is_ended() && self.in_time(bytes, now) {
            self.misheard(Refusal::binary(), now);
        }
    }

    /// A ping or a pong of the WebSocket itself came in.
    pub fn hear_control(&mut self, bytes: usize, now: Instant) {
        self.in_time(bytes, now);
    }

    /// Tells why, and ends the socket. Its peer is away from now on.
    pub fn end(&mut self, refusal: Refusal, now: Instant) {
        if !self.outbox.is_ended() {
            tracing::debug!(socket = self.id.0, code = ?refusal.code, "a socket is closed");
        }
        self.outbox.refuse(refusal);
        self.leave_room(now);
    }

    /// The socket takes nothing more.
    pub fn give_up(&mut self, now: Instant) {
        self.outbox.give_up();
        self.leave_room(now);
    }

    /// The socket is gone, or about to be: its peer is away, unless it has said goodbye.
    pub fn leave_room(&mut self, now: Instant) {
        if let Some(room) = self.room.take() {
            room.change(now, |room| room.dropped(self.id, now));
            room.forget(self.id);
            self.rooms.remove_if_empty(&room);
        }
    }

    fn join(
        &mut self,
        version: u32,
        room: &str,
        newcomer: Newcomer,
        now: Instant,
    ) -> Result<(), Refusal> {
        if version != VERSION {
            return Err(Refusal::version(version));
        }
        let room = name::of_room(room)?;
        let room = self
            .rooms
            .join(self.id, &self.outbox, &room, newcomer, now)?;
        self.room = Some(room);
        Ok(())
    }

    fn in_time(&mut self, bytes: usize, now: Instant) -> bool {
        let allowed = self.pace.allows(bytes, now);
        if !allowed {
            self.end(Refusal::too_fast(), now);
        }
        allowed
    }

    /// Once may be a slip; the second time in a row, the other side speaks another language.
    fn misheard(&mut self, refusal: Refusal, now: Instant) {
        if self.malformed {
            self.end(refusal, now);
        } else {
            self.malformed = true;
            self.tell(refusal, now);
        }
    }

    fn tell(&mut self, refusal: Refusal, now: Instant) {
        if self.outbox.push(&refusal.into()).is_err() {
            self.leave_room(now);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave_room(Instant::now());
        self.outbox.finish();
        self.rooms.disconnect(self.id, self.address);
    }
}

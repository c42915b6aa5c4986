//! The place of one socket in the plain relay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::SocketId;
use super::outbox::Outbox;
use super::plain_room::Role;
use super::plain_rooms::DEFAULT;
use super::plain_text::{PlainKind, PlainText};
use super::refusal::Refusal;
use super::registry::RoomRegistry;

/// A socket that says nothing for this long waits for an offer. Clients of the typed protocol send `join` at once.
const SILENCE: Duration = Duration::from_millis(500);

/// The place of one socket.
#[derive(Debug)]
pub(super) struct PlainSocket {
    id: SocketId,
    /// A valid name, or the default. `None`: the relay is off.
    room: Option<String>,
    /// `None`: the socket is in no plain room.
    role: Option<Role>,
    /// When the socket has been silent for long enough. `None`: it has said something, or waits already.
    silent_at: Option<Instant>,
}

/// What becomes of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Relayed {
        copies: usize,
    },
    /// It is the last one of the socket.
    Bye,
    /// It is for the typed protocol.
    Typed,
    Refused(Refusal),
}

impl PlainSocket {
    pub(super) fn new(id: SocketId, room: Option<String>, now: Instant) -> Self {
        Self {
            id,
            silent_at: room.is_some().then(|| now + SILENCE),
            room,
            role: None,
        }
    }

    /// When [`Self::on_silence`] is due.
    pub(super) fn silent_at(&self) -> Option<Instant> {
        self.silent_at
    }

    pub(super) fn role(&self) -> Option<Role> {
        self.role
    }

    /// The socket has been silent. On a server with too many rooms it stays outside.
    pub(super) fn on_silence(&mut self, rooms: &RoomRegistry, outbox: &Arc<Outbox>, now: Instant) {
        self.silent_at = None;
        // A refusal would disturb a socket that may join yet.
        let _ = self.enter(Role::Listener, rooms, outbox, now);
    }

    /// Handles a text of a socket that has not joined a room of the typed protocol. `is_typed`: it is a message of that.
    pub(super) fn on_text(
        &mut self,
        text: &str,
        is_typed: bool,
        rooms: &RoomRegistry,
        outbox: &Arc<Outbox>,
        now: Instant,
    ) -> Outcome {
        self.silent_at = None;
        let Some(room) = &self.room else {
            return Outcome::Typed;
        };
        let text = PlainText::new(text);
        if text.kind == PlainKind::Bye {
            rooms.plain().say(room, self.id, &text, now);
            return Outcome::Bye;
        }
        let speaks = text.kind.is_signaling()
            || match self.role {
                None => false,
                Some(Role::Speaker) => true,
                // With nobody to hear it, its sender may have meant the typed protocol, and learns how that is spoken.
                Some(Role::Listener) => !is_typed && !rooms.plain().is_alone(room),
            };
        if text.kind == PlainKind::Join || !speaks {
            return Outcome::Typed;
        }
        if let Err(refusal) = self.enter(Role::Speaker, rooms, outbox, now) {
            return Outcome::Refused(refusal);
        }
        let room = self.room.as_deref().unwrap_or(DEFAULT);
        let copies = rooms.plain().say(room, self.id, &text, now);
        Outcome::Relayed { copies }
    }

    fn enter(
        &mut self,
        role: Role,
        rooms: &RoomRegistry,
        outbox: &Arc<Outbox>,
        now: Instant,
    ) -> Result<(), Refusal> {
        if let Some(room) = &self.room
            && self.role != Some(role)
        {
            rooms.enter_plain(room, self.id, outbox, role, now)?;
            self.role = Some(role);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, rooms: &RoomRegistry) {
        self.silent_at = None;
        if self.role.take().is_some()
            && let Some(room) = &self.room
        {
            rooms.plain().leave(room, self.id);
        }
    }
}

//! Every plain room of this server, apart from the rooms of the typed protocol.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::SocketId;
use super::outbox::Outbox;
use super::plain_room::{PlainRoom, Role};
use super::plain_text::PlainText;
use super::refusal::Refusal;

/// The room of sockets that name none. No valid name is empty.
pub(super) const DEFAULT: &str = "";

/// One lock for all: receivers share a text, so that an operation takes microseconds.
#[derive(Debug, Default)]
pub(super) struct PlainRooms(Mutex<HashMap<String, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    room: PlainRoom,
    outboxes: HashMap<SocketId, Arc<Outbox>>,
}

impl PlainRooms {
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Adds a socket to the room of this name. `may_open`: whether a room may be opened besides so many plain rooms.
    ///
    /// # Errors
    /// The room is full, or may not be opened.
    pub(super) fn enter(
        &self,
        name: &str,
        socket: SocketId,
        outbox: &Arc<Outbox>,
        role: Role,
        may_open: impl FnOnce(usize) -> bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let mut rooms = self.lock();
        if !rooms.contains_key(name) && !may_open(rooms.len()) {
            return Err(Refusal::too_many_rooms());
        }
        let entry = rooms.entry(name.to_owned()).or_default();
        let waiting = entry.room.enter(socket, role, now)?;
        entry.outboxes.insert(socket, outbox.clone());
        if waiting
            .into_iter()
            .any(|text| outbox.push_text(text).is_err())
        {
            entry.leave(socket);
        }
        Ok(())
    }

    /// Relays a text to the others of the room. Returns how many receive it.
    pub(super) fn say(
        &self,
        name: &str,
        socket: SocketId,
        text: &PlainText,
        now: Instant,
    ) -> usize {
        let mut rooms = self.lock();
        let Some(entry) = rooms.get_mut(name) else {
            return 0;
        };
        let others = entry.room.say(socket, text, now);
        let copies = others.len();
        for other in others {
            let outbox = entry.outboxes.get(&other);
            if outbox.is_some_and(|outbox| outbox.push_text(text.text.clone()).is_err()) {
                // It does not read, and is closed.
                entry.leave(other);
            }
        }
        copies
    }

    /// Nobody else is in the room.
    pub(super) fn is_alone(&self, name: &str) -> bool {
        let rooms = self.lock();
        rooms
            .get(name)
            .is_none_or(|entry| entry.outboxes.len() <= 1)
    }

    pub(super) fn leave(&self, name: &str, socket: SocketId) {
        let mut rooms = self.lock();
        if let Some(entry) = rooms.get_mut(name) {
            entry.leave(socket);
            if entry.room.is_empty() {
                rooms.remove(name);
            }
        }
    }

    /// Drops offers that have waited for too long.
    pub(super) fn sweep(&self, now: Instant) {
        for entry in self.lock().values_mut() {
            entry.room.expire(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // The map is consistent after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn leave(&mut self, socket: SocketId) {
        self.room.leave(socket);
        self.outboxes.remove(&socket);
    }
}

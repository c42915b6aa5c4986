//! A room of the registry, and the outboxes of its sockets.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::outbox::Outbox;
use super::{AddressedMessage, Room, SocketId};

/// A room that several sockets share.
#[derive(Debug)]
pub(super) struct RoomEntry(Mutex<EntryState>);

#[derive(Debug)]
pub(super) struct EntryState {
    pub(super) room: Room,
    pub(super) outboxes: HashMap<SocketId, Arc<Outbox>>,
    /// The entry is no longer in the map: a caller that still has it looks the room up again.
    pub(super) removed: bool,
}

impl RoomEntry {
    pub(super) fn new(name: String, away_timeout: Duration) -> Self {
        Self(Mutex::new(EntryState {
            room: Room::new(name, away_timeout),
            outboxes: HashMap::new(),
            removed: false,
        }))
    }

    /// Changes the room, and delivers the resulting messages.
    pub(super) fn change(
        &self,
        now: Instant,
        change: impl FnOnce(&mut Room) -> Vec<AddressedMessage>,
    ) {
        let mut state = self.lock();
        let deliveries = change(&mut state.room);
        state.deliver(deliveries, now);
    }

    pub(super) fn forget(&self, socket: SocketId) {
        self.lock().outboxes.remove(&socket);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, EntryState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EntryState {
    /// Queues the messages. A socket whose outbox overflows is closed, which results in `away` messages to the others.
    pub(super) fn deliver(&mut self, deliveries: Vec<AddressedMessage>, now: Instant) {
        let mut deliveries = VecDeque::from(deliveries);
        while let Some(AddressedMessage { to, message }) = deliveries.pop_front() {
            let Some(outbox) = self.outboxes.get(&to) else {
                continue;
            };
            if outbox.push(&message).is_err() {
                self.outboxes.remove(&to);
                deliveries.extend(self.room.disconnected(to, now));
            }
        }
    }
}

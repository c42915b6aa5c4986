//! A room of the registry, and the outboxes of its sockets.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use shared::signaling::{PeerId, ServerMessage};

use super::outbox::Outbox;
use super::rate::{RateLimiter, RateLimits};
use super::{AddressedMessage, Room, SocketEnd, SocketId};

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Of the room.
    Pace,
    /// Its receiver has not read what the sender sent before.
    Receiver,
}

/// A room that several sockets share.
#[derive(Debug)]
pub(super) struct RoomEntry(Mutex<EntryState>);

#[derive(Debug)]
pub(super) struct EntryState {
    pub(super) room: Room,
    pub(super) outboxes: HashMap<SocketId, Arc<Outbox>>,
    /// Of all that its peers send: sockets that come and go do not renew it.
    pace: RateLimiter,
    /// The entry is no longer in the map: a caller that still has it looks the room up again.
    pub(super) removed: bool,
}

impl RoomEntry {
    pub(super) fn new(room: Room, pace: RateLimits, now: Instant) -> Self {
        Self(Mutex::new(EntryState {
            room,
            pace: RateLimiter::new(pace, now),
            outboxes: HashMap::new(),
            removed: false,
        }))
    }

    /// Changes the room for a message of `from`, or for its end, and delivers the resulting messages.
    pub(super) fn change(
        &self,
        from: SocketId,
        now: Instant,
        change: impl FnOnce(&mut Room) -> Vec<AddressedMessage>,
    ) {
        let mut state = self.lock();
        let deliveries = change(&mut state.room);
        state.deliver_from(Some(from), deliveries, now);
    }

    /// What a message of `from` to this peer has to wait for.
    pub(super) fn obstacle(
        &self,
        from: SocketId,
        to: &PeerId,
        bytes: usize,
        now: Instant,
    ) -> Option<Obstacle> {
        let mut state = self.lock();
        let target = state.room.socket_of(to);
        let outbox = target.and_then(|target| state.outboxes.get(&target));
        if outbox.is_some_and(|outbox| !outbox.has_room_for(from, bytes)) {
            return Some(Obstacle::Receiver);
        }
        (!state.pace.allows(bytes, now)).then_some(Obstacle::Pace)
    }

    /// Whether a join has to wait for the pace of the room.
    pub(super) fn join_has_to_wait(&self, bytes: usize, now: Instant) -> bool {
        !self.lock().pace.allows(bytes, now)
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
        self.deliver_from(None, deliveries, now);
    }

    fn deliver_from(
        &mut self,
        from: Option<SocketId>,
        deliveries: Vec<AddressedMessage>,
        now: Instant,
    ) {
        let mut deliveries = VecDeque::from(deliveries);
        while let Some(AddressedMessage { to, message }) = deliveries.pop_front() {
            let Some(outbox) = self.outboxes.get(&to) else {
                continue;
            };
            let is_relayed = matches!(
                message,
                ServerMessage::Offer { .. }
                    | ServerMessage::Answer { .. }
                    | ServerMessage::Candidate { .. }
            );
            if outbox.push(&message, from.filter(|_| is_relayed)).is_err() {
                self.outboxes.remove(&to);
                deliveries.extend(self.room.disconnected(to, SocketEnd::Dropped, now));
            }
        }
    }
}

//! One connected socket: parses its messages, limits its rate, passes them to its room.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use limits::CountedAddress;
use shared::signaling::{ClientMessage, MAX_MESSAGE, PeerId, VERSION};

use super::open_sockets::{Opened, SharedPace};
use super::outbox::Outbox;
use super::plain_room::Role;
use super::plain_socket::{Outcome, PlainSocket};
use super::rate::{RateLimiter, SocketRates};
use super::refusal::Refusal;
use super::registry::{RoomLimits, RoomRegistry};
use super::room_entry::{Obstacle, RoomEntry};
use super::{JoinRequest, Room, SocketEnd, SocketId, name};

/// A message that waits for the pace of its address or of its room, or for its receiver.
#[derive(Debug)]
struct Held {
    text: String,
    /// What the text says, if it is a message.
    message: Option<ClientMessage>,
    /// When it is tried again.
    retry_at: Instant,
    since: Instant,
    /// Its address has passed it.
    is_paced: bool,
}

/// Between two attempts to pass on a message.
const RETRY: Duration = Duration::from_millis(20);
/// What waits longer is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where it waits for its receiver: meanwhile the socket answers no ping, and pages give up a server that does not after 4 s.
const PATIENCE_FOR_RECEIVER: Duration = Duration::from_secs(1);
/// Once a message was given up, the next ones to that receiver do not wait at all for this time.
const SLOW_RECEIVER: Duration = Duration::from_secs(10);

/// The server's side of one WebSocket. On drop, its peer is away.
#[derive(Debug)]
pub struct RoomSocket {
    rooms: RoomRegistry,
    id: SocketId,
    outbox: Arc<Outbox>,
    rates: SocketRates,
    address: Option<CountedAddress>,
    pace: Option<SharedPace>,
    /// A message that has to wait; no other is read meanwhile.
    held: Option<Held>,
    /// For whom messages were given up, and when.
    slow: HashMap<PeerId, Instant>,
    /// The previous message was malformed.
    malformed: bool,
    room: Option<Arc<RoomEntry>>,
    plain: PlainSocket,
}

impl RoomSocket {
    pub(super) fn new(
        rooms: RoomRegistry,
        opened: Opened,
        plain: PlainSocket,
        now: Instant,
    ) -> Self {
        let Opened {
            id,
            outbox,
            rates,
            address,
            pace,
        } = opened;
        let rates = rates.unwrap_or_else(|| SocketRates {
            sent: RateLimiter::new(rooms.limits().rates, now),
            relayed: RateLimiter::new(rooms.limits().relayed, now),
        });
        Self {
            rooms,
            id,
            outbox,
            rates,
            address,
            pace,
            held: None,
            slow: HashMap::new(),
            malformed: false,
            room: None,
            plain,
        }
    }

    pub fn id(&self) -> SocketId {
        self.id
    }

    pub fn limits(&self) -> &RoomLimits {
        self.rooms.limits()
    }

    /// The messages for this socket.
    pub fn outbox(&self) -> Arc<Outbox> {
        self.outbox.clone()
    }

    #[cfg(test)]
    pub(super) fn has_joined(&self) -> bool {
        self.room.is_some()
    }

    /// The time after opening at which [`Self::on_join_timeout`] is due. `None`: it has joined, or is a speaker of the plain relay.
    pub fn join_timeout(&self) -> Option<Duration> {
        let limits = self.limits();
        match (&self.room, self.plain.role()) {
            (Some(_), _) | (None, Some(Role::Speaker)) => None,
            (None, Some(Role::Listener)) => Some(limits.listen),
            (None, None) => Some(limits.join),
        }
    }

    /// Closes the socket, which has not joined in time.
    pub fn on_join_timeout(&mut self, now: Instant) {
        let refusal = match self.plain.role() {
            Some(Role::Listener) => Refusal::listened_too_long(),
            _ => Refusal::no_join(),
        };
        self.refuse(refusal, now);
    }

    /// When [`Self::on_silence`] is due.
    pub fn silent_at(&self) -> Option<Instant> {
        self.plain.silent_at()
    }

    /// Handles that nothing has come from the socket yet: it may be a plain relay socket that waits for an offer.
    pub fn on_silence(&mut self, now: Instant) {
        if !self.outbox.is_closed() {
            self.plain.on_silence(&self.rooms, &self.outbox, now);
        }
    }

    /// When [`Self::on_retry`] is due: a message waits. Until then nothing is to be read from the socket.
    pub fn retry_at(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.retry_at)
    }

    /// Tries again to pass on the message that waits.
    pub fn on_retry(&mut self, now: Instant) {
        let Some(held) = self.held.take().filter(|_| !self.outbox.is_closed()) else {
            return;
        };
        if now >= held.since + PATIENCE {
            tracing::debug!(socket = self.id.0, "a message could not be passed on");
            return match receiver(held.message.as_ref()) {
                Some(to) => self.reply(Refusal::peer_busy(to.clone()), now),
                None => self.refuse(Refusal::too_fast(), now),
            };
        }
        self.pass_on(held, now);
    }

    /// Handles a text message. The resulting messages are queued in the outboxes of this and other sockets; or it waits.
    pub fn on_text(&mut self, text: &str, now: Instant) {
        if self.outbox.is_closed() || !self.within_rate(text.len(), now) {
            return;
        }
        if text.len() > MAX_MESSAGE {
            return self.refuse(Refusal::too_long(), now);
        }
        let held = Held {
            text: text.to_owned(),
            message: serde_json::from_str(text).ok(),
            retry_at: now,
            since: now,
            is_paced: false,
        };
        self.pass_on(held, now);
    }

    fn pass_on(&mut self, mut held: Held, now: Instant) {
        if !held.is_paced {
            held.is_paced = self.pace.as_ref().is_none_or(|pace| {
                let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
                pace.allows(held.text.len(), now)
            });
        }
        let obstacle = match held.is_paced {
            true => self.obstacle(held.message.as_ref(), held.text.len(), now),
            false => Some(Obstacle::Pace),
        };
        match (obstacle, receiver(held.message.as_ref())) {
            (None, _) => self.handle(&held.text, held.message, now),
            (Some(Obstacle::Receiver), Some(to)) if !self.waits_for(to, held.since, now) => {
                self.slow.insert(to.clone(), now);
                self.reply(Refusal::peer_busy(to.clone()), now);
            }
            (Some(_), _) => {
                held.retry_at = now + RETRY;
                self.held = Some(held);
            }
        }
    }

    /// Whether a message may go on waiting for its receiver.
    fn waits_for(&mut self, to: &PeerId, since: Instant, now: Instant) -> bool {
        self.slow.retain(|_, at| now < *at + SLOW_RECEIVER);
        now < since + PATIENCE_FOR_RECEIVER && !self.slow.contains_key(to)
    }

    fn obstacle(
        &self,
        message: Option<&ClientMessage>,
        bytes: usize,
        now: Instant,
    ) -> Option<Obstacle> {
        match (message?, &self.room) {
            (ClientMessage::Join { room, .. }, None) => {
                let room = name::of_room(room).ok()?;
                let waits = self.rooms.join_has_to_wait(&room, bytes, now);
                waits.then_some(Obstacle::Pace)
            }
            (message, Some(room)) => {
                let to = receiver(Some(message))?;
                room.obstacle(self.id, to, bytes, now)
            }
            _ => None,
        }
    }

    fn handle(&mut self, text: &str, message: Option<ClientMessage>, now: Instant) {
        if self.room.is_none() {
            let (rooms, outbox) = (&self.rooms, &self.outbox);
            match self
                .plain
                .on_text(text, message.is_some(), rooms, outbox, now)
            {
                Outcome::Typed => {}
                Outcome::Relayed { copies } => {
                    if !self.rates.relayed.allows_copies(text.len(), copies, now) {
                        self.refuse(Refusal::too_fast(), now);
                    }
                    return;
                }
                Outcome::Bye => {
                    self.leave_room(SocketEnd::Dropped, now);
                    return self.outbox.close();
                }
                Outcome::Refused(refusal) => return self.refuse(refusal, now),
            }
        }
        let Some(message) = message else {
            return self.on_malformed(Refusal::malformed(text, self.room.is_some()), now);
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
                    native,
                    password,
                },
                None,
            ) => {
                let request = JoinRequest {
                    name,
                    key,
                    kind,
                    native,
                    password,
                };
                if let Err(refusal) = self.join(version, &room, request, now) {
                    tracing::debug!(socket = self.id.0, code = ?refusal.code, "a join is refused");
                    self.refuse(refusal, now);
                }
            }
            (ClientMessage::Leave, room) => {
                if let Some(room) = room {
                    let handle = |room: &mut Room| room.handle(self.id, ClientMessage::Leave);
                    room.change(self.id, now, handle);
                }
                self.leave_room(SocketEnd::Dropped, now);
                self.outbox.close();
            }
            (_, None) => self.reply(Refusal::not_joined(), now),
            (message, Some(room)) => {
                room.change(self.id, now, |room| room.handle(self.id, message));
            }
        }
    }

    /// Handles a binary message, which is malformed.
    pub fn on_binary(&mut self, bytes: usize, now: Instant) {
        if !self.outbox.is_closed() && self.within_rate(bytes, now) {
            self.on_malformed(Refusal::binary(), now);
        }
    }

    /// Counts a WebSocket ping or pong towards the rate limit.
    pub fn on_control(&mut self, bytes: usize, now: Instant) {
        self.within_rate(bytes, now);
    }

    /// Counts the heads of WebSocket frames towards the rate limit: many of them may make up one message.
    pub fn on_heads(&mut self, bytes: usize, now: Instant) {
        if !self.rates.sent.allows_bytes(bytes, now) {
            self.refuse(Refusal::too_fast(), now);
        }
    }

    /// Sends the refusal and closes the socket. Its peer is away.
    pub fn refuse(&mut self, refusal: Refusal, now: Instant) {
        if !self.outbox.is_closed() {
            tracing::debug!(socket = self.id.0, code = ?refusal.code, "a socket is closed");
        }
        self.outbox.refuse(refusal);
        self.leave_room(SocketEnd::Dropped, now);
    }

    /// Closes the socket, which does not accept messages. Queued messages are dropped.
    pub fn abort(&mut self, now: Instant) {
        self.outbox.abort();
        self.leave_room(SocketEnd::Dropped, now);
    }

    /// Handles the end of the socket: its peer is away, unless the peer has left.
    pub fn leave_room(&mut self, end: SocketEnd, now: Instant) {
        self.plain.leave(&self.rooms);
        if let Some(room) = self.room.take() {
            room.change(self.id, now, |room| room.disconnected(self.id, end, now));
            room.forget(self.id);
            self.rooms.remove_if_empty(&room);
        }
    }

    fn join(
        &mut self,
        version: u32,
        room: &str,
        request: JoinRequest,
        now: Instant,
    ) -> Result<(), Refusal> {
        if version != VERSION {
            return Err(Refusal::version(version));
        }
        self.plain.leave(&self.rooms);
        let room = name::of_room(room)?;
        let room = self
            .rooms
            .join((self.id, self.address), &self.outbox, &room, request, now)?;
        self.room = Some(room);
        Ok(())
    }

    fn within_rate(&mut self, bytes: usize, now: Instant) -> bool {
        let allowed = self.rates.sent.allows(bytes, now);
        if !allowed {
            self.refuse(Refusal::too_fast(), now);
        }
        allowed
    }

    /// The second malformed message in a row closes the socket.
    fn on_malformed(&mut self, refusal: Refusal, now: Instant) {
        if self.malformed {
            self.refuse(refusal, now);
        } else {
            self.malformed = true;
            self.reply(refusal, now);
        }
    }

    fn reply(&mut self, refusal: Refusal, now: Instant) {
        if self.outbox.push(&refusal.into(), None).is_err() {
            self.leave_room(SocketEnd::Dropped, now);
        }
    }
}

/// To whom a message is relayed.
fn receiver(message: Option<&ClientMessage>) -> Option<&PeerId> {
    match message? {
        ClientMessage::Offer { to, .. }
        | ClientMessage::Answer { to, .. }
        | ClientMessage::Candidate { to, .. } => Some(to),
        _ => None,
    }
}

impl Drop for RoomSocket {
    fn drop(&mut self) {
        self.leave_room(SocketEnd::Dropped, Instant::now());
        self.outbox.close();
        self.rooms.disconnect(self.id, self.rates.clone());
    }
}

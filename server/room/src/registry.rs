//! All rooms of this server, and their limits.
//!
//! Four kinds of locks, each held for microseconds and never across an await: the map of rooms, each room, the plain rooms, and the list of
//! sockets. A room and the plain rooms may be locked while the map is, never the other way round.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use limits::{CountedAddress, Failures};
use shared::signaling::{
    AWAY_TIMEOUT_S, ErrorCode, IDLE_TIMEOUT_S, PRESENCE_S, RELOAD_S, RoomPassword,
};
use tokio::sync::Notify;

use super::open_sockets::OpenSockets;
use super::outbox::Outbox;
use super::plain_room::Role;
use super::plain_rooms::{DEFAULT, PlainRooms};
use super::plain_socket::PlainSocket;
use super::rate::{RateLimits, SocketRates};
use super::refusal::Refusal;
use super::room_entry::RoomEntry;
use super::socket::RoomSocket;
use super::{AwayRules, JoinRequest, Password, Room, SocketId, name};

/// Interval at which members that were away for too long are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// At shutdown, time for sockets to receive their last message.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(1500);

/// The limits of rooms and sockets.
#[derive(Clone, Debug)]
pub struct RoomLimits {
    pub rooms: usize,
    pub sockets: usize,
    /// Of one IPv4 address or IPv6 network. A client whose address is not known counts in total only.
    pub sockets_per_address: usize,
    /// A peer whose socket closed has left after this time.
    pub away: Duration,
    /// A peer that was in its room for less leaves at once when its socket closes.
    pub presence: Duration,
    /// Passwords of rooms by name, that the owner of the server has set.
    pub passwords: HashMap<String, RoomPassword>,
    /// A socket that sends nothing is closed after this time.
    pub idle: Duration,
    /// A socket that has not joined is closed after this time.
    pub join: Duration,
    /// A plain relay socket that has said nothing is closed after this time.
    pub listen: Duration,
    /// A socket that does not accept a message in this time is closed.
    pub write: Duration,
    pub rates: RateLimits,
    /// Of all that the peers of a room send.
    pub room_rates: RateLimits,
    /// Of the copies of a socket's texts that the plain relay makes.
    pub relayed: RateLimits,
    /// Sockets that do not join are relayed to each other verbatim.
    pub plain_relay: bool,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self {
            rooms: 1000,
            sockets: 4000,
            sockets_per_address: 250,
            away: Duration::from_secs(AWAY_TIMEOUT_S),
            presence: Duration::from_secs(PRESENCE_S),
            passwords: HashMap::new(),
            idle: Duration::from_secs(IDLE_TIMEOUT_S),
            join: Duration::from_secs(10),
            listen: Duration::from_secs(600),
            write: Duration::from_secs(10),
            rates: RateLimits::default(),
            room_rates: RateLimits::of_room(),
            relayed: RateLimits::of_relayed(),
            plain_relay: true,
        }
    }
}

/// All rooms. Clones share them.
#[derive(Clone, Debug)]
pub struct RoomRegistry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: RoomLimits,
    rooms: Mutex<HashMap<String, Arc<RoomEntry>>>,
    plain: PlainRooms,
    sockets: Mutex<OpenSockets>,
    socket_closed: Notify,
    wrong_passwords: Mutex<Failures>,
}

impl RoomRegistry {
    pub fn new(limits: RoomLimits) -> Self {
        Self(Arc::new(Inner {
            limits,
            rooms: Mutex::default(),
            plain: PlainRooms::default(),
            sockets: Mutex::default(),
            socket_closed: Notify::new(),
            wrong_passwords: Mutex::default(),
        }))
    }

    pub fn limits(&self) -> &RoomLimits {
        &self.0.limits
    }

    /// Rooms with at least one member, and plain rooms.
    pub fn rooms(&self) -> usize {
        self.lock_rooms().len() + self.0.plain.len()
    }

    /// Open sockets, joined or not.
    pub fn sockets(&self) -> usize {
        self.lock_sockets().len()
    }

    #[cfg(test)]
    pub(super) fn peers(&self, room: &str) -> Vec<shared::signaling::Peer> {
        let entry = self.lock_rooms().get(room).cloned();
        entry
            .map(|entry| entry.lock().room.peers())
            .unwrap_or_default()
    }

    /// Opens a socket that is counted for `address`; `None`: in total only. Over a limit the socket is opened only to receive the refusal.
    /// `plain_room`: the name of its room if it turns out to be a plain relay socket.
    ///
    /// # Errors
    /// Far over a limit, the server is shutting down, or the name is invalid.
    pub fn connect(
        &self,
        address: Option<CountedAddress>,
        plain_room: Option<&str>,
        now: Instant,
    ) -> Result<RoomSocket, Refusal> {
        let limits = &self.0.limits;
        let plain_room = match plain_room {
            _ if !limits.plain_relay => None,
            None => Some(DEFAULT.to_owned()),
            Some(name) => Some(name::of_room(name)?),
        };
        let opened =
            self.lock_sockets()
                .open(address, limits.sockets, limits.sockets_per_address, now)?;
        let plain = PlainSocket::new(opened.id, plain_room, now);
        Ok(RoomSocket::new(self.clone(), opened, plain, now))
    }

    pub(super) fn plain(&self) -> &PlainRooms {
        &self.0.plain
    }

    /// Adds a socket to the plain room of this name. The room is opened if it does not exist.
    pub(super) fn enter_plain(
        &self,
        room: &str,
        socket: SocketId,
        outbox: &Arc<Outbox>,
        role: Role,
        now: Instant,
    ) -> Result<(), Refusal> {
        let mut rooms = self.lock_rooms();
        let may_open = |plain: usize| self.has_place(&mut rooms, plain);
        self.0
            .plain
            .enter(room, socket, outbox, role, may_open, now)
    }

    /// Another room may be opened besides these and so many plain rooms.
    fn has_place(&self, rooms: &mut HashMap<String, Arc<RoomEntry>>, plain: usize) -> bool {
        rooms.len() + plain < self.0.limits.rooms || evict(rooms)
    }

    pub(super) fn disconnect(&self, socket: SocketId, rates: SocketRates) {
        self.lock_sockets().remove(socket, rates, Instant::now());
        self.0.socket_closed.notify_waiters();
    }

    /// Whether a join of this room has to wait for the room's pace.
    pub(super) fn join_has_to_wait(&self, room: &str, bytes: usize, now: Instant) -> bool {
        let entry = self.lock_rooms().get(room).cloned();
        entry.is_some_and(|entry| entry.join_has_to_wait(bytes, now))
    }

    /// As [`Self::enter`], for `address`, from which not many wrong passwords may come.
    pub(super) fn join(
        &self,
        (socket, address): (SocketId, Option<CountedAddress>),
        outbox: &Arc<Outbox>,
        room: &str,
        request: JoinRequest,
        now: Instant,
    ) -> Result<Arc<RoomEntry>, Refusal> {
        let failures = || {
            let failures = self.0.wrong_passwords.lock();
            failures.unwrap_or_else(PoisonError::into_inner)
        };
        let guesses = request.password.is_some();
        if guesses && failures().check(address, now).is_err() {
            return Err(Refusal::too_many_passwords());
        }
        let entered = self.enter(socket, outbox, room, request, now);
        if let Err(refusal) = &entered
            && guesses
            && refusal.code == ErrorCode::WrongPassword
        {
            failures().add(address, now);
        }
        entered
    }

    /// Adds a socket to the room of this name. The room is created if it does not exist.
    fn enter(
        &self,
        socket: SocketId,
        outbox: &Arc<Outbox>,
        room: &str,
        request: JoinRequest,
        now: Instant,
    ) -> Result<Arc<RoomEntry>, Refusal> {
        loop {
            let entry = self.entry(room, now)?;
            let mut state = entry.lock();
            if state.removed {
                continue;
            }
            let expired = state.room.expire(now);
            state.deliver(expired, now);
            state.outboxes.insert(socket, outbox.clone());
            let joined = match state.room.join(socket, request, now) {
                Ok(deliveries) => {
                    state.deliver(deliveries, now);
                    Ok(())
                }
                Err(refusal) => {
                    state.outboxes.remove(&socket);
                    Err(refusal)
                }
            };
            drop(state);
            if let Err(refusal) = joined {
                self.remove_if_empty(&entry);
                return Err(refusal);
            }
            return Ok(entry);
        }
    }

    fn entry(&self, room: &str, now: Instant) -> Result<Arc<RoomEntry>, Refusal> {
        let mut rooms = self.lock_rooms();
        if let Some(entry) = rooms.get(room) {
            return Ok(entry.clone());
        }
        if !self.has_place(&mut rooms, self.0.plain.len()) {
            return Err(Refusal::too_many_rooms());
        }
        let limits = &self.0.limits;
        let away = AwayRules {
            timeout: limits.away,
            presence: limits.presence,
            reload: Duration::from_secs(RELOAD_S),
        };
        let password = limits.passwords.get(room).cloned();
        let password = password.map_or(Password::OfFirst(None), Password::Fixed);
        let new = Room::new(room.to_owned(), away, password);
        let entry = Arc::new(RoomEntry::new(new, limits.room_rates, now));
        rooms.insert(room.to_owned(), entry.clone());
        Ok(entry)
    }

    pub(super) fn remove_if_empty(&self, entry: &RoomEntry) {
        let mut rooms = self.lock_rooms();
        let mut state = entry.lock();
        if state.room.is_empty() && !state.removed {
            state.removed = true;
            rooms.remove(state.room.name());
        }
    }

    /// Calls [`Self::sweep`] every second. Never completes.
    pub async fn run_sweeps(self) {
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.sweep(Instant::now());
        }
    }

    /// Removes the members that were away, and the plain offers that waited, for too long.
    pub fn sweep(&self, now: Instant) {
        self.lock_sockets().sweep(now);
        self.0.plain.sweep(now);
        let entries: Vec<Arc<RoomEntry>> = self.lock_rooms().values().cloned().collect();
        for entry in entries {
            let empty = {
                let mut state = entry.lock();
                let expired = state.room.expire(now);
                state.deliver(expired, now);
                state.room.is_empty()
            };
            if empty {
                self.remove_if_empty(&entry);
            }
        }
    }

    /// Sends `shutting_down` to every socket, and waits up to `CLOSE_TIMEOUT` until they are closed.
    pub async fn close(&self) {
        let outboxes = self.lock_sockets().close();
        for outbox in outboxes {
            outbox.refuse(Refusal::shutting_down());
        }
        if tokio::time::timeout(CLOSE_TIMEOUT, self.all_closed())
            .await
            .is_err()
        {
            let sockets = self.sockets();
            tracing::warn!(sockets, "some sockets were not closed in time");
        }
    }

    async fn all_closed(&self) {
        loop {
            let closed = self.0.socket_closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if self.sockets() == 0 {
                return;
            }
            closed.await;
        }
    }

    fn lock_rooms(&self) -> MutexGuard<'_, HashMap<String, Arc<RoomEntry>>> {
        // The maps are consistent after every statement.
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_sockets(&self) -> MutexGuard<'_, OpenSockets> {
        self.0
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the first of the abandoned rooms. A member that comes back joins a new room as the same peer.
fn evict(rooms: &mut HashMap<String, Arc<RoomEntry>>) -> bool {
    let abandoned =
        |(name, entry): (_, &Arc<RoomEntry>)| Some((entry.lock().room.abandoned()?, name));
    let mut abandoned: Vec<(_, &String)> = rooms.iter().filter_map(abandoned).collect();
    abandoned.sort_unstable();
    // Somebody may have come back since.
    let evicted = abandoned.into_iter().find(|(_, name)| {
        let mut state = rooms[*name].lock();
        state.removed = state.room.abandoned().is_some();
        state.removed
    });
    let evicted = evicted.map(|(_, name)| name.clone());
    evicted.is_some_and(|name| rooms.remove(&name).is_some())
}

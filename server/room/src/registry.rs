//! All rooms of this server, and their limits.
//!
//! Three kinds of locks, each held for microseconds and never across an await: the map of rooms, each room, and the list of
//! sockets. A room may be locked while the map is, never the other way round.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use limits::CountedAddress;
use shared::signaling::{AWAY_TIMEOUT_S, IDLE_TIMEOUT_S};
use tokio::sync::Notify;

use super::outbox::Outbox;
use super::rate::RateLimits;
use super::refusal::Refusal;
use super::socket::RoomSocket;
use super::{AddressedMessage, JoinRequest, Room, SocketId};

/// Interval at which members that were away for too long are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// At shutdown, time for sockets to receive their last message.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Sockets over the limit that are opened to receive the refusal; more are not opened.
const MAX_REJECTED: usize = 64;

/// The limits of rooms and sockets.
#[derive(Clone, Debug)]
pub struct RoomLimits {
    pub rooms: usize,
    pub sockets: usize,
    /// Per public IPv4 address or IPv6 network; other addresses may be a proxy's.
    pub sockets_per_address: usize,
    /// A peer whose socket closed has left after this time.
    pub away: Duration,
    /// A socket that sends nothing is closed after this time.
    pub idle: Duration,
    /// A socket that has not joined is closed after this time.
    pub join: Duration,
    /// A socket that does not accept a message in this time is closed.
    pub write: Duration,
    pub rates: RateLimits,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self {
            rooms: 1000,
            sockets: 4000,
            sockets_per_address: 250,
            away: Duration::from_secs(AWAY_TIMEOUT_S),
            idle: Duration::from_secs(IDLE_TIMEOUT_S),
            join: Duration::from_secs(10),
            write: Duration::from_secs(10),
            rates: RateLimits::default(),
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
    sockets: Mutex<OpenSockets>,
    socket_closed: Notify,
}

#[derive(Debug, Default)]
struct OpenSockets {
    opened: u64,
    outboxes: HashMap<SocketId, Arc<Outbox>>,
    by_address: HashMap<CountedAddress, usize>,
    closing: bool,
}

/// A room and the outboxes of its sockets.
#[derive(Debug)]
pub(super) struct RoomEntry(Mutex<EntryState>);

#[derive(Debug)]
struct EntryState {
    room: Room,
    outboxes: HashMap<SocketId, Arc<Outbox>>,
    /// The entry is no longer in the map: a caller that still has it looks the room up again.
    removed: bool,
}

impl RoomRegistry {
    pub fn new(limits: RoomLimits) -> Self {
        Self(Arc::new(Inner {
            limits,
            rooms: Mutex::default(),
            sockets: Mutex::default(),
            socket_closed: Notify::new(),
        }))
    }

    pub fn limits(&self) -> &RoomLimits {
        &self.0.limits
    }

    /// Rooms with at least one member.
    pub fn rooms(&self) -> usize {
        self.lock_rooms().len()
    }

    /// Open sockets, joined or not.
    pub fn sockets(&self) -> usize {
        self.lock_sockets().outboxes.len()
    }

    #[cfg(test)]
    pub(super) fn peers(&self, room: &str) -> Vec<shared::signaling::Peer> {
        let entry = self.lock_rooms().get(room).cloned();
        entry
            .map(|entry| entry.lock().room.peers())
            .unwrap_or_default()
    }

    /// Opens a socket that is counted for `address`; `None`: in total only. Over a limit the socket is opened only to receive the refusal.
    ///
    /// # Errors
    /// Far over a limit, or the server is shutting down.
    pub fn connect(
        &self,
        address: Option<CountedAddress>,
        now: Instant,
    ) -> Result<RoomSocket, Refusal> {
        let limits = &self.0.limits;
        let mut sockets = self.lock_sockets();
        if sockets.closing {
            return Err(Refusal::shutting_down());
        }
        let of_address = address.and_then(|address| sockets.by_address.get(&address));
        let refusal = if sockets.outboxes.len() >= limits.sockets {
            Some(Refusal::too_many_sockets())
        } else if of_address.is_some_and(|count| *count >= limits.sockets_per_address) {
            Some(Refusal::too_many_from_here())
        } else {
            None
        };
        if let Some(refusal) = &refusal
            && sockets.outboxes.len() >= limits.sockets + MAX_REJECTED
        {
            return Err(refusal.clone());
        }
        let outbox = Arc::new(Outbox::default());
        if let Some(refusal) = refusal {
            outbox.refuse(refusal);
        }
        sockets.opened += 1;
        let id = SocketId(sockets.opened);
        sockets.outboxes.insert(id, outbox.clone());
        if let Some(address) = address {
            *sockets.by_address.entry(address).or_default() += 1;
        }
        drop(sockets);
        Ok(RoomSocket::new(self.clone(), id, address, outbox, now))
    }

    pub(super) fn disconnect(&self, socket: SocketId, address: Option<CountedAddress>) {
        let mut sockets = self.lock_sockets();
        sockets.outboxes.remove(&socket);
        if let Some(address) = address
            && let Some(count) = sockets.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                sockets.by_address.remove(&address);
            }
        }
        drop(sockets);
        self.0.socket_closed.notify_waiters();
    }

    /// Adds a socket to the room of this name. The room is created if it does not exist.
    pub(super) fn join(
        &self,
        socket: SocketId,
        outbox: &Arc<Outbox>,
        room: &str,
        request: JoinRequest,
        now: Instant,
    ) -> Result<Arc<RoomEntry>, Refusal> {
        loop {
            let entry = self.entry(room)?;
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

    fn entry(&self, room: &str) -> Result<Arc<RoomEntry>, Refusal> {
        let mut rooms = self.lock_rooms();
        if let Some(entry) = rooms.get(room) {
            return Ok(entry.clone());
        }
        if rooms.len() >= self.0.limits.rooms && !evict(&mut rooms) {
            return Err(Refusal::too_many_rooms());
        }
        let entry = Arc::new(RoomEntry(Mutex::new(EntryState {
            room: Room::new(room.to_owned(), self.0.limits.away),
            outboxes: HashMap::new(),
            removed: false,
        })));
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

    /// Removes the members that were away for too long.
    pub fn sweep(&self, now: Instant) {
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
        let outboxes: Vec<Arc<Outbox>> = {
            let mut sockets = self.lock_sockets();
            sockets.closing = true;
            sockets.outboxes.values().cloned().collect()
        };
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

impl RoomEntry {
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

    fn lock(&self) -> MutexGuard<'_, EntryState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EntryState {
    /// Queues the messages. A socket whose outbox overflows is closed, which results in `away` messages to the others.
    fn deliver(&mut self, deliveries: Vec<AddressedMessage>, now: Instant) {
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

/// Removes a room where every member is away. A member that comes back joins a new room as the same peer.
fn evict(rooms: &mut HashMap<String, Arc<RoomEntry>>) -> bool {
    let abandoned = rooms.values().find_map(|entry| {
        let mut state = entry.lock();
        state.removed = state.room.is_everyone_away();
        state.removed.then(|| state.room.name().to_owned())
    });
    abandoned.is_some_and(|name| rooms.remove(&name).is_some())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn one_address_cannot_use_every_socket() {
        let rooms = RoomRegistry::new(RoomLimits {
            sockets_per_address: 2,
            ..RoomLimits::default()
        });
        let now = Instant::now();
        let connect = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            rooms.connect(Some(address.into()), now).unwrap()
        };
        let one = connect("198.51.100.7");
        let two = connect("::ffff:198.51.100.7");
        assert!(!one.outbox().is_closed() && !two.outbox().is_closed());
        assert!(connect("198.51.100.7").outbox().is_closed());
        assert!(!connect("198.51.100.8").outbox().is_closed());
        drop(one);
        assert!(!connect("198.51.100.7").outbox().is_closed());
        // An IPv6 subscriber has a network. An address of the own network is an address like any other.
        let _neighbours = [connect("2001:db8::1"), connect("2001:db8::2")];
        assert!(connect("2001:db8::3").outbox().is_closed());
        let _near = [connect("192.168.0.7"), connect("192.168.0.7")];
        assert!(connect("192.168.0.7").outbox().is_closed());
        // A proxy that does not name its clients has many users.
        let proxied: Vec<RoomSocket> = (0..10).map(|_| rooms.connect(None, now).unwrap()).collect();
        assert!(proxied.iter().all(|socket| !socket.outbox().is_closed()));
    }
}

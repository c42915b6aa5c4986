//! Every room of this server, and the limits on them.
//!
//! Three kinds of locks, each held for a few microseconds and never over an await: the map of rooms, one for each room, and the list of
//! sockets. The map's may be held while a room's is taken, never the other way round.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::signaling::{AWAY_TIMEOUT_S, IDLE_TIMEOUT_S};
use tokio::sync::Notify;

use super::client::RoomClient;
use super::outbox::Outbox;
use super::rate::RateLimits;
use super::refusal::Refusal;
use super::{Delivery, JoinRequest, Room, SocketId};

/// How often is looked who has been away for too long.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// At shutdown, sockets have this long to take their last message.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(1500);

/// So many sockets over the limit are told why they are turned away; more are not even opened.
const MAX_REJECTED: usize = 64;

/// What rooms may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    pub rooms: usize,
    pub sockets: usize,
    /// Of one public address, or one network of IPv6; others may be a proxy's.
    pub sockets_per_address: usize,
    /// A peer whose socket dropped has left after this time.
    pub away: Duration,
    /// A socket that brings nothing is closed after this time.
    pub idle: Duration,
    /// A socket that has not joined by then is closed.
    pub join: Duration,
    /// One message that is not taken in this time is the last.
    pub write: Duration,
    pub rates: RateLimits,
}

impl Default for Limits {
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

/// Every room. Clones are the same.
#[derive(Clone, Debug)]
pub struct RoomRegistry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    rooms: Mutex<HashMap<String, Arc<RoomEntry>>>,
    sockets: Mutex<Sockets>,
    socket_closed: Notify,
}

#[derive(Debug, Default)]
struct Sockets {
    opened: u64,
    outboxes: HashMap<SocketId, Arc<Outbox>>,
    by_address: HashMap<IpAddr, usize>,
    closing: bool,
}

/// A room and the outboxes of its sockets.
#[derive(Debug)]
pub(super) struct RoomEntry(Mutex<EntryState>);

#[derive(Debug)]
struct EntryState {
    room: Room,
    outboxes: HashMap<SocketId, Arc<Outbox>>,
    /// No longer in the map: who finds it like this looks again.
    removed: bool,
}

impl RoomRegistry {
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner {
            limits,
            rooms: Mutex::default(),
            sockets: Mutex::default(),
            socket_closed: Notify::new(),
        }))
    }

    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Rooms that somebody is in.
    pub fn rooms(&self) -> usize {
        self.lock_rooms().len()
    }

    /// Sockets that are open, joined or not.
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

    /// A place for a new socket, from `address`. One over a limit gets a place too, just long enough to be told so.
    ///
    /// # Errors
    /// Even for that there is no place, or the server stops.
    pub fn connect(&self, address: IpAddr, now: Instant) -> Result<RoomClient, Refusal> {
        let limits = &self.0.limits;
        let address = subscriber_address(address);
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
        Ok(RoomClient::new(self.clone(), id, address, outbox, now))
    }

    pub(super) fn disconnect(&self, socket: SocketId, address: Option<IpAddr>) {
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

    /// Puts a socket into the room of this name, which begins with its first peer.
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
            let joined = match state.room.join(socket, request) {
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

    /// Sweeps every second, for as long as it is polled.
    pub async fn run_sweeps(self) {
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.sweep(Instant::now());
        }
    }

    /// Lets those go who have been away for too long.
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

    /// Tells every socket that the server stops, and waits a moment until they are closed.
    pub async fn close(&self) {
        let outboxes: Vec<Arc<Outbox>> = {
            let mut sockets = self.lock_sockets();
            sockets.closing = true;
            sockets.outboxes.values().cloned().collect()
        };
        for outbox in outboxes {
            outbox.refuse(Refusal::shutting_down());
        }
        if tokio::time::timeout(CLOSE_TIMEOUT, self.emptied())
            .await
            .is_err()
        {
            let sockets = self.sockets();
            tracing::warn!(
                sockets,
                "some sockets did not take the news that the server stops"
            );
        }
    }

    async fn emptied(&self) {
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
        // Maps are whole between two statements.
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_sockets(&self) -> MutexGuard<'_, Sockets> {
        self.0
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomEntry {
    /// Changes the room, and delivers what follows from that.
    pub(super) fn change(&self, now: Instant, change: impl FnOnce(&mut Room) -> Vec<Delivery>) {
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
    /// A socket that is sent more than it takes is closed, which others are told in turn.
    fn deliver(&mut self, deliveries: Vec<Delivery>, now: Instant) {
        let mut deliveries = VecDeque::from(deliveries);
        while let Some(Delivery { to, message }) = deliveries.pop_front() {
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

/// Ends a room where everybody is away, if there is one: who comes back is welcomed to a new one, as the same peer.
fn evict(rooms: &mut HashMap<String, Arc<RoomEntry>>) -> bool {
    let unattended = rooms.values().find_map(|entry| {
        let mut state = entry.lock();
        state.removed = state.room.is_everyone_away();
        state.removed.then(|| state.room.name().to_owned())
    });
    unattended.is_some_and(|name| rooms.remove(&name).is_some())
}

/// The address that sockets are counted by: what one subscriber has, which of IPv6 is a network (RFC 6177).
/// None where it may be a proxy's, behind which is everybody.
fn subscriber_address(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(address) if address.is_loopback() || address.is_private() => None,
        IpAddr::V6(address) if address.is_loopback() || address.is_unique_local() => None,
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Some(IpAddr::V6(network.into()))
        }
        address => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place() {
        let rooms = RoomRegistry::new(Limits {
            sockets_per_address: 2,
            ..Limits::default()
        });
        let now = Instant::now();
        let connect = |address: &str| rooms.connect(address.parse().unwrap(), now).unwrap();
        let one = connect("198.51.100.7");
        let two = connect("::ffff:198.51.100.7");
        assert!(!one.outbox().is_closed() && !two.outbox().is_closed());
        assert!(connect("198.51.100.7").outbox().is_closed());
        assert!(!connect("198.51.100.8").outbox().is_closed());
        drop(one);
        assert!(!connect("198.51.100.7").outbox().is_closed());
        // A subscriber of IPv6 has a network; and behind a proxy is everybody.
        let _neighbours = [connect("2001:db8::1"), connect("2001:db8::2")];
        assert!(connect("2001:db8::3").outbox().is_closed());
        let proxied: Vec<RoomClient> = (0..10).map(|_| connect("127.0.0.1")).collect();
        assert!(proxied.iter().all(|client| !client.outbox().is_closed()));
    }
}

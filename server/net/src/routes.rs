//! Which viewer a datagram belongs to, of all viewers that share a UDP port.
//!
//! A STUN request names the viewer: its USERNAME begins with our ufrag for that viewer (RFC 8445 7.2.2). All other
//! datagrams (DTLS, SRTP, STUN responses) are routed by their source address, once it is learned: the viewer's connection has authenticated a request that
//! came from there. No sockets; `now` is passed in.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::datagram::DatagramKind;

/// Source addresses of one viewer; a browser uses a handful at a time.
pub const MAX_REMOTES: usize = 32;

/// After a datagram from an address, the address is not taken from its viewer for this long. Otherwise an attacker who forges a source address could
/// disconnect the viewer at that address. Another viewer that claims it gets its datagrams as well: a NAT, or the operating system of a client, may have
/// given the port of a viewer who has just left to it.
pub const HOLD: Duration = Duration::from_secs(5);

/// A viewer in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(u64);

/// The routing table. `T` is the destination of a viewer's datagrams.
#[derive(Debug)]
pub struct Routes<T> {
    next: u64,
    entries: HashMap<RouteId, Entry<T>>,
    ufrags: HashMap<String, RouteId>,
    remotes: HashMap<Remote, LastSeen>,
}

/// One viewer.
#[derive(Debug)]
struct Entry<T> {
    to: T,
    /// The current one, and during an ICE restart the previous one.
    ufrags: Vec<String>,
    remotes: Vec<Remote>,
}

/// A peer's address as one of our sockets sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    /// Index of our socket.
    pub socket: usize,
    pub address: SocketAddr,
    /// A TCP connection instead of UDP.
    pub tcp: bool,
}

/// The viewer that datagrams from an address belong to, and when the last one arrived.
#[derive(Clone, Copy, Debug)]
struct LastSeen {
    route: RouteId,
    at: Instant,
    /// A viewer whose request came from there as well. Each of the two tells its datagrams by their authentication.
    claimant: Option<RouteId>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            next: 0,
            entries: HashMap::new(),
            ufrags: HashMap::new(),
            remotes: HashMap::new(),
        }
    }
}

impl<T> Routes<T> {
    /// Adds a viewer, without ufrags and addresses.
    pub fn add(&mut self, to: T) -> RouteId {
        self.add_with(|_| to)
    }

    /// As [`Self::add`], with a destination that knows the id.
    pub fn add_with(&mut self, to: impl FnOnce(RouteId) -> T) -> RouteId {
        let id = RouteId(self.next);
        self.next += 1;
        self.entries.insert(
            id,
            Entry {
                to: to(id),
                ufrags: Vec::new(),
                remotes: Vec::new(),
            },
        );
        id
    }

    pub fn remove(&mut self, id: RouteId) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        for ufrag in entry.ufrags {
            self.remove_ufrag(id, &ufrag);
        }
        for remote in entry.remotes {
            self.release(id, remote);
        }
    }

    /// Takes an address from a viewer, and gives it to the one that claims it.
    fn release(&mut self, id: RouteId, remote: Remote) {
        let Some(last_seen) = self.remotes.get_mut(&remote) else {
            return;
        };
        if last_seen.claimant == Some(id) {
            last_seen.claimant = None;
        }
        if last_seen.route != id {
            return;
        }
        match last_seen.claimant.take() {
            Some(claimant) => last_seen.route = claimant,
            None => {
                self.remotes.remove(&remote);
            }
        }
    }

    /// Sets our ufrags for the viewer: the current one, and during an ICE restart the previous one as well.
    pub fn set_ufrags(&mut self, id: RouteId, ufrags: &[&str]) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let new = ufrags.iter().map(|ufrag| (*ufrag).to_owned()).collect();
        for old in std::mem::replace(&mut entry.ufrags, new) {
            self.remove_ufrag(id, &old);
        }
        for ufrag in ufrags {
            self.ufrags.insert((*ufrag).to_owned(), id);
        }
    }

    /// Removes the ufrag of the viewer, unless another viewer has the same ufrag by now.
    fn remove_ufrag(&mut self, id: RouteId, ufrag: &str) {
        if self.ufrags.get(ufrag) == Some(&id) {
            self.ufrags.remove(ufrag);
        }
    }

    /// The destination of datagrams from `remote`.
    pub fn by_remote(&self, remote: Remote) -> Option<&T> {
        let last_seen = self.remotes.get(&remote)?;
        self.entries.get(&last_seen.route).map(|entry| &entry.to)
    }

    /// The destination of a datagram, `None` for a stray one; and a second one, while two viewers claim its address.
    pub fn route(
        &mut self,
        now: Instant,
        remote: Remote,
        datagram: &[u8],
    ) -> (Option<&T>, Option<&T>) {
        let named = stun_ufrag(datagram)
            .and_then(|ufrag| self.ufrags.get(ufrag))
            .copied();
        let (id, other) = match (named, self.remotes.get_mut(&remote)) {
            (Some(id), Some(last_seen)) if last_seen.route != id => (Some(id), None),
            (named, Some(last_seen)) => {
                last_seen.at = now;
                let claimant = last_seen.claimant.filter(|_| named.is_none());
                (Some(last_seen.route), claimant)
            }
            (named, None) => (named, None),
        };
        let to = |id| self.entries.get(&id).map(|entry| &entry.to);
        (id.and_then(to), other.and_then(to))
    }

    /// From now on datagrams from `remote` are this viewer's: its connection has authenticated a request from there. While another viewer uses the address,
    /// both get them. False: this one has too many addresses in use.
    pub fn learn(&mut self, now: Instant, id: RouteId, remote: Remote) -> bool {
        let holds = |last_seen: &&LastSeen| {
            last_seen.route != id && now.saturating_duration_since(last_seen.at) < HOLD
        };
        match self.remotes.get(&remote).filter(holds) {
            Some(_) => self.claim(id, remote),
            None => self.add_remote(now, id, remote),
        }
    }

    /// The viewer's connection checks `remote`, which its offer names: an answer from there is for it. Nothing from there was authentic yet, so an address
    /// of another viewer stays that one's as well, however long it was silent.
    pub fn expect(&mut self, now: Instant, id: RouteId, remote: Remote) -> bool {
        match self.remotes.get(&remote) {
            Some(last_seen) if last_seen.route != id => self.claim(id, remote),
            _ => self.add_remote(now, id, remote),
        }
    }

    /// The viewer gets datagrams from an address of another one as well.
    fn claim(&mut self, id: RouteId, remote: Remote) -> bool {
        let (Some(held), Some(entry)) = (self.remotes.get_mut(&remote), self.entries.get_mut(&id))
        else {
            return false;
        };
        if !entry.remotes.contains(&remote) {
            if entry.remotes.len() == MAX_REMOTES {
                return false;
            }
            entry.remotes.push(remote);
        }
        held.claimant = Some(id);
        true
    }

    /// Datagrams from `remote` are not this viewer's any more.
    pub fn forget(&mut self, id: RouteId, remote: Remote) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.remotes.retain(|other| *other != remote);
        }
        self.release(id, remote);
    }

    /// The numbers of viewers, ufrags and addresses.
    pub fn counts(&self) -> [usize; 3] {
        [self.entries.len(), self.ufrags.len(), self.remotes.len()]
    }

    fn add_remote(&mut self, now: Instant, id: RouteId, remote: Remote) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        if !entry.remotes.contains(&remote) {
            if entry.remotes.len() == MAX_REMOTES {
                // Further addresses do not displace those in use.
                let unused = |old: &Remote| {
                    let last_seen = self
                        .remotes
                        .get(old)
                        .filter(|last_seen| last_seen.route == id);
                    last_seen
                        .is_none_or(|last_seen| now.saturating_duration_since(last_seen.at) >= HOLD)
                };
                let Some(index) = entry.remotes.iter().position(unused) else {
                    return false;
                };
                let old = entry.remotes.swap_remove(index);
                entry.remotes.push(remote);
                self.release(id, old);
            } else {
                entry.remotes.push(remote);
            }
        }
        let claimant = None;
        self.remotes.insert(
            remote,
            LastSeen {
                route: id,
                at: now,
                claimant,
            },
        );
        true
    }
}

/// The receiver's ufrag in a STUN request: USERNAME up to the colon (RFC 8445 7.2.2).
fn stun_ufrag(datagram: &[u8]) -> Option<&str> {
    const USERNAME: u16 = 0x0006;
    if DatagramKind::of(datagram) != DatagramKind::Stun {
        return None;
    }
    let mut attributes = &datagram[20..];
    while let [t0, t1, l0, l1, rest @ ..] = attributes {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let value = rest.get(..length)?;
        if u16::from_be_bytes([*t0, *t1]) == USERNAME {
            return std::str::from_utf8(value)
                .ok()?
                .split_once(':')
                .map(|(local, _)| local);
        }
        // Attributes are padded to 4 bytes.
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

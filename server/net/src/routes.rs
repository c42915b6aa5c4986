//! Whose datagram is it? All viewers share one UDP port; this table tells them apart.
//!
//! A STUN request names the viewer: its USERNAME begins with the ufrag that we gave it (RFC 8445
//! 7.2.2). Everything else (DTLS, SRTP, STUN responses) is known by the address that it comes from.
//! Pure: no sockets, and `now` is passed in.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::datagram::DatagramKind;

/// Addresses that one viewer may be known by; a browser uses a handful at a time.
pub const MAX_REMOTES: usize = 32;

/// An address that was last_seen this lately is not handed to another viewer: whoever forges a source
/// address and knows some ufrag could else cut a stranger off.
pub const HOLD: Duration = Duration::from_secs(5);

/// One viewer's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(u64);

/// Where the datagrams of the viewers go. `L` is what leads to a viewer.
#[derive(Debug)]
pub struct Routes<L> {
    next: u64,
    entries: HashMap<RouteId, Entry<L>>,
    ufrags: HashMap<String, RouteId>,
    remotes: HashMap<Remote, LastSeen>,
}

#[derive(Debug)]
struct Entry<L> {
    to: L,
    ufrag: Option<String>,
    remotes: Vec<Remote>,
}

/// A peer's address as one of our sockets sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    /// Which of our sockets.
    pub socket: usize,
    pub address: SocketAddr,
    /// Over a TCP connection, not UDP.
    pub tcp: bool,
}

#[derive(Clone, Copy, Debug)]
struct LastSeen {
    route: RouteId,
    at: Instant,
}

impl<L> Default for Routes<L> {
    fn default() -> Self {
        Self {
            next: 0,
            entries: HashMap::new(),
            ufrags: HashMap::new(),
            remotes: HashMap::new(),
        }
    }
}

impl<L> Routes<L> {
    pub fn add(&mut self, to: L) -> RouteId {
        let id = RouteId(self.next);
        self.next += 1;
        self.entries.insert(
            id,
            Entry {
                to,
                ufrag: None,
                remotes: Vec::new(),
            },
        );
        id
    }

    pub fn remove(&mut self, id: RouteId) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        if let Some(ufrag) = entry.ufrag {
            self.forget_ufrag(id, &ufrag);
        }
        for remote in entry.remotes {
            if self
                .remotes
                .get(&remote)
                .is_some_and(|last_seen| last_seen.route == id)
            {
                self.remotes.remove(&remote);
            }
        }
    }

    /// The viewer's ufrag as of now; it changes with every ICE restart.
    pub fn set_ufrag(&mut self, id: RouteId, ufrag: &str) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if let Some(old) = entry.ufrag.replace(ufrag.to_owned()) {
            self.forget_ufrag(id, &old);
        }
        self.ufrags.insert(ufrag.to_owned(), id);
    }

    /// Who has that name by now keeps it.
    fn forget_ufrag(&mut self, id: RouteId, ufrag: &str) {
        if self.ufrags.get(ufrag) == Some(&id) {
            self.ufrags.remove(ufrag);
        }
    }

    /// The viewer is about to ask `remote` something; the response is to reach it.
    pub fn expect_response(&mut self, now: Instant, id: RouteId, remote: Remote) {
        if !self.remotes.contains_key(&remote) {
            self.learn(now, id, remote);
        }
    }

    /// Who was last_seen from there last.
    pub fn last_seen_at(&self, remote: Remote) -> Option<&L> {
        let last_seen = self.remotes.get(&remote)?;
        self.entries.get(&last_seen.route).map(|entry| &entry.to)
    }

    /// The peer has proved to be at `remote`, whoever was there before.
    pub fn claim(&mut self, now: Instant, id: RouteId, remote: Remote) {
        self.learn(now, id, remote);
    }

    /// Who is to get this datagram; nobody for a stray one.
    pub fn route(&mut self, now: Instant, remote: Remote, datagram: &[u8]) -> Option<&L> {
        let named = stun_ufrag(datagram)
            .and_then(|ufrag| self.ufrags.get(ufrag))
            .copied();
        let known = self.remotes.get_mut(&remote);
        let id = match (named, known) {
            (Some(id), Some(last_seen)) if last_seen.route != id => {
                if now.saturating_duration_since(last_seen.at) >= HOLD
                    || !self.entries.contains_key(&last_seen.route)
                {
                    self.learn(now, id, remote);
                }
                id
            }
            (Some(id), None) => {
                self.learn(now, id, remote);
                id
            }
            (_, Some(last_seen)) => {
                last_seen.at = now;
                last_seen.route
            }
            (None, None) => return None,
        };
        self.entries.get(&id).map(|entry| &entry.to)
    }

    /// How many viewers, names and addresses there are.
    pub fn counts(&self) -> [usize; 3] {
        [self.entries.len(), self.ufrags.len(), self.remotes.len()]
    }

    fn learn(&mut self, now: Instant, id: RouteId, remote: Remote) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if !entry.remotes.contains(&remote) {
            if entry.remotes.len() == MAX_REMOTES {
                // One that is in use stays, whatever comes under the viewer's name from elsewhere.
                let unused = |old: &Remote| {
                    let last_seen = self
                        .remotes
                        .get(old)
                        .filter(|last_seen| last_seen.route == id);
                    last_seen
                        .is_none_or(|last_seen| now.saturating_duration_since(last_seen.at) >= HOLD)
                };
                let Some(place) = entry.remotes.iter().position(unused) else {
                    return;
                };
                let old = entry.remotes.swap_remove(place);
                if self
                    .remotes
                    .get(&old)
                    .is_some_and(|last_seen| last_seen.route == id)
                {
                    self.remotes.remove(&old);
                }
            }
            entry.remotes.push(remote);
        }
        self.remotes.insert(remote, LastSeen { route: id, at: now });
    }
}

/// The receiver's ufrag of a STUN request: what is before the colon of USERNAME (RFC 8445 7.2.2).
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

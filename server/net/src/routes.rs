//! Whose datagram is it? All viewers share one UDP port; this table tells them apart.
//!
//! A STUN request names the viewer: its USERNAME begins with the ufrag that we gave it (RFC 8445
//! 7.2.2). Everything else (DTLS, SRTP, STUN responses) is known by the address that it comes from.
//! Pure: no sockets, and `now` is passed in.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::kind::Kind;

/// Addresses that one viewer may be known by; a browser uses a handful at a time.
pub const MAX_REMOTES: usize = 32;

/// An address that was heard this lately is not handed to another viewer: whoever forges a source
/// address and knows some ufrag could else cut a stranger off.
pub const HOLD: Duration = Duration::from_secs(5);

/// One viewer's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(u64);

/// Where the datagrams of the viewers go. `L` is what leads to a viewer.
#[derive(Debug)]
pub struct Routes<L> {
    next: u64,
    links: HashMap<RouteId, Link<L>>,
    ufrags: HashMap<String, RouteId>,
    remotes: HashMap<Remote, Heard>,
}

#[derive(Debug)]
struct Link<L> {
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
struct Heard {
    by: RouteId,
    at: Instant,
}

impl<L> Default for Routes<L> {
    fn default() -> Self {
        Self {
            next: 0,
            links: HashMap::new(),
            ufrags: HashMap::new(),
            remotes: HashMap::new(),
        }
    }
}

impl<L> Routes<L> {
    pub fn add(&mut self, to: L) -> RouteId {
        let id = RouteId(self.next);
        self.next += 1;
        self.links.insert(
            id,
            Link {
                to,
                ufrag: None,
                remotes: Vec::new(),
            },
        );
        id
    }

    pub fn remove(&mut self, id: RouteId) {
        let Some(link) = self.links.remove(&id) else {
            return;
        };
        if let Some(ufrag) = link.ufrag {
            self.forget_name(id, &ufrag);
        }
        for remote in link.remotes {
            if self
                .remotes
                .get(&remote)
                .is_some_and(|heard| heard.by == id)
            {
                self.remotes.remove(&remote);
            }
        }
    }

    /// The viewer's ufrag as of now; it changes with every ICE restart.
    pub fn name(&mut self, id: RouteId, ufrag: &str) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if let Some(old) = link.ufrag.replace(ufrag.to_owned()) {
            self.forget_name(id, &old);
        }
        self.ufrags.insert(ufrag.to_owned(), id);
    }

    /// Who has that name by now keeps it.
    fn forget_name(&mut self, id: RouteId, ufrag: &str) {
        if self.ufrags.get(ufrag) == Some(&id) {
            self.ufrags.remove(ufrag);
        }
    }

    /// The viewer is about to ask `remote` something; the response is to reach it.
    pub fn expect(&mut self, now: Instant, id: RouteId, remote: Remote) {
        if !self.remotes.contains_key(&remote) {
            self.learn(now, id, remote);
        }
    }

    /// Who was heard from there last.
    pub fn known(&self, remote: Remote) -> Option<&L> {
        let heard = self.remotes.get(&remote)?;
        self.links.get(&heard.by).map(|link| &link.to)
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
            (Some(id), Some(heard)) if heard.by != id => {
                if now.saturating_duration_since(heard.at) >= HOLD
                    || !self.links.contains_key(&heard.by)
                {
                    self.learn(now, id, remote);
                }
                id
            }
            (Some(id), None) => {
                self.learn(now, id, remote);
                id
            }
            (_, Some(heard)) => {
                heard.at = now;
                heard.by
            }
            (None, None) => return None,
        };
        self.links.get(&id).map(|link| &link.to)
    }

    /// How many viewers, names and addresses there are.
    pub fn counts(&self) -> [usize; 3] {
        [self.links.len(), self.ufrags.len(), self.remotes.len()]
    }

    fn learn(&mut self, now: Instant, id: RouteId, remote: Remote) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if !link.remotes.contains(&remote) {
            if link.remotes.len() == MAX_REMOTES {
                // One that is in use stays, whatever comes under the viewer's name from elsewhere.
                let unused = |old: &Remote| {
                    let heard = self.remotes.get(old).filter(|heard| heard.by == id);
                    heard.is_none_or(|heard| now.saturating_duration_since(heard.at) >= HOLD)
                };
                let Some(place) = link.remotes.iter().position(unused) else {
                    return;
                };
                let old = link.remotes.swap_remove(place);
                if self.remotes.get(&old).is_some_and(|heard| heard.by == id) {
                    self.remotes.remove(&old);
                }
            }
            link.remotes.push(remote);
        }
        self.remotes.insert(remote, Heard { by: id, at: now });
    }
}

/// The receiver's ufrag of a STUN request: what is before the colon of USERNAME (RFC 8445 7.2.2).
fn stun_ufrag(datagram: &[u8]) -> Option<&str> {
    const USERNAME: u16 = 0x0006;
    if Kind::of(datagram) != Kind::Stun {
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

//! Fuzzes the routing table with datagrams from any address, while viewers are added, removed, change their address and restart ICE.
//!
//! An input is a list of events. The first byte of an event, modulo 8, is its type; a viewer, a ufrag and an address are one byte each:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 | a viewer is added |
//! | 1 | a viewer gets a ufrag, and loses those before |
//! | 2 | a viewer is removed |
//! | 3 | a viewer gives an address up |
//! | 4 | an authenticated request of a viewer came from an address |
//! | 5 | a binding request arrives from an address: the length of an attribute before USERNAME, then the ufrag |
//! | 6 | a datagram arrives from an address: its length, then the datagram |
//! | 7 | time passes: 40 ms for each unit of the next byte |

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::input::Input;
use net::routes::{HOLD, MAX_REMOTES, Remote, RouteId, Routes};

/// Viewers at once.
const MAX_VIEWERS: usize = 64;

/// Index of a viewer in [`Model::viewers`].
type Index = usize;

/// The table, and a model of what it should contain.
struct Model {
    now: Instant,
    routes: Routes<Index>,
    /// All viewers ever added; `None`: removed.
    viewers: Vec<Option<RouteId>>,
    /// The viewer that got each ufrag last.
    ufrags: HashMap<String, Index>,
    /// The addresses that may be routed to each viewer: those that were learned.
    known: HashSet<(Index, Remote)>,
    /// The viewer that each address was last routed to, and when. For `HOLD` after that, it is not given to another viewer.
    last_seen: HashMap<Remote, (Index, Instant)>,
}

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let mut model = Model {
        now: Instant::now(),
        routes: Routes::default(),
        viewers: Vec::new(),
        ufrags: HashMap::new(),
        known: HashSet::new(),
        last_seen: HashMap::new(),
    };
    let mut input = Input(data);
    while let Some(event) = input.next() {
        model.apply(event % 8, &mut input);
        model.check();
    }
}

impl Input<'_> {
    /// One of 16 ufrags.
    fn ufrag(&mut self) -> String {
        format!("{:x}", self.byte() % 16).repeat(4)
    }

    /// One of 64 hosts at two of our sockets, over UDP or TCP.
    fn host(&mut self) -> Remote {
        let byte = self.byte();
        let address = SocketAddr::from(([192, 0, 2, byte & 63], 5000));
        Remote {
            socket: usize::from(byte >> 6 & 1),
            address,
            tcp: byte >> 7 == 1,
        }
    }
}

impl Model {
    fn apply(&mut self, event: u8, input: &mut Input<'_>) {
        match event {
            0 => self.add_viewer(),
            1 => {
                if let Some((index, id)) = self.viewer(input) {
                    let ufrag = input.ufrag();
                    self.routes.set_ufrags(id, &[&ufrag]);
                    self.ufrags.retain(|_, other| *other != index);
                    self.ufrags.insert(ufrag, index);
                }
            }
            2 => {
                if let Some((index, id)) = self.viewer(input) {
                    self.routes.remove(id);
                    self.viewers[index] = None;
                    self.ufrags.retain(|_, other| *other != index);
                    self.last_seen.retain(|_, (other, _)| *other != index);
                }
            }
            3 => {
                if let Some((index, id)) = self.viewer(input) {
                    let remote = input.host();
                    self.routes.forget(id, remote);
                    self.known.remove(&(index, remote));
                    if self
                        .last_seen
                        .get(&remote)
                        .is_some_and(|(other, _)| *other == index)
                    {
                        self.last_seen.remove(&remote);
                    }
                    assert_ne!(self.routes.by_remote(remote), Some(&index));
                }
            }
            4 => {
                if let Some((index, id)) = self.viewer(input) {
                    let remote = input.host();
                    let holder = self.last_seen.get(&remote);
                    let holder = holder.filter(|(_, at)| self.is_held(*at)).copied();
                    let learned = self.routes.learn(self.now, id, remote);
                    let found = self.routes.by_remote(remote).copied();
                    if let Some((holder, _)) = holder {
                        assert_eq!(found, Some(holder), "{remote:?} was taken away");
                    }
                    if learned {
                        self.known.insert((index, remote));
                        if found == Some(index) {
                            self.last_seen.insert(remote, (index, self.now));
                        }
                    }
                }
            }
            5 => {
                let (remote, before, ufrag) = (input.host(), input.byte(), input.ufrag());
                let named = self.ufrags.get(&ufrag).copied();
                let found = self.route(remote, &binding_request(before, &ufrag));
                if let Some(named) = named {
                    assert_eq!(found, Some(named), "{ufrag} belongs to another viewer");
                }
            }
            6 => {
                let (remote, datagram) = (input.host(), input.short());
                self.route(remote, datagram);
            }
            _ => self.now += Duration::from_millis(40) * u32::from(input.byte()),
        }
    }

    fn add_viewer(&mut self) {
        if self.viewers.iter().flatten().count() < MAX_VIEWERS {
            let id = self.routes.add(self.viewers.len());
            self.viewers.push(Some(id));
        }
    }

    /// A viewer that has not been removed.
    fn viewer(&self, input: &mut Input<'_>) -> Option<(Index, RouteId)> {
        let there = self.viewers.iter().enumerate();
        let there: Vec<_> = there
            .filter_map(|(index, id)| Some((index, (*id)?)))
            .collect();
        let chosen = usize::from(input.byte()).checked_rem(there.len())?;
        Some(there[chosen])
    }

    fn route(&mut self, remote: Remote, datagram: &[u8]) -> Option<Index> {
        let (found, other) = self.routes.route(self.now, remote, datagram);
        let (index, other) = (*found?, other.copied());
        if let Some(other) = other {
            assert!(self.viewers[other].is_some() && self.known.contains(&(other, remote)));
        }
        assert!(
            self.viewers[index].is_some(),
            "a removed viewer gets nothing"
        );
        // The datagrams of an input may be requests too.
        let mut ufrags = self.ufrags.iter().filter(|(_, other)| **other == index);
        let named = ufrags.any(|(ufrag, _)| {
            let ufrag = format!("{ufrag}:").into_bytes();
            datagram.windows(ufrag.len()).any(|bytes| bytes == ufrag)
        });
        assert!(
            named || self.known.contains(&(index, remote)),
            "{remote:?} was never learned"
        );
        if self.routes.by_remote(remote) == Some(&index) {
            self.last_seen.insert(remote, (index, self.now));
        }
        Some(index)
    }

    /// Whether an address that was seen at that time is still reserved for its viewer.
    fn is_held(&self, at: Instant) -> bool {
        self.now.duration_since(at) < HOLD
    }

    fn check(&self) {
        let [viewers, ufrags, remotes] = self.routes.counts();
        assert_eq!(viewers, self.viewers.iter().flatten().count());
        assert_eq!(ufrags, self.ufrags.len());
        assert!(remotes <= MAX_REMOTES * viewers);
        for (remote, (index, at)) in &self.last_seen {
            if self.is_held(*at) {
                let known = self.routes.by_remote(*remote);
                assert_eq!(known, Some(index), "{remote:?} was taken away");
            }
        }
    }
}

/// A binding request (RFC 8489 5 and 14).
fn binding_request(before: u8, ufrag: &str) -> Vec<u8> {
    let mut datagram = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    datagram.extend([7; 12]);
    if before > 0 {
        datagram.extend([0x80, 0x22, 0, before]);
        datagram.extend(vec![b':'; usize::from(before).next_multiple_of(4)]);
    }
    let username = format!("{ufrag}:peer");
    datagram.extend([0, 6, 0, username.len() as u8]);
    datagram.extend(username.bytes());
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram
}

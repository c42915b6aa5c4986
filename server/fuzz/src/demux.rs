//! Datagrams from anywhere, to the table that finds their viewers, while viewers come, go, move and restart ICE.
//!
//! An input is a list of events. The first byte of an event, modulo 8, says what happens; a viewer, a name and an address are a byte each:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 | a viewer comes |
//! | 1 | a viewer gets a name |
//! | 2 | a viewer goes |
//! | 3 | a viewer is about to ask an address something |
//! | 4 | a viewer proves to be at an address |
//! | 5 | a binding request comes from an address: a byte of how long an attribute before USERNAME is, then the name |
//! | 6 | a datagram comes from an address: a byte of its length, then the datagram |
//! | 7 | time passes: 40 ms for each unit of the byte that follows |

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use net::routes::{HOLD, MAX_REMOTES, Remote, RouteId, Routes};

/// Viewers at once; more tell nothing more.
const VIEWERS: usize = 64;

/// A viewer by its place in [`Table::viewers`].
type Place = usize;

struct Table {
    now: Instant,
    routes: Routes<Place>,
    /// All that ever came; those who went are none.
    viewers: Vec<Option<RouteId>>,
    /// Who was given a name last.
    names: HashMap<String, Place>,
    /// Who may be known by which address.
    known: HashSet<(Place, Remote)>,
    /// Who was heard from an address last, and when. Nobody takes it away from there for a while but by a proof.
    heard: HashMap<Remote, (Place, Instant)>,
}

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let mut table = Table {
        now: Instant::now(),
        routes: Routes::default(),
        viewers: Vec::new(),
        names: HashMap::new(),
        known: HashSet::new(),
        heard: HashMap::new(),
    };
    let mut input = Input(data);
    while let Some(event) = input.next() {
        table.happen(event % 8, &mut input);
        table.check();
    }
}

/// What is left of an input.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// One of 16 names.
    fn set_ufrag(&mut self) -> String {
        format!("{:x}", self.byte() % 16).repeat(4)
    }

    /// One of 64 hosts at two of our sockets, over UDP or TCP.
    fn remote(&mut self) -> Remote {
        let byte = self.byte();
        let address = SocketAddr::from(([192, 0, 2, byte & 63], 5000));
        Remote {
            socket: usize::from(byte >> 6 & 1),
            address,
            tcp: byte >> 7 == 1,
        }
    }

    fn datagram(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (datagram, rest) = self.0.split_at(length);
        self.0 = rest;
        datagram
    }
}

impl Table {
    fn happen(&mut self, event: u8, input: &mut Input<'_>) {
        match event {
            0 => self.come(),
            1 => {
                if let Some((place, id)) = self.viewer(input) {
                    let name = input.set_ufrag();
                    self.routes.set_ufrag(id, &name);
                    self.names.retain(|_, other| *other != place);
                    self.names.insert(name, place);
                }
            }
            2 => {
                if let Some((place, id)) = self.viewer(input) {
                    self.routes.remove(id);
                    self.viewers[place] = None;
                    self.names.retain(|_, other| *other != place);
                    self.heard.retain(|_, (other, _)| *other != place);
                }
            }
            3 | 4 => {
                if let Some((place, id)) = self.viewer(input) {
                    let remote = input.remote();
                    self.known.insert((place, remote));
                    if event == 3 {
                        self.routes.expect_response(self.now, id, remote);
                    } else {
                        self.heard.remove(&remote);
                        self.routes.claim(self.now, id, remote);
                    }
                }
            }
            5 => {
                let (remote, before, name) = (input.remote(), input.byte(), input.set_ufrag());
                let named = self.names.get(&name).copied();
                self.known.extend(named.map(|place| (place, remote)));
                let found = self.route(remote, &binding_request(before, &name));
                if let Some(named) = named {
                    assert_eq!(found, Some(named), "{name} is somebody else's");
                }
            }
            6 => {
                let (remote, datagram) = (input.remote(), input.datagram());
                self.route(remote, datagram);
            }
            _ => self.now += Duration::from_millis(40) * u32::from(input.byte()),
        }
    }

    fn come(&mut self) {
        if self.viewers.iter().flatten().count() < VIEWERS {
            let id = self.routes.add(self.viewers.len());
            self.viewers.push(Some(id));
        }
    }

    /// Somebody who is there.
    fn viewer(&self, input: &mut Input<'_>) -> Option<(Place, RouteId)> {
        let there = self.viewers.iter().enumerate();
        let there: Vec<_> = there
            .filter_map(|(place, id)| Some((place, (*id)?)))
            .collect();
        let chosen = usize::from(input.byte()).checked_rem(there.len())?;
        Some(there[chosen])
    }

    fn route(&mut self, remote: Remote, datagram: &[u8]) -> Option<Place> {
        let place = *self.routes.route(self.now, remote, datagram)?;
        assert!(self.viewers[place].is_some(), "whoever went gets nothing");
        // The datagrams of an input may be requests too.
        let mut names = self.names.iter().filter(|(_, other)| **other == place);
        let named = names.any(|(name, _)| {
            let name = format!("{name}:").into_bytes();
            datagram.windows(name.len()).any(|bytes| bytes == name)
        });
        assert!(
            named || self.known.contains(&(place, remote)),
            "it was never known by {remote:?}"
        );
        self.known.insert((place, remote));
        let holder = self.heard.get(&remote).filter(|(_, at)| self.is_held(*at));
        let holds = holder.is_none_or(|(holder, _)| *holder == place);
        if holds && self.routes.last_seen_at(remote) == Some(&place) {
            self.heard.insert(remote, (place, self.now));
        }
        Some(place)
    }

    /// Whether an address that was heard then is still its viewer's.
    fn is_held(&self, at: Instant) -> bool {
        self.now.duration_since(at) < HOLD
    }

    fn check(&self) {
        let [viewers, names, remotes] = self.routes.counts();
        assert_eq!(viewers, self.viewers.iter().flatten().count());
        assert_eq!(names, self.names.len());
        assert!(remotes <= MAX_REMOTES * viewers);
        for (remote, (place, at)) in &self.heard {
            if self.is_held(*at) {
                let known = self.routes.last_seen_at(*remote);
                assert_eq!(known, Some(place), "{remote:?} was taken away");
            }
        }
    }
}

/// As RFC 8489 5 and 14 have it.
fn binding_request(before: u8, name: &str) -> Vec<u8> {
    let mut datagram = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    datagram.extend([7; 12]);
    if before > 0 {
        datagram.extend([0x80, 0x22, 0, before]);
        datagram.extend(vec![b':'; usize::from(before).next_multiple_of(4)]);
    }
    let username = format!("{name}:peer");
    datagram.extend([0, 6, 0, username.len() as u8]);
    datagram.extend(username.bytes());
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram
}

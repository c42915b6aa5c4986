//! The ICE agent of one connection (RFC 8445). No sockets; `now` is passed in.
//!
//! The agent of a server in front of strangers, the controlled side. It is given no candidates: the peer's checks are answered, and
//! each triggers one of ours to where it came from. So **nothing is sent to an address that has not itself sent an authenticated
//! check**, and until that address has answered, at most three times the bytes that came from it. The exception is a lite peer,
//! for a server whose owner wants it (`lite_peer`).
//!
//! - The first proved path is selected; later the newest one that is both nominated and proved (`nomination` has the rule).
//! - The selected path is checked every 4 to 6 s (consent, RFC 7675 5.1). When it does not answer, and another proved path was
//!   heard since, the agent moves there: the peer's NAT has changed its address.
//! - After a restart, the old credentials work until a path is proved with the new ones.
//! - At most [`MAX_PATHS`] paths, and 200 requests a second from known addresses, and from each of 16 groups of new ones.
//!
//! | module | noun |
//! |---|---|
//! | `stun` | STUN Binding messages |
//! | `credentials` | ufrag and password |
//! | `path` | one path |
//! | `check` | our check of a path, and the round trip that it tells |
//! | `nomination` | which path the peer has chosen |
//! | `selection` | which path data goes on |
//! | `meter` | limits on the rate of requests |
//! | `lite_peer` | checks of candidates, of a peer that sends no checks |
//! | `check_pacer` | the pace of these, of all connections together |

mod check;
mod check_pacer;
mod credentials;
mod lite_peer;
mod meter;
mod nomination;
mod path;
mod selection;
mod stun;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use net::routes::Remote;

use check::Due;
pub use check_pacer::CheckPacer;
pub use credentials::Credentials;
use credentials::IceSession;
use lite_peer::LitePeer;
pub use lite_peer::MAX_CANDIDATES;
use meter::{Meter, SourceMeters};
use path::Path;
use stun::{Class, Message, Sender};

/// Addresses of the peer. Browsers use a handful.
pub const MAX_PATHS: usize = 16;
/// In a full table, a path that was not heard for this long gives its place to a new one.
const UNHEARD: Duration = Duration::from_secs(5);
/// Datagrams that wait for `poll_transmit`. More are lost, as in a full socket.
const MAX_QUEUED: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceEvent {
    /// The first authenticated check from an address: its datagrams are this connection's.
    Learned(Remote),
    /// An address that is not in use any more, or gave its place to a newer one.
    Forgotten(Remote),
    /// Data goes here from now on.
    Selected(Remote),
    /// A path works with the credentials of the restart; those before are invalid now.
    RestartDone,
}

/// What a datagram was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has an effect: STUN that is authenticated.
    Ours,
    /// Not authenticated, or nothing that this agent waits for. It has none.
    NotOurs,
    /// One request too many: it is dropped before it is authenticated.
    OverLimit,
}

/// One connection's ICE. Events and datagrams are to be polled after each call that takes `now`.
#[derive(Debug)]
pub struct Agent {
    session: IceSession,
    /// The session before a restart that is not done.
    previous: Option<IceSession>,
    paths: Vec<Path>,
    /// We are the controlling side.
    lite_peer: Option<Box<LitePeer>>,
    selected: Option<Remote>,
    consent_at: Instant,
    last_heard: Instant,
    has_heard: bool,
    known: Meter,
    new: SourceMeters,
    transmits: VecDeque<(Remote, Vec<u8>)>,
    events: VecDeque<IceEvent>,
}

impl Agent {
    pub fn new(local: Credentials, remote: Credentials, now: Instant) -> Self {
        Self {
            session: IceSession::new(local, remote, 0),
            previous: None,
            paths: Vec::new(),
            lite_peer: None,
            selected: None,
            consent_at: now,
            last_heard: now,
            has_heard: false,
            known: Meter::new(now),
            new: SourceMeters::new(now),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes one datagram. What is not authenticated is neither answered nor remembered.
    pub fn receive(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Verdict {
        let Some(message) = Message::parse(datagram) else {
            return Verdict::NotOurs;
        };
        match message.class {
            Class::Request => self.on_request(now, from, &message, datagram.len()),
            Class::Success | Class::Error => self.on_response(now, from, &message),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.selected.is_some() && self.consent_at <= now {
            self.check_consent(now);
        }
        self.send_checks(now);
        self.check_lite_peer(now);
    }

    /// None: nothing is due until a datagram comes.
    pub fn next_timeout(&self) -> Option<Instant> {
        let checks = self.paths.iter().filter_map(Path::next_timeout);
        let checks = checks.chain(self.lite_peer.as_ref().and_then(|peer| peer.next_timeout()));
        checks.chain(self.selected.map(|_| self.consent_at)).min()
    }

    pub fn poll_transmit(&mut self) -> Option<(Remote, Vec<u8>)> {
        self.transmits.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<IceEvent> {
        self.events.pop_front()
    }

    pub fn selected(&self) -> Option<Remote> {
        self.selected
    }

    /// The round-trip time of the selected path, as its newest check has measured it.
    pub fn rtt(&self) -> Option<Duration> {
        let mut paths = self.paths.iter();
        paths.find(|path| self.selected == Some(path.remote))?.rtt()
    }

    /// Whether an authenticated check came from `remote`.
    pub fn knows(&self, remote: Remote) -> bool {
        self.paths.iter().any(|path| path.remote == remote)
    }

    /// When the newest authenticated request or response came on the selected path; while none is selected, on any.
    pub fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// Whether an authenticated request or response has come, on any path.
    pub fn has_heard(&self) -> bool {
        self.has_heard
    }

    /// The peer is lite: it answers checks, and sends none.
    pub fn has_lite_peer(&self) -> bool {
        self.lite_peer.is_some()
    }

    pub fn local(&self) -> &Credentials {
        &self.session.local
    }

    pub fn remote(&self) -> &Credentials {
        &self.session.remote
    }

    fn on_request(
        &mut self,
        now: Instant,
        from: Remote,
        check: &Message<'_>,
        bytes: usize,
    ) -> Verdict {
        let sessions = std::iter::once(&self.session).chain(&self.previous);
        let mut named = sessions.filter(|session| session.is_named_by(check));
        let Some(session) = named.next() else {
            return Verdict::NotOurs;
        };
        let meter = if self.knows(from) {
            &mut self.known
        } else {
            self.new.of(from.address.ip())
        };
        if !meter.admits(now) {
            return Verdict::OverLimit;
        }
        let integrity = &session.local_integrity;
        if !check.is_authentic(integrity) {
            return Verdict::NotOurs;
        }
        self.has_heard = true;
        // Both are controlled: the peer has to change its role, as we cannot (RFC 8445 7.3.1.1).
        if check.controlled && self.lite_peer.is_none() {
            let response = stun::role_conflict(check.transaction, integrity);
            queue(&mut self.transmits, from, response);
            return Verdict::Ours;
        }
        let response = stun::success(check.transaction, from.address, integrity);
        let generation = session.generation;
        let Some(index) = self.path(now, from, generation) else {
            return Verdict::Ours;
        };
        self.note_heard(now, from);
        let path = &mut self.paths[index];
        path.on_request(now, bytes);
        if generation > path.generation {
            path.change_generation(generation);
        }
        if path.admits(response.len()) {
            queue(&mut self.transmits, from, response);
        }
        // An old credential on a path that works with new ones is late, and only answered.
        if generation == path.generation {
            path.trigger_check(now);
            if path.nomination.note(now, check) {
                self.on_nomination(now, index);
            }
        }
        self.probe_selected(now, from);
        self.send_checks(now);
        Verdict::Ours
    }

    fn on_response(&mut self, now: Instant, from: Remote, response: &Message<'_>) -> Verdict {
        if let Some(verdict) = self.on_lite_response(now, from, response) {
            return verdict;
        }
        let is_sent_to = |path: &Path| path.remote == from && path.awaits(response);
        let Some(index) = self.paths.iter().position(is_sent_to) else {
            return Verdict::NotOurs;
        };
        let session = session_of(&self.session, self.previous.as_ref(), &self.paths[index]);
        if !response.is_authentic(&session.remote_integrity) {
            return Verdict::NotOurs;
        }
        self.has_heard = true;
        self.note_heard(now, from);
        // A success without XOR-MAPPED-ADDRESS proves the path too: FFmpeg's publisher sends it.
        let success = response.class == Class::Success;
        self.paths[index].on_response(now, response.transaction, success);
        if success {
            self.consider(now, index);
        }
        Verdict::Ours
    }

    /// The path of an address, which may be new. None: there is no place for it.
    fn path(&mut self, now: Instant, from: Remote, generation: u32) -> Option<usize> {
        if let Some(known) = self.paths.iter().position(|path| path.remote == from) {
            return Some(known);
        }
        if self.paths.len() >= MAX_PATHS {
            let paths = self.paths.iter().enumerate();
            let unheard = paths.filter(|(_, path)| {
                path.heard + UNHEARD <= now && self.selected != Some(path.remote)
            });
            let (index, _) = unheard.min_by_key(|(_, path)| path.heard)?;
            let forgotten = self.paths.swap_remove(index).remote;
            self.events.push_back(IceEvent::Forgotten(forgotten));
        }
        self.events.push_back(IceEvent::Learned(from));
        self.paths.push(Path::new(from, generation, now));
        Some(self.paths.len() - 1)
    }

    fn note_heard(&mut self, now: Instant, from: Remote) {
        if self.selected.is_none_or(|selected| selected == from) {
            self.last_heard = now;
        }
    }

    /// Sends what our checks need.
    fn send_checks(&mut self, now: Instant) {
        let sender = match self.lite_peer {
            Some(_) => Sender::Controlling { nominates: false },
            None => Sender::Controlled,
        };
        let mut lost = false;
        for path in &mut self.paths {
            match path.poll_check(now) {
                Due::Nothing => {}
                Due::Failed => lost |= self.selected == Some(path.remote),
                Due::Request(transaction) => {
                    let session = session_of(&self.session, self.previous.as_ref(), path);
                    let integrity = &session.remote_integrity;
                    let check = stun::check(transaction, &session.username, integrity, sender);
                    if path.admits(check.len()) {
                        queue(&mut self.transmits, path.remote, check);
                    }
                }
            }
        }
        if lost {
            self.leave_selected(now);
        }
    }
}

/// The credentials that a path uses.
fn session_of<'a>(
    session: &'a IceSession,
    previous: Option<&'a IceSession>,
    path: &Path,
) -> &'a IceSession {
    let is_used = |session: &&IceSession| session.generation == path.generation;
    previous.filter(is_used).unwrap_or(session)
}

fn queue(transmits: &mut VecDeque<(Remote, Vec<u8>)>, to: Remote, datagram: Vec<u8>) {
    if transmits.len() < MAX_QUEUED {
        transmits.push_back((to, datagram));
    }
}

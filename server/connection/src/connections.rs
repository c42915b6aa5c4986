//! The connections of one port: which peer a datagram is for, and which is due when.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use egress::PlayheadCommand;
use net::Arrival;
use net::routes::RouteId;
use rtc_crypto::RTCCryptoProvider;
use transport::ice::Credentials;

use super::end::End;
use super::peer::Peer;
use super::publisher::{Publisher, PublisherStart};
use super::serving::Ends;
use super::viewer::{Opening, Viewer};

/// State of a connection thread. It reads no clock.
pub(super) struct Connections {
    peers: HashMap<RouteId, Peer>,
    /// Of the peers that wait for a time. A change costs 0.15 us of CPU time with 100 connections and 0.3 us with 10,000; on the timer wheel of the shards,
    /// one turn of which is shorter than the time between two checks for consent, 0.2 to 0.3 us and twice the wake-ups.
    deadlines: BTreeSet<(Instant, RouteId)>,
    ends: Ends,
    crypto: Arc<dyn RTCCryptoProvider>,
}

/// What sessions ask of a connection thread.
#[derive(Debug)]
pub(super) enum Command {
    Open(Box<Opening>),
    Publish(Box<PublisherStart>),
    /// With new credentials, ours and the peer's.
    Restart(RouteId, Credentials, Credentials),
    MovePlayhead(RouteId, Box<PlayheadCommand>),
    End(RouteId, End),
    #[cfg(feature = "fault-injection")]
    Fail,
}

impl Connections {
    /// The shard reports to `ends` why sending to a viewer ended, which is to be handed to [`Connections::end`].
    pub(super) fn new(crypto: Arc<dyn RTCCryptoProvider>, ends: Ends) -> Self {
        Self {
            peers: HashMap::new(),
            deadlines: BTreeSet::new(),
            ends,
            crypto,
        }
    }

    /// Ends all connections after a failure of the thread.
    pub(super) fn reset(&mut self, now: Instant) {
        self.deadlines.clear();
        for (_, peer) in self.peers.drain() {
            peer.end(now, &End::ShardFailed);
        }
    }

    /// When [`Connections::handle_timeouts`] has work to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn receive(&mut self, now: Instant, mut arrival: Arrival) {
        if let Some(peer) = self.peers.get_mut(&arrival.to) {
            peer.receive(now, &mut arrival);
            self.settle(now, arrival.to);
        }
    }

    pub(super) fn handle_timeouts(&mut self, now: Instant) {
        while let Some((at, id)) = self.deadlines.first().copied()
            && at <= now
        {
            self.deadlines.pop_first();
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.connection().deadline = None;
                peer.handle_timeout(now);
                self.settle(now, id);
            }
        }
    }

    pub(super) fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Open(opening) => {
                self.add(now, Peer::Viewer(Box::new(Viewer::new(*opening, now))));
            }
            Command::Publish(start) => {
                self.add(now, Peer::Publisher(Box::new(Publisher::new(*start, now))));
            }
            Command::Restart(id, local, remote) => {
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.connection().restart(now, local, remote);
                    self.settle(now, id);
                }
            }
            Command::MovePlayhead(id, command) => {
                if let Some(Peer::Viewer(viewer)) = self.peers.get_mut(&id) {
                    viewer.move_playhead(*command);
                }
            }
            Command::End(id, end) => self.end(now, id, &end),
            #[cfg(feature = "fault-injection")]
            Command::Fail => panic!("a fault that a test injects"),
        }
    }

    fn add(&mut self, now: Instant, mut peer: Peer) {
        let id = peer.connection().route.id();
        self.peers.insert(id, peer);
        self.settle(now, id);
    }

    pub(super) fn end(&mut self, now: Instant, id: RouteId, end: &End) {
        if let Some(mut peer) = self.peers.remove(&id) {
            if let Some(deadline) = peer.connection().deadline {
                self.deadlines.remove(&(deadline, id));
            }
            peer.end(now, end);
        }
    }

    /// Handles what the connection has to tell, and notes when it is due next.
    fn settle(&mut self, now: Instant, id: RouteId) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        if let Some(end) = peer.settle(now, self.crypto.crypto(), &self.ends) {
            self.end(now, id, &end);
            return;
        }
        let next = peer.next_timeout();
        let deadline = &mut peer.connection().deadline;
        if next == *deadline {
            return;
        }
        if let Some(deadline) = std::mem::replace(deadline, next) {
            self.deadlines.remove(&(deadline, id));
        }
        if let Some(next) = next {
            self.deadlines.insert((next, id));
        }
    }
}

//! One peer of a room, here or away.

use std::time::{Duration, Instant};

use shared::signaling::{LeaveReason, Peer, PeerId, PeerKey, PeerKind};

use super::SocketId;
use super::peer_name::PeerName;

/// How long a peer without a socket keeps its place.
#[derive(Clone, Copy, Debug)]
pub struct AwayRules {
    /// A peer that is away for longer has left.
    pub timeout: Duration,
    /// One that was in the room for less leaves at once: otherwise joins that drop would take all places. The only one of a room with a
    /// password stays away, or the next person would decide about the password.
    pub presence: Duration,
    /// One whose page was closed has left after this time: a reload takes less.
    pub reload: Duration,
}

/// How the socket of a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEnd {
    /// Without notice, or by the server.
    Dropped,
    /// By the program of the peer, which ends or loads its page again (RFC 6455 7.4.1, status 1001).
    GoingAway,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: PeerId,
    pub(super) key: PeerKey,
    pub(super) name: PeerName,
    pub(super) kind: PeerKind,
    pub(super) native: bool,
    /// When it joined first.
    pub(super) since: Instant,
    pub(super) presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Here(SocketId),
    Away {
        since: Instant,
        /// The peer has left then.
        until: Instant,
        why: LeaveReason,
    },
}

impl Member {
    pub(super) fn peer(&self) -> Peer {
        Peer {
            id: self.id.clone(),
            name: self.name.as_str().to_owned(),
            kind: self.kind,
            native: self.native,
            away: self.socket().is_none(),
        }
    }

    /// The time after which it has left, if it is away.
    pub(super) fn away_for(&self, now: Instant) -> Option<Duration> {
        match self.presence {
            Presence::Here(_) => None,
            Presence::Away { until, .. } => Some(until.saturating_duration_since(now)),
        }
    }

    /// Its page was closed after less than `presence` in the room: its name is free.
    pub(super) fn left_soon(&self, presence: Duration) -> bool {
        matches!(self.presence, Presence::Away { since, why: LeaveReason::Left, .. }
            if since.saturating_duration_since(self.since) < presence)
    }

    pub(super) fn socket(&self) -> Option<SocketId> {
        match self.presence {
            Presence::Here(socket) => Some(socket),
            Presence::Away { .. } => None,
        }
    }
}

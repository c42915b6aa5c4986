//! A member that a room should have.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use shared::signaling::{LeaveReason, Peer, PeerId, PeerKey, PeerKind};

use super::PEOPLE;
use crate::{AwayRules, SocketEnd, SocketId, peer_name::PeerName};

pub(super) const ROOM: &str = "demo";
pub(super) const AWAY_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const AWAY: AwayRules = AwayRules {
    timeout: AWAY_TIMEOUT,
    presence: Duration::ZERO,
    reload: Duration::from_secs(4),
};

static IDS: LazyLock<[PeerId; PEOPLE]> =
    LazyLock::new(|| std::array::from_fn(|person| PeerId::of(ROOM, &key(person))));

/// A member that the room should have.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) person: usize,
    pub(super) name: PeerName,
    pub(super) socket: Option<SocketId>,
    pub(super) away_since: Instant,
    /// How its last socket ended.
    pub(super) end: SocketEnd,
}

impl Expected {
    pub(super) fn peer(&self) -> Peer {
        Peer {
            id: id(self.person),
            name: self.name.as_str().to_owned(),
            kind: PeerKind::Browser,
            native: true,
            away: self.socket.is_none(),
        }
    }
}

/// How long a peer stays away, and why it has left then.
pub(super) fn after(end: SocketEnd) -> (Duration, LeaveReason) {
    match end {
        SocketEnd::Dropped => (AWAY.timeout, LeaveReason::Lost),
        SocketEnd::GoingAway => (AWAY.reload, LeaveReason::Left),
    }
}

pub(super) fn key(person: usize) -> PeerKey {
    PeerKey::from_random(person as u128)
}

pub(super) fn id(person: usize) -> PeerId {
    IDS[person].clone()
}

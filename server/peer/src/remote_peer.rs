//! Another peer of the room, and the connection to it.

use std::time::{Duration, Instant};

use shared::chat::TYPING_TIMEOUT_S;
use shared::signaling::{Peer, PeerKind};
use webrtc::peer_connection::RTCIceCandidateType;

use crate::connection::CandidatePair;
use crate::delivery::Delivery;
use crate::event::{Event, PeerInfo};
use crate::peer_link::PeerLink;
use crate::recovery::Recovery;

#[derive(Debug)]
pub(crate) struct RemotePeer {
    pub(crate) peer: Peer,
    pub(crate) recovery: Recovery,
    pub(crate) link: Option<PeerLink>,
    /// There was a link before.
    pub(crate) had_link: bool,
    /// The chat channel is open.
    pub(crate) open: bool,
    /// When messages that were not acknowledged are sent again.
    pub(crate) resend_at: Option<Instant>,
    /// Messages to a peer that may not acknowledge them.
    pub(crate) delivery: Delivery,
    /// When the end of the connection is shown; the peer may have left by then.
    pub(crate) report_closed_at: Option<Instant>,
    /// The peer is typing, until this time.
    pub(crate) typing: Option<Instant>,
    pub(crate) route: Option<(CandidatePair, String)>,
    pub(crate) rtt_ms: Option<f64>,
    pub(crate) progress: AttemptProgress,
    /// The server does not list the peer since this time: it has left, or the server was restarted.
    pub(crate) gone_since: Option<Instant>,
}

/// How far an attempt came; explains its failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AttemptProgress {
    /// The other side answered.
    pub(crate) answered: bool,
    /// A STUN server answered.
    pub(crate) reflexive: bool,
    /// A TURN server answered.
    pub(crate) relay: bool,
}

impl AttemptProgress {
    pub(crate) fn on_local_candidate(&mut self, kind: RTCIceCandidateType) {
        match kind {
            RTCIceCandidateType::Srflx => self.reflexive = true,
            RTCIceCandidateType::Relay => self.relay = true,
            _ => {}
        }
    }
}

impl RemotePeer {
    pub(crate) fn new(peer: Peer, recovery: Recovery) -> Self {
        Self {
            peer,
            recovery,
            link: None,
            had_link: false,
            open: false,
            resend_at: None,
            delivery: Delivery::default(),
            report_closed_at: None,
            typing: None,
            route: None,
            rtt_ms: None,
            progress: AttemptProgress::default(),
            gone_since: None,
        }
    }

    /// The server can carry signals to the peer.
    pub(crate) fn is_present(&self) -> bool {
        !self.peer.away && self.gone_since.is_none()
    }

    /// One of our clients, which acknowledges each message. A foreign peer may acknowledge none ([`crate::delivery`]).
    pub(crate) fn acknowledges(&self) -> bool {
        self.peer.kind != PeerKind::Other
    }

    /// The peer is typing or has stopped. True when that is a change.
    pub(crate) fn set_typing(&mut self, on: bool, now: Instant) -> bool {
        let before = self.typing.is_some_and(|until| now < until);
        self.typing = on.then(|| now + Duration::from_secs(TYPING_TIMEOUT_S));
        before != on
    }

    /// Closes the link. True when its chat channel was open.
    pub(crate) fn drop_link(&mut self) -> bool {
        self.link = None;
        self.resend_at = None;
        self.route = None;
        self.rtt_ms = None;
        self.progress = AttemptProgress::default();
        std::mem::take(&mut self.open)
    }

    /// `connected`; absent until the chat channel is open and its route is known.
    pub(crate) fn connected_event(&self) -> Option<Event> {
        let (pair, code) = self.route.as_ref().filter(|_| self.open)?;
        Some(Event::Connected {
            peer: self.peer.id.clone(),
            name: self.peer.name.clone(),
            relayed: pair.is_relayed(),
            local_type: pair.local_type.clone(),
            remote_type: pair.remote_type.clone(),
            local: pair.local.clone(),
            remote: pair.remote.clone(),
            safety_code: code.clone(),
        })
    }

    pub(crate) fn info(&self) -> PeerInfo {
        let route = self.route.as_ref().filter(|_| self.open);
        PeerInfo {
            peer: self.peer.id.clone(),
            name: self.peer.name.clone(),
            kind: self.peer.kind,
            away: !self.is_present(),
            connected: self.open,
            relayed: route.map(|(pair, _)| pair.is_relayed()),
            rtt_ms: self.rtt_ms.filter(|_| self.open),
            safety_code: route.map(|(_, code)| code.clone()),
        }
    }
}

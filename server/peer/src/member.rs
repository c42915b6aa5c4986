//! Somebody else in the room, and the connection to it.

use std::time::{Duration, Instant};

use shared::chat::TYPING_TIMEOUT_S;
use shared::signaling::Peer;
use webrtc::peer_connection::RTCIceCandidateType;

use crate::connection::Pair;
use crate::event::{Event, Somebody};
use crate::link::Link;
use crate::path::Path;

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) peer: Peer,
    pub(crate) path: Path,
    pub(crate) link: Option<Link>,
    /// There was a link before.
    pub(crate) linked: bool,
    /// Frames can be sent on the link.
    pub(crate) open: bool,
    /// When what it has not received is sent again.
    pub(crate) again_at: Option<Instant>,
    /// When it is told that the connection has ended; by then it may have left.
    pub(crate) missed_at: Option<Instant>,
    /// It is writing, until then.
    pub(crate) typing: Option<Instant>,
    pub(crate) route: Option<(Pair, String)>,
    pub(crate) rtt_ms: Option<f64>,
    pub(crate) found: Found,
    /// The server does not know it since then: it has left, or the server was restarted.
    pub(crate) gone: Option<Instant>,
}

/// How far an attempt came, for whoever has to be told why it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The other side answered.
    pub(crate) agreed: bool,
    /// A STUN server answered.
    pub(crate) reflexive: bool,
    /// A TURN server answered.
    pub(crate) relay: bool,
}

impl Found {
    pub(crate) fn candidate(&mut self, kind: RTCIceCandidateType) {
        match kind {
            RTCIceCandidateType::Srflx => self.reflexive = true,
            RTCIceCandidateType::Relay => self.relay = true,
            _ => {}
        }
    }
}

impl Member {
    pub(crate) fn new(peer: Peer, path: Path) -> Self {
        Self {
            peer,
            path,
            link: None,
            linked: false,
            open: false,
            again_at: None,
            missed_at: None,
            typing: None,
            route: None,
            rtt_ms: None,
            found: Found::default(),
            gone: None,
        }
    }

    /// What is said to it through the server arrives.
    pub(crate) fn is_present(&self) -> bool {
        !self.peer.away && self.gone.is_none()
    }

    /// It is writing, or has stopped. True when that is news.
    pub(crate) fn types(&mut self, on: bool, now: Instant) -> bool {
        let before = self.typing.is_some_and(|until| now < until);
        self.typing = on.then(|| now + Duration::from_secs(TYPING_TIMEOUT_S));
        before != on
    }

    /// Closes the link, if there is one. True when it was open.
    pub(crate) fn drop_link(&mut self) -> bool {
        self.link = None;
        self.again_at = None;
        self.route = None;
        self.rtt_ms = None;
        self.found = Found::default();
        std::mem::take(&mut self.open)
    }

    /// When the chat is open and its way is known.
    pub(crate) fn connected(&self) -> Option<Event> {
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

    pub(crate) fn somebody(&self) -> Somebody {
        let route = self.route.as_ref().filter(|_| self.open);
        Somebody {
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

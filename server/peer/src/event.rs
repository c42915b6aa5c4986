//! What happens in the room, as the terminal shows it and as `--json` writes it.

use serde::Serialize;
use shared::signaling::{PeerId, PeerKind};

/// One line of `--json`: `{"event": "message", "peer": "0123456789abcdef", "name": "peer2", ...}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// In the room, with those who are there. Comes again when the server was lost and found.
    Welcome {
        room: String,
        id: PeerId,
        name: String,
        peers: Vec<PeerInfo>,
        again: bool,
    },
    /// The way to the server is gone; whoever is connected stays so.
    Offline {
        message: String,
    },
    Joined {
        peer: PeerId,
        name: String,
        kind: PeerKind,
    },
    /// Its way to the server is gone; it may come back.
    Away {
        peer: PeerId,
        name: String,
    },
    Back {
        peer: PeerId,
        name: String,
    },
    Left {
        peer: PeerId,
        name: String,
    },
    /// The chat with this peer is open; comes again when the way changes.
    Connected {
        peer: PeerId,
        name: String,
        /// Through a TURN server, on either side.
        relayed: bool,
        /// Of the nominated pair (RFC 8445 5.1.1): `host`, `srflx`, `prflx`, `relay`.
        local_type: String,
        remote_type: String,
        /// ServerUrl and port of both, for whoever looks at networks.
        local: String,
        remote: String,
        safety_code: String,
    },
    /// Nothing is heard from this peer; another way is being looked for.
    Disconnected {
        peer: PeerId,
        name: String,
    },
    /// No way to this peer was found; it is tried again.
    Failed {
        peer: PeerId,
        name: String,
        message: String,
    },
    /// PeerInfo said something.
    Message {
        peer: PeerId,
        name: String,
        number: u64,
        at: u64,
        text: String,
    },
    /// This peer said something.
    Said {
        number: u64,
        at: u64,
        text: String,
    },
    /// `peer` has what was said or offered with `number`.
    Received {
        peer: PeerId,
        name: String,
        number: u64,
        /// So have all who were meant.
        all: bool,
    },
    Typing {
        peer: PeerId,
        name: String,
        on: bool,
    },
    File(FileEvent),
    /// The answer to `/who`.
    Who {
        id: PeerId,
        name: String,
        peers: Vec<PeerInfo>,
    },
    /// Something that a person should know and may do something about.
    Error {
        message: String,
    },
    /// An answer to a command, such as /help.
    Note {
        message: String,
    },
    /// The end.
    Bye {
        message: String,
    },
}

/// PeerInfo else in the room.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PeerInfo {
    pub(crate) peer: PeerId,
    pub(crate) name: String,
    pub(crate) kind: PeerKind,
    pub(crate) away: bool,
    pub(crate) connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relayed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtt_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) safety_code: Option<String>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FileEvent {
    pub(crate) what: FileStep,
    /// The other one: who gives it, or who gets it. None when it is offered to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<PeerId>,
    /// The other one's name, or empty.
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) number: u64,
    pub(crate) size: u64,
    /// Bytes that have passed.
    pub(crate) bytes: u64,
    /// Bytes a second.
    pub(crate) speed: u64,
    /// Where it lies, once it is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// A sentence, when it went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileStep {
    /// This peer offers it to all.
    Offered,
    /// PeerInfo offers it.
    Offer,
    Sending,
    Receiving,
    /// It broke off, and goes on from here when it can.
    Paused,
    /// The other one has it, whole.
    Sent,
    /// It is here, whole, at `path`.
    Received,
    Cancelled,
    Failed,
}

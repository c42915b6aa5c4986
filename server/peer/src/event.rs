//! Events of the room, printed as a line of text or, with `--json`, as JSON.

use serde::Serialize;
use shared::chat::About;
use shared::signaling::{PeerId, PeerKind};

/// One line of `--json`: `{"event": "message", "peer": "0123456789abcdef", "name": "peer2", ...}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// This peer is in the room; `peers` are the others. Sent again after the server was lost and found.
    Welcome {
        room: String,
        id: PeerId,
        name: String,
        peers: Vec<PeerInfo>,
        again: bool,
    },
    /// The connection to the server is lost. Connections to peers stay.
    Offline {
        message: String,
    },
    Joined {
        peer: PeerId,
        name: String,
        kind: PeerKind,
    },
    /// The peer's connection to the server is lost; it may come back.
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
    /// The chat channel with this peer is open. Sent again when its path changes.
    Connected {
        peer: PeerId,
        name: String,
        /// Either side uses a TURN server.
        relayed: bool,
        /// Type of the nominated candidates (RFC 8445 5.1.1): `host`, `srflx`, `prflx`, `relay`.
        local_type: String,
        remote_type: String,
        /// Address and port of both candidates.
        local: String,
        remote: String,
        safety_code: String,
    },
    /// The connection to this peer is interrupted; it is being recovered.
    Disconnected {
        peer: PeerId,
        name: String,
    },
    /// Connecting to this peer failed; further attempts follow.
    Failed {
        peer: PeerId,
        name: String,
        message: String,
    },
    /// A text from another peer.
    Message {
        peer: PeerId,
        name: String,
        number: u64,
        at: u64,
        text: String,
        /// It replies to an earlier message, or changes it.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<About>,
    },
    /// A text of this peer.
    Said {
        number: u64,
        at: u64,
        text: String,
    },
    /// `peer` has received the message `number` of this peer. Of a client that acknowledges nothing, its SCTP has.
    Received {
        peer: PeerId,
        name: String,
        number: u64,
        /// Every peer that it was sent to has received it.
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
    /// An error for the user.
    Error {
        message: String,
    },
    /// The answer to another command, such as `/help`.
    Note {
        message: String,
    },
    /// The program ends.
    Bye {
        message: String,
    },
}

/// Another peer of the room.
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

/// The state of a file transfer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FileEvent {
    pub(crate) what: FileStep,
    /// The other side of the transfer. Absent when this peer offers the file to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<PeerId>,
    /// The other side's name, or empty.
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) number: u64,
    pub(crate) size: u64,
    /// Bytes transferred so far.
    pub(crate) bytes: u64,
    /// Bytes per second.
    pub(crate) speed: u64,
    /// Path of the received file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// A sentence, when the transfer failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileStep {
    /// This peer offers the file to all.
    Offered,
    /// Another peer offers the file.
    Offer,
    Sending,
    Receiving,
    /// Interrupted; it continues from here once the peer is connected.
    Paused,
    /// The other side has the whole file.
    Sent,
    /// The whole file is at `path`.
    Received,
    Cancelled,
    Failed,
}

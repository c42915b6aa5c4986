//! Types of what a room shows: people and their connections, notes between the messages, file transfers. The messages are a
//! [`shared::conversation::Conversation`].

use shared::chat::FileInfo;
use shared::signaling::{ErrorCode, PeerId, PeerKind};

/// The state of the signaling socket. Chat goes on without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinState {
    /// The user has not entered a name.
    Unnamed,
    /// Finds out whether another tab of this browser is in the room. Nothing is written meanwhile.
    Claiming,
    Connecting,
    Joined,
    /// The socket closed; the next attempt is in `retry_in` seconds.
    Lost {
        retry_in: u32,
        /// The room was joined before, so its connections may work.
        been_in: bool,
    },
    /// Another tab or window of this browser is in the room, or has taken it over.
    Elsewhere,
    /// The server refused, and the user has to change something. `message` is the server's sentence.
    Refused {
        code: ErrorCode,
        message: String,
    },
    /// The user left.
    Left,
}

impl JoinState {
    /// The room is this tab's: messages can be written, also while the server is away.
    pub fn is_in(&self) -> bool {
        matches!(self, Self::Connecting | Self::Joined | Self::Lost { .. })
    }
}

/// Another person in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: PeerId,
    pub name: String,
    pub kind: PeerKind,
    pub presence: Presence,
    /// The server has not listed it in a new `welcome`: if that server has restarted, the person is back by then. Milliseconds of a monotonic clock.
    pub expected_until: Option<u64>,
    pub path: PeerPath,
    pub typing: bool,
    /// The safety code of the connection, once it is open ([`shared::safety`]).
    pub safety: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Present,
    /// The peer lost its connection to the server.
    Away,
    /// The server no longer lists the peer, but the connection to it works.
    Unlisted,
}

/// The connection to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerPath {
    Connecting,
    /// Messages can be sent. `rtt`: round-trip time in milliseconds, once measured.
    Open {
        relayed: bool,
        rtt: Option<u32>,
    },
    /// No answer; recovery is under way.
    Broken,
    /// Recovery failed several times; the connection test may show the cause.
    Failed,
}

/// An event in the room, shown between the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Shown after the messages up to this number.
    pub after: u64,
    pub event: RoomEvent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    Arrived {
        name: String,
    },
    Left {
        name: String,
    },
    /// The connection to the person was lost.
    Lost {
        name: String,
    },
    Renamed {
        from: String,
        to: String,
    },
    /// The last messages are shown to people who come late, or no longer, by the choice of this person.
    History {
        name: Option<String>,
        on: bool,
    },
}

/// One file between this browser and one other peer. A file that three peers request is three transfers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The author of the message that offers the file, and the number of that message.
    pub author: PeerId,
    pub number: u64,
    /// The other peer: the author of an incoming file, the receiver of an outgoing one.
    pub peer: PeerId,
    pub direction: Direction,
    pub info: FileInfo,
    /// Bytes received or sent.
    pub done: u64,
    /// Bytes a second.
    pub speed: u64,
    pub stage: TransferStage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Incoming,
    Outgoing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferStage {
    /// Requested; no bytes have arrived.
    Requested,
    Running,
    /// The connection is interrupted; the transfer continues when it is back.
    Paused,
    /// Whole, with the right hash. `url`: an object URL of an incoming file.
    Complete {
        url: Option<String>,
    },
    /// Stopped by this side, or by the receiver.
    Stopped,
    /// An incoming file, stopped by its sender.
    Cancelled,
    /// The sender's client has lost the file. The transfer continues when it is attached again.
    Missing,
    /// The other side left the room. The transfer continues when it comes back.
    Left,
    /// The sender no longer offers it.
    Withdrawn,
    /// Checksum mismatch; the next download starts at byte 0.
    Corrupt,
    /// The sender does not answer, breaks off each time, or has a client of an earlier version.
    Unanswered,
    /// The file could not be written or read here: the disk is full, the file was changed.
    Failed,
}

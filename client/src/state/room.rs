//! What a room shows: who is there and how they are connected, notes between the messages, files on their way. The messages themselves are
//! a [`shared::conversation::Conversation`].

use shared::chat::FileInfo;
use shared::signaling::{Code, PeerId, PeerKind};

/// The link to the server, which introduces peers. Chat goes on without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinState {
    /// No name has been given yet; nothing has been tried.
    Unnamed,
    Connecting,
    Joined,
    /// It dropped; tried again in so many seconds.
    Lost {
        retry_in: u32,
    },
    /// The server said no, and a person has to change something. `message` is its sentence.
    Refused {
        code: Code,
        message: String,
    },
    /// Left by the person.
    Left,
}

/// Somebody else in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: PeerId,
    pub name: String,
    pub kind: PeerKind,
    pub presence: Presence,
    pub path: PeerPath,
    pub typing: bool,
    /// The safety code of the connection to it, once there is one ([`shared::safety`]).
    pub safety: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Present,
    /// Its link to the server dropped.
    Away,
    /// The server no longer knows it, and the connection to it still works.
    Unlisted,
}

/// The connection to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerPath {
    Connecting,
    /// Messages flow. `rtt`: milliseconds there and back, once measured.
    Open {
        relayed: bool,
        rtt: Option<u32>,
    },
    /// No answer; being repaired.
    Broken,
    /// It cannot be had from these networks; the doctor tells why.
    Failed,
}

/// Something that happened in the room, shown between the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Shown after the messages up to this number.
    pub after: u64,
    pub what: RoomEvent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    Arrived {
        name: String,
    },
    Left {
        name: String,
    },
    /// Its link dropped and it did not come back.
    Lost {
        name: String,
    },
    Renamed {
        from: String,
        to: String,
    },
}

/// One file between this browser and one other peer. A file offered to three is three transfers once they want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Who offers the file, and the number of its message.
    pub author: PeerId,
    pub number: u64,
    /// The other end: the author of an incoming file, the reader of an outgoing one.
    pub peer: PeerId,
    pub direction: Direction,
    pub info: FileInfo,
    /// Bytes that have arrived, or have been handed to the network.
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
    /// Requested for; nothing has come yet.
    Requested,
    Running,
    /// The connection is away; goes on by itself when it is back.
    Paused,
    /// All bytes are there and the hash is right. For an incoming file, an object URL of it.
    Complete {
        url: Option<String>,
    },
    /// Stopped by one side.
    Stopped,
    /// Its author no longer has it.
    Withdrawn,
    /// The bytes are not those that were announced; asking again starts from the beginning.
    Corrupt,
    /// It could not be written or read here: a full disk, a changed file.
    Failed,
}

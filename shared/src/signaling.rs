//! Signaling for rooms: what goes over the WebSocket `GET /ws`, one JSON text message each way.
//!
//! The server introduces peers to each other and relays what they need to connect: offers, answers and ICE candidates.
//! It sees no chat, no file and no call: those go over the peers' own DTLS connection ([`crate::chat`]).
//!
//! ```text
//! peer                              server
//!  | join {version, room, name, key}  |
//!  |--------------------------------->|
//!  |        welcome {you, peers, ...} |   or error {code, message}, and the socket is closed
//!  |<---------------------------------|
//!  | offer | answer | candidate {to}  |
//!  |--------------------------------->|   the other peer gets the same with `from` for `to`
//!  |       arrived | away | left      |
//!  |<---------------------------------|
//!  | ping                             |
//!  |--------------------------------->|   pong; so that both notice a dead path
//! ```
//!
//! **Identity.** A peer makes up a random [`PeerKey`] and keeps it to itself and the server. Its [`PeerId`], which everybody sees,
//! is derived from the key by the server ([`PeerId::of`]). So nobody can pose as somebody else, and a peer that joins again with its key is the
//! same peer: after a dropped socket (it is `away` in between, and nobody needs to connect again), after a reload, and after
//! a restart of the server, which remembers nothing.
//!
//! **Who offers.** The peer that arrives connects to those that it finds in `welcome`. Both sides may offer at any time
//! ([`crate::negotiation`]).

use serde::{Deserialize, Serialize};

use crate::hex::hex;

/// The version of this protocol. A server refuses others with [`ErrorCode::Version`].
pub const VERSION: u32 = 1;

/// Seconds between two `ping`s of a peer.
pub const PING_INTERVAL_S: u64 = 10;
/// A socket that brings nothing for so many seconds is closed, with [`ErrorCode::Idle`].
pub const IDLE_TIMEOUT_S: u64 = 35;
/// A peer whose socket dropped is `away` for so many seconds, then it has left.
pub const AWAY_TIMEOUT_S: u64 = 30;
/// Bytes of one message of a peer. SDP of a mesh with data channels and a call is about 10 kB.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Bytes of a room's name, in UTF-8.
pub const MAX_ROOM_NAME: usize = 64;
/// Bytes of a peer's name, in UTF-8.
pub const MAX_NAME: usize = 48;
/// Peers in a room: a mesh has a connection for every pair.
pub const MAX_PEERS: usize = 16;

/// 32 hexadecimal digits, made of 128 random bits by the peer. A secret between it and the server.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerKey(String);

impl PeerKey {
    pub fn from_random(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PeerKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 32 && is_hex(&text) {
            Ok(Self(text))
        } else {
            Err("a key is 32 hexadecimal digits")
        }
    }
}

impl From<PeerKey> for String {
    fn from(key: PeerKey) -> Self {
        key.0
    }
}

/// A secret does not belong in a log.
impl std::fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PeerKey(..)")
    }
}

/// 16 hexadecimal digits that stand for a peer in a room.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerId(String);

impl PeerId {
    /// The first 64 bits of SHA-256 over the room's name, a zero byte and the key: the same peer has another id in another room.
    pub fn of(room: &str, key: &PeerKey) -> Self {
        use sha2::{Digest, Sha256};
        let hash = Sha256::new()
            .chain_update(room)
            .chain_update([0])
            .chain_update(key.as_str())
            .finalize();
        Self(hex(&hash[..8]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PeerId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 16 && is_hex(&text) {
            Ok(Self(text))
        } else {
            Err("an id is 16 hexadecimal digits")
        }
    }
}

impl From<PeerId> for String {
    fn from(id: PeerId) -> Self {
        id.0
    }
}

impl std::fmt::Display for PeerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// From a peer to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum ClientMessage {
    /// The first message on a socket, and only that. Joining with the key of a peer that is in the room continues as that peer;
    /// its older socket, if still open, is closed with [`ErrorCode::Replaced`].
    Join {
        version: u32,
        /// 1 to [`MAX_ROOM_NAME`] bytes without control characters; surrounding white space is cut off.
        room: String,
        /// 1 to [`MAX_NAME`] bytes without control characters; unique in the room, whatever the case.
        name: String,
        key: PeerKey,
        kind: PeerKind,
    },
    /// Goodbye: the others are told at once, and the socket is closed.
    Leave,
    Offer {
        to: PeerId,
        sdp: String,
    },
    Answer {
        to: PeerId,
        sdp: String,
    },
    Candidate {
        to: PeerId,
        candidate: Candidate,
    },
    Ping,
}

/// From the server to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    try_from = "crate::flat::FlatServerMessage",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum ServerMessage {
    /// The answer to `join`. `peers` are the others, in the order they came, those that are away included.
    Welcome {
        version: u32,
        room: String,
        you: Peer,
        peers: Vec<Peer>,
    },
    /// A peer that was not in the room is now; or one that is has a new socket, after being away or in place of an older one, perhaps under another name.
    Arrived {
        peer: Peer,
    },
    /// The socket of a peer dropped. Its connections to others may well live on.
    Away {
        id: PeerId,
    },
    /// A peer is no longer in the room.
    Left {
        id: PeerId,
        why: LeaveReason,
    },
    Offer {
        from: PeerId,
        sdp: String,
    },
    Answer {
        from: PeerId,
        sdp: String,
    },
    Candidate {
        from: PeerId,
        candidate: Candidate,
    },
    /// What was refused, and what to do. For codes that end the socket ([`ErrorCode::is_final`]) it is the last message.
    Error {
        code: ErrorCode,
        /// A sentence.
        message: String,
        /// The peer that a relayed message could not reach.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<PeerId>,
    },
    Pong,
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub id: PeerId,
    pub name: String,
    pub kind: PeerKind,
    /// Its socket is gone, and it may come back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
}

/// What somebody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerKind {
    Browser,
    Terminal,
    /// Of another make, or newer than this reader.
    #[serde(other)]
    Other,
}

/// Why a peer is no longer in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// It said so.
    Left,
    /// Its socket dropped and it did not come back in time. Who is still connected to it may stay so.
    Lost,
}

/// An `RTCIceCandidateInit` (W3C WebRTC 4.8.1.1). An empty `candidate` ends the candidates of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The line after `a=`: `candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host`.
    pub candidate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, or not a message of this protocol. The socket stays; a second one in a row ends it.
    Malformed,
    /// Longer than [`MAX_MESSAGE`]. Ends the socket.
    TooLong,
    /// Another [`VERSION`]. Ends the socket.
    Version,
    /// A message before `join`, or a second `join`.
    NotJoined,
    /// The room's name or the peer's name cannot be used. Ends the socket.
    BadName,
    /// Somebody else in the room has this name. Ends the socket.
    NameTaken,
    /// [`MAX_PEERS`] are in the room. Ends the socket.
    RoomFull,
    /// The server has as many rooms, or sockets, as it was set up for. Ends the socket.
    ServerFull,
    /// There is no such peer in the room.
    NoSuchPeer,
    /// The peer is away; the message was not kept.
    PeerAway,
    /// More messages a second than allowed. Ends the socket.
    TooFast,
    /// Nothing was heard for [`IDLE_TIMEOUT_S`] seconds. Ends the socket.
    Idle,
    /// The peer did not read what it was sent. Ends the socket.
    TooSlow,
    /// The same peer joined from another socket: another tab. Ends the socket; do not join again by yourself.
    Replaced,
    /// The server is going down; it may be back soon. Ends the socket.
    ShuttingDown,
    /// A code that this reader does not know.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The socket is closed after it.
    pub const fn is_final(self) -> bool {
        !matches!(
            self,
            Self::Malformed | Self::NotJoined | Self::NoSuchPeer | Self::PeerAway | Self::Unknown
        )
    }

    /// Joining again by itself is of no use: a person has to change something first.
    pub const fn needs_user_action(self) -> bool {
        matches!(
            self,
            Self::Version | Self::BadName | Self::NameTaken | Self::RoomFull | Self::Replaced
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PeerKey {
        PeerKey::from_random(0x00ff)
    }

    #[test]
    fn an_id_stands_for_a_key_in_one_room() {
        let id = PeerId::of("demo", &key());
        assert_eq!(id, PeerId::of("demo", &key()));
        assert_ne!(id, PeerId::of("other", &key()));
        assert_ne!(id, PeerId::of("demo", &PeerKey::from_random(1)));
        assert_eq!(PeerId::try_from(id.to_string()), Ok(id));
    }

    #[test]
    fn a_message_reads_like_the_documentation() {
        let join = ClientMessage::Join {
            version: VERSION,
            room: "demo".into(),
            name: "peer1".into(),
            key: key(),
            kind: PeerKind::Terminal,
        };
        let text = r#"{"type":"join","version":1,"room":"demo","name":"peer1","key":"000000000000000000000000000000ff","kind":"terminal"}"#;
        assert_eq!(serde_json::to_string(&join).unwrap(), text);
        assert_eq!(serde_json::from_str::<ClientMessage>(text).unwrap(), join);
        assert!(!format!("{join:?}").contains("00ff"), "the key is a secret");
    }

    #[test]
    fn keys_ids_and_types_of_another_shape_are_refused() {
        for text in [
            r#"{"type":"join","version":1,"room":"demo","name":"x","key":"short","kind":"browser"}"#,
            r#"{"type":"offer","to":"../../etc/passwd","sdp":""}"#,
            r#"{"type":"shout"}"#,
            r#"{}"#,
        ] {
            assert!(
                serde_json::from_str::<ClientMessage>(text).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_newer_than_this_reader_is_still_read() {
        let peer: Peer =
            serde_json::from_str(r#"{"id":"0123456789abcdef","name":"n","kind":"watch","x":1}"#)
                .unwrap();
        assert_eq!(peer.kind, PeerKind::Other);
        let error: ServerMessage =
            serde_json::from_str(r#"{"type":"error","code":"new","message":"m"}"#).unwrap();
        assert!(matches!(
            error,
            ServerMessage::Error {
                code: ErrorCode::Unknown,
                ..
            }
        ));
    }
}

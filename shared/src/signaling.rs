//! Signaling for rooms over the WebSocket `GET /ws`: one JSON text message each way.
//!
//! The server lists the peers of a room and relays what they need to connect: offers, answers and ICE candidates.
//! It sees no chat, no file and no call: they use the peers' own DTLS connection ([`crate::chat`]).
//!
//! ```text
//! peer                              server
//!  | join {version, room, name, key}  |
//!  |--------------------------------->|
//!  |        welcome {you, peers, ...} |   or error {code, message}, and the socket is closed
//!  |<---------------------------------|
//!  | offer | answer | candidate {to}  |
//!  |--------------------------------->|   the other peer receives the same with `from` instead of `to`
//!  |       arrived | away | left      |
//!  |<---------------------------------|
//!  | ping                             |
//!  |--------------------------------->|   pong; both sides notice a dead path
//! ```
//!
//! **Identity.** A peer generates a random [`PeerKey`] and shares it with the server only. The server derives the public
//! [`PeerId`] from the key ([`PeerId::of`]), so no peer can impersonate another. A peer that joins again with its key is the
//! same peer: after a dropped socket (it is `away` meanwhile, and connections to it stay), after a reload, and after
//! a restart of the server, which stores nothing.
//!
//! **Who offers.** The peer that arrives connects to the peers of its `welcome`. Both sides may offer at any time
//! ([`crate::negotiation`]).
//!
//! **Pace.** A peer whose messages come faster than its address, its room or the receiver can take is read more slowly; nothing is lost.

use serde::{Deserialize, Serialize};

pub use crate::error_code::ErrorCode;
pub use crate::peer_id::{PeerId, PeerKey};
pub use crate::room_password::{MAX_PASSWORD, RoomPassword};

/// The version of this protocol. A server refuses others with [`ErrorCode::Version`].
pub const VERSION: u32 = 1;

/// Seconds between two `ping`s of a peer.
pub const PING_INTERVAL_S: u64 = 10;
/// A socket that sends nothing for this many seconds is closed with [`ErrorCode::Idle`].
pub const IDLE_TIMEOUT_S: u64 = 35;
/// A peer whose socket dropped is `away` for this many seconds, then it has left. One that was in the room for less than
/// [`PRESENCE_S`] leaves at once.
pub const AWAY_TIMEOUT_S: u64 = 30;
/// A peer that closed its socket with status 1001, as the browser does for a page that is closed or loaded again, has left after this many
/// seconds, unless it is back: its reload is not seen as leaving and joining.
pub const RELOAD_S: u64 = 4;
/// Seconds in a room after which a peer keeps its place while it is away.
pub const PRESENCE_S: u64 = 10;
/// Limit on a message of a peer, in bytes. SDP with data channels and a call is about 10 kB.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Limit on a room's name, in bytes of UTF-8.
pub const MAX_ROOM_NAME: usize = 64;
/// Limit on a peer's name, in bytes of UTF-8.
pub const MAX_NAME: usize = 48;
/// Limit on the peers of a room: a mesh has a connection for every pair.
pub const MAX_PEERS: usize = 16;

/// From a peer to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum ClientMessage {
    /// The first message on a socket, sent once. With the key of a peer that is in the room, the socket continues as that peer;
    /// the peer's older socket, if still open, is closed with [`ErrorCode::Replaced`].
    Join {
        version: u32,
        /// 1 to [`MAX_ROOM_NAME`] bytes without control characters; surrounding white space is removed.
        room: String,
        /// 1 to [`MAX_NAME`] bytes without control characters; unique in the room regardless of case.
        name: String,
        key: PeerKey,
        kind: PeerKind,
        /// See [`Peer::native`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        native: bool,
        /// That of the room. The first peer of a room decides whether it has one, and which, until the last has left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<RoomPassword>,
    },
    /// The peer leaves: the others receive `left` at once, and the socket is closed.
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
    /// The answer to `join`. `peers` are the others in the order of joining, including those that are away.
    Welcome {
        version: u32,
        room: String,
        you: Peer,
        peers: Vec<Peer>,
    },
    /// A peer joined; or a peer of the room has a new socket, after being away or in place of an older one, perhaps with another name.
    Arrived {
        peer: Peer,
    },
    /// The socket of a peer dropped. Connections to the peer may live on.
    Away {
        id: PeerId,
    },
    /// A peer left the room.
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
    /// A refusal, and what to do. For codes that close the socket ([`ErrorCode::is_final`]) it is the last message.
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

/// A peer of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub id: PeerId,
    pub name: String,
    pub kind: PeerKind,
    /// It is a client of this repository. Others open connections to a *foreign* one, which does not say so, in the way that is understood by most
    /// WebRTC libraries ([`crate::negotiation::as_dtls_client`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub native: bool,
    /// Its socket dropped; it may come back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
}

/// The program that a peer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerKind {
    Browser,
    Terminal,
    /// A third-party program, or one that is newer than this code.
    #[serde(other)]
    Other,
}

/// Why a peer left a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// It sent `leave`, or closed its page ([`RELOAD_S`]).
    Left,
    /// Its socket dropped and it did not come back in time. Connections to the peer may live on.
    Lost,
}

/// An `RTCIceCandidateInit` (W3C WebRTC 4.8.1.1). An empty `candidate` ends the candidates of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The candidate attribute without `a=`: `candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host`.
    pub candidate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PeerKey {
        PeerKey::from_random(0x00ff)
    }

    #[test]
    fn a_message_has_the_documented_form() {
        let join = ClientMessage::Join {
            version: VERSION,
            room: "demo".into(),
            name: "peer1".into(),
            key: key(),
            kind: PeerKind::Terminal,
            native: false,
            password: None,
        };
        let text = r#"{"type":"join","version":1,"room":"demo","name":"peer1","key":"000000000000000000000000000000ff","kind":"terminal"}"#;
        assert_eq!(serde_json::to_string(&join).unwrap(), text);
        assert_eq!(serde_json::from_str::<ClientMessage>(text).unwrap(), join);
        assert!(!format!("{join:?}").contains("00ff"), "the key is a secret");
    }

    #[test]
    fn malformed_keys_ids_and_types_are_refused() {
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
    fn newer_kinds_and_codes_are_accepted() {
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

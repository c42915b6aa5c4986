//! What is refused, and the sentence that says what to do.

use shared::signaling::{
    ErrorCode, IDLE_TIMEOUT_S, MAX_MESSAGE, MAX_PEERS, PeerId, ServerMessage, VERSION,
};

/// Something that a peer is told not to have worked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: ErrorCode,
    pub sentence: String,
    /// The peer that a relayed message could not reach.
    pub to: Option<PeerId>,
}

/// What is wrong with a text may be quoted in the answer, up to so many characters.
const QUOTED: usize = 200;

impl Refusal {
    fn new(code: ErrorCode, sentence: impl Into<String>) -> Self {
        Self {
            code,
            sentence: sentence.into(),
            to: None,
        }
    }

    pub(super) fn malformed(error: &serde_json::Error) -> Self {
        let error: String = error.to_string().chars().take(QUOTED).collect();
        Self::new(
            ErrorCode::Malformed,
            format!(
                "This is not a message of this protocol ({error}). Send one JSON text like {{\"type\":\"ping\"}}."
            ),
        )
    }

    pub(super) fn binary() -> Self {
        Self::new(
            ErrorCode::Malformed,
            "Binary messages mean nothing here. Send one JSON text like {\"type\":\"ping\"}.",
        )
    }

    pub fn not_text() -> Self {
        Self::new(
            ErrorCode::Malformed,
            "This is not UTF-8. Connect again, and send JSON text.",
        )
    }

    pub fn too_long() -> Self {
        Self::new(
            ErrorCode::TooLong,
            format!(
                "A message has at most {MAX_MESSAGE} bytes. Send less; files and texts go over data channels."
            ),
        )
    }

    pub(super) fn version(theirs: u32) -> Self {
        Self::new(
            ErrorCode::Version,
            format!(
                "This server speaks version {VERSION} of the protocol, not {theirs}. Reload the page, or bring the older of both up to date."
            ),
        )
    }

    pub(super) fn not_joined() -> Self {
        Self::new(
            ErrorCode::NotJoined,
            "You are in no room yet. Send join first, with a room, a name and a key.",
        )
    }

    pub(super) fn joined_already() -> Self {
        Self::new(
            ErrorCode::NotJoined,
            "You are in a room already. Open another socket to join another.",
        )
    }

    pub(super) fn bad_name(whose: &str, why: String) -> Self {
        Self::new(ErrorCode::BadName, format!("The {whose} name {why}."))
    }

    pub(super) fn name_taken(name: &str) -> Self {
        Self::new(
            ErrorCode::NameTaken,
            format!("Somebody in the room is called \"{name}\" already. Take another name."),
        )
    }

    pub(super) fn id_taken() -> Self {
        Self::new(
            ErrorCode::NameTaken,
            "Somebody in the room has the same id. Make up a new key and join again.",
        )
    }

    pub(super) fn room_full() -> Self {
        Self::new(
            ErrorCode::RoomFull,
            format!(
                "There are {MAX_PEERS} in the room, and no more fit in. Wait until somebody leaves, or take another room."
            ),
        )
    }

    pub(super) fn too_many_rooms() -> Self {
        Self::new(
            ErrorCode::ServerFull,
            "All rooms of this server are in use. Try again in a while, or join a room that exists.",
        )
    }

    pub(super) fn too_many_sockets() -> Self {
        Self::new(
            ErrorCode::ServerFull,
            "All places of this server are taken. Try again in a while.",
        )
    }

    pub(super) fn too_many_from_here() -> Self {
        Self::new(
            ErrorCode::ServerFull,
            "Too many sockets are open from your address. Close some, or try again in a while.",
        )
    }

    pub(super) fn no_such_peer(to: PeerId) -> Self {
        Self {
            to: Some(to),
            ..Self::new(
                ErrorCode::NoSuchPeer,
                "There is no such other peer in the room; it may just have left. Send only to those that welcome and arrived told of.",
            )
        }
    }

    pub(super) fn peer_away(to: PeerId) -> Self {
        Self {
            to: Some(to),
            ..Self::new(
                ErrorCode::PeerAway,
                "The peer is away, and the message was not kept. Send it again when arrived tells that it is back.",
            )
        }
    }

    pub(super) fn too_fast() -> Self {
        Self::new(
            ErrorCode::TooFast,
            "These are more messages than the server takes. Wait some seconds, then join again.",
        )
    }

    pub fn idle() -> Self {
        Self::new(
            ErrorCode::Idle,
            format!(
                "Nothing was heard from you for {IDLE_TIMEOUT_S} seconds. Join again with the same key."
            ),
        )
    }

    pub fn no_join() -> Self {
        Self::new(
            ErrorCode::Idle,
            "No join came in time. Connect again, and send join first.",
        )
    }

    pub fn too_slow() -> Self {
        Self::new(
            ErrorCode::TooSlow,
            "You did not read what you were sent. Join again with the same key when you can.",
        )
    }

    pub(super) fn replaced() -> Self {
        Self::new(
            ErrorCode::Replaced,
            "You joined again from somewhere else, perhaps another tab. Go on there, or join again here.",
        )
    }

    pub(super) fn shutting_down() -> Self {
        Self::new(
            ErrorCode::ShuttingDown,
            "The server is going down. It may be back soon: join again in a few seconds, with the same key.",
        )
    }
}

impl From<Refusal> for ServerMessage {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, sentence, to } = refusal;
        Self::Error {
            code,
            message: sentence,
            to,
        }
    }
}

//! Refusals, each with an error code and a sentence for users.

use std::time::Duration;

use shared::signaling::{
    AWAY_TIMEOUT_S, ErrorCode, IDLE_TIMEOUT_S, MAX_MESSAGE, MAX_PEERS, PeerId, ServerMessage,
    VERSION,
};

use super::malformed;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: ErrorCode,
    pub sentence: String,
    /// The peer that a relayed message could not reach.
    pub to: Option<PeerId>,
}

impl Refusal {
    fn new(code: ErrorCode, sentence: impl Into<String>) -> Self {
        Self {
            code,
            sentence: sentence.into(),
            to: None,
        }
    }

    pub(super) fn malformed(text: &str, has_joined: bool) -> Self {
        Self::new(ErrorCode::Malformed, malformed::describe(text, has_joined))
    }

    pub(super) fn binary() -> Self {
        Self::new(
            ErrorCode::Malformed,
            "Binary messages are not part of this protocol. Send one JSON text like {\"type\":\"ping\"}.",
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
                "A message has at most {MAX_MESSAGE} bytes. Send shorter messages; texts and files belong on data channels."
            ),
        )
    }

    pub(super) fn version(requested: u32) -> Self {
        Self::new(
            ErrorCode::Version,
            format!(
                "This server speaks version {VERSION} of the protocol, not {requested}. Reload the page, or update the older side."
            ),
        )
    }

    pub(super) fn not_joined() -> Self {
        Self::new(
            ErrorCode::NotJoined,
            format!(
                "You are in no room yet. Send join first, like {}.",
                malformed::example_of_join()
            ),
        )
    }

    pub(super) fn already_joined() -> Self {
        Self::new(
            ErrorCode::NotJoined,
            "You are in a room already. Open another socket to join another room.",
        )
    }

    /// `code`: whether it is the name of a room or of a peer.
    pub(super) fn bad_name(code: ErrorCode, why: String) -> Self {
        let whose = match code {
            ErrorCode::BadRoomName => "room's",
            _ => "peer's",
        };
        Self::new(code, format!("The {whose} name {why}."))
    }

    /// `away`: the time after which the holder of the name has left, if it is away.
    pub(super) fn name_taken(name: &str, away: Option<Duration>) -> Self {
        let gone = match away {
            Some(left) => format!(
                "The other peer of this name is away, and may be gone in {} s.",
                left.as_secs_f32().ceil()
            ),
            None => format!(
                "If the connection of the other peer of this name is broken, it may be gone in {} s.",
                IDLE_TIMEOUT_S + AWAY_TIMEOUT_S
            ),
        };
        Self::new(
            ErrorCode::NameTaken,
            format!(
                "The name \"{name}\" is taken in this room. Choose another name, or wait. {gone} If that is you, join with the same key: you are back at once."
            ),
        )
    }

    /// `has_one`: the room has a password.
    pub(super) fn wrong_password(has_one: bool) -> Self {
        let why = match has_one {
            true => "This room has another password. Ask the people in it, and join again.",
            false => "This room has no password. Join without one, or take another room.",
        };
        Self::new(ErrorCode::WrongPassword, why)
    }

    pub(super) fn too_many_passwords() -> Self {
        Self::new(
            ErrorCode::TooManyPasswords,
            "Too many wrong passwords came from your address. Wait a minute, then join again.",
        )
    }

    pub(super) fn id_taken() -> Self {
        Self::new(
            ErrorCode::NameTaken,
            "Another peer in the room has the same id. Generate a new key and join again.",
        )
    }

    pub(super) fn room_full() -> Self {
        Self::new(
            ErrorCode::RoomFull,
            format!(
                "The room is full: it takes {MAX_PEERS} peers. Wait until one leaves, or join another room."
            ),
        )
    }

    pub(super) fn too_many_rooms() -> Self {
        Self::new(
            ErrorCode::ServerFull,
            "The server has reached its limit of rooms. Try again later, or join an existing room.",
        )
    }

    pub(super) fn too_many_sockets() -> Self {
        Self::new(
            ErrorCode::ServerFull,
            "The server has reached its limit of sockets. Try again later.",
        )
    }

    pub(super) fn too_many_from_here() -> Self {
        Self::new(
            ErrorCode::ServerFull,
            "Too many sockets are open from your address. Close some, or try again later.",
        )
    }

    pub(super) fn no_such_peer(to: PeerId) -> Self {
        Self {
            to: Some(to),
            ..Self::new(
                ErrorCode::NoSuchPeer,
                "There is no such other peer in the room; it may just have left. Send only to peers of welcome and arrived.",
            )
        }
    }

    pub(super) fn peer_away(to: PeerId) -> Self {
        Self {
            to: Some(to),
            ..Self::new(
                ErrorCode::PeerAway,
                "The peer is away, and the message was dropped. Send it again after the arrived of this peer.",
            )
        }
    }

    /// The peer does not read what it is sent, or its room is flooded.
    pub(super) fn peer_busy(to: PeerId) -> Self {
        Self {
            to: Some(to),
            ..Self::new(
                ErrorCode::PeerAway,
                "The peer takes no messages at the moment, and this one was dropped. Send it again in some seconds.",
            )
        }
    }

    pub(super) fn too_fast() -> Self {
        Self::new(
            ErrorCode::TooFast,
            "You sent messages faster than allowed. Wait some seconds, then join again.",
        )
    }

    pub fn unfinished_message() -> Self {
        Self::new(
            ErrorCode::Idle,
            "A message of yours did not end in time. Join again with the same key.",
        )
    }

    pub fn idle() -> Self {
        Self::new(
            ErrorCode::Idle,
            format!(
                "No message from you for {IDLE_TIMEOUT_S} seconds. Join again with the same key."
            ),
        )
    }

    pub(super) fn no_join() -> Self {
        Self::new(
            ErrorCode::Idle,
            "No join came in time. Connect again, and send join first.",
        )
    }

    pub(super) fn listened_too_long() -> Self {
        Self::new(
            ErrorCode::Idle,
            "You have been silent for too long. Connect again to wait for an offer.",
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
            "You joined again from another place, perhaps another tab. Continue there, or rejoin here.",
        )
    }

    pub(super) fn shutting_down() -> Self {
        Self::new(
            ErrorCode::ShuttingDown,
            "The server is shutting down. It may be back soon: join again in a few seconds, with the same key.",
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

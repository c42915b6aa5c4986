//! The chat protocol of two peers in a room, over data channels (RFC 8831), which no server sees.
//!
//! | channel | carries |
//! |---|---|
//! | `chat` | one [`ChatFrame`] per message, as JSON text; ordered, reliable. Negotiated out of band with id 0 ([`CHANNEL_ID`]), so both sides have it at once |
//! | `files` | the bytes of files: [`crate::file_channel`] |
//!
//! **Messages** have a number that their author chooses: higher than every number that it has sent or received (a Lamport clock), so all peers
//! sort a conversation alike, by number and then by author. The number also identifies the message: an author's messages reach a receiver in
//! order, so `received {number}` acknowledges all up to it, and a message whose number is not above the highest received from its author
//! is a duplicate. Delivery status and retransmission need nothing else ([`crate::conversation`]).
//!
//! **Messages about others** ([`About`]) reply to a message, or change it: edits and deletions by its author, reactions by everybody. They have a text as well, which
//! is all that older clients show.
//!
//! **Files** are offered by messages: [`Body::File`]. A receiver requests a file with `want` and the offset to start from, a few files at a time
//! ([`crate::file_queue`]). The author sends them on the channel `files`, one after another, in the order of asking ([`crate::want_queue`]). When the
//! hash is right and the file is stored, the receiver sends `kept`. A file that is broken off is continued by another `want`. An author that does not send
//! a file says `gone` and why: one that its client has lost is continued after `available`.

use serde::{Deserialize, Serialize};

use crate::file_name::MAX_FILE_NAME;
use crate::signaling::PeerId;

/// The label of the channel of [`ChatFrame`]s.
pub const CHANNEL: &str = "chat";
/// Its id (`negotiated: true`, W3C WebRTC 6.2).
pub const CHANNEL_ID: u16 = 0;
/// The label of a channel that carries one file, as clients before the channel `files` opened it. It is closed.
pub const OLD_FILE_CHANNEL: &str = "file";

/// Limit on a text, in bytes of UTF-8.
pub const MAX_TEXT: usize = 64 * 1024;
/// Limit on a reaction, in bytes. Emoji of several people have 25.
pub const MAX_REACTION: usize = 40;
/// Limit on a frame, in bytes: every browser accepts this size. JSON may double the size of a text.
pub const MAX_FRAME: usize = 256 * 1024;
/// Limit on a MIME type, in bytes.
pub const MAX_MIME: usize = 127;
/// `typing` expires after this many seconds.
pub const TYPING_TIMEOUT_S: u64 = 6;

/// One message on the `chat` channel. A receiver skips frames of an unknown `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    try_from = "crate::flat::FlatFrame",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum ChatFrame {
    /// A message of the conversation.
    Message(Message),
    /// The sender of this frame has received all messages of the other peer up to this number.
    Received { number: u64 },
    /// The sender types, or has stopped.
    Typing { on: bool },
    /// Requests the other peer's file of this number, from this byte on.
    Want { number: u64, offset: u64 },
    /// Cancels such a request, or refuses the file.
    Stop { number: u64 },
    /// The sender does not send its file of this number. Clients of earlier versions give no reason.
    Gone { number: u64, why: GoneReason },
    /// The sender has its file of this number again, after [`GoneReason::Missing`].
    Available { number: u64 },
    /// The sender has received the other peer's file of this number; its SHA-256 is right.
    Kept { number: u64 },
    /// Whether a peer that comes late is told the last messages ([`crate::history`]). The sender can tell `count`, the oldest with the number `oldest`.
    History {
        number: u64,
        on: bool,
        oldest: u64,
        count: u64,
    },
    /// Asks for these messages.
    Past,
    /// A message of `author`, as the sender of this frame has received it.
    Told {
        author: PeerId,
        /// The author's name at that time.
        name: String,
        message: Message,
    },
}

/// Why a file is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GoneReason {
    /// The author no longer offers it. Also no reason, and one that is unknown.
    Withdrawn,
    /// The author has cancelled this transfer. The receiver may request it again.
    Cancelled,
    /// The author's client has lost it, and says [`ChatFrame::Available`] when it has it again.
    Missing,
}

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// At least 1; see the module.
    pub number: u64,
    /// The time by the author's clock, in milliseconds since 1970 UTC. Shown only; messages are not sorted by it.
    pub at: u64,
    pub body: Body,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// What a message has to do with an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Of the earlier message.
    pub author: PeerId,
    pub number: u64,
    pub kind: AboutKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AboutKind {
    Reply,
    /// The text takes the place of the earlier one, of the same author.
    Edit,
    /// The earlier text, of the same author, goes.
    Delete,
    /// The text is the author's reaction, instead of one before: an emoji.
    React,
    /// The author has no reaction any more.
    Unreact,
    /// Of a later version: it is shown as what its body is.
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "is",
    rename_all = "snake_case",
    try_from = "crate::flat::FlatBody"
)]
pub enum Body {
    /// 1 to [`MAX_TEXT`] bytes.
    Text {
        text: String,
    },
    File(FileInfo),
}

/// A file that its author offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// A name without a path. Receivers use [`FileInfo::safe_name`].
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// MIME type; may be empty.
    #[serde(default)]
    pub mime: String,
}

impl Body {
    /// Bytes of its text, or of the name and type of its file.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text { text } => text.len(),
            Self::File(file) => file.name.len() + file.mime.len(),
        }
    }
}

impl Message {
    /// Whether the message is within the limits of this module.
    pub fn is_valid(&self) -> bool {
        let body = match &self.body {
            Body::Text { text } => !text.is_empty() && text.len() <= MAX_TEXT,
            Body::File(file) => {
                !file.name.is_empty()
                    && file.name.len() <= MAX_FILE_NAME
                    && file.mime.len() <= MAX_MIME
            }
        };
        self.number > 0 && body && self.about.as_ref().is_none_or(|about| self.fits(about))
    }

    fn fits(&self, about: &About) -> bool {
        let body = match (about.kind, &self.body) {
            (AboutKind::Reply | AboutKind::Unknown, _) => true,
            (AboutKind::Edit | AboutKind::Delete, Body::Text { .. }) => true,
            (AboutKind::React | AboutKind::Unreact, Body::Text { text }) => {
                let is_shown = |c: char| !c.is_control() && !c.is_whitespace();
                text.len() <= MAX_REACTION && text.chars().all(is_shown)
            }
            (_, Body::File(_)) => false,
        };
        body && about.number > 0 && about.number < self.number
    }

    /// What it changes: it stands for itself otherwise.
    pub fn change(&self) -> Option<&About> {
        let about = self.about.as_ref()?;
        let stands = matches!(about.kind, AboutKind::Reply | AboutKind::Unknown);
        (!stands).then_some(about)
    }
}

impl FileInfo {
    /// A safe local file name ([`crate::file_name::safe`]).
    pub fn safe_name(&self) -> String {
        crate::file_name::safe(&self.name)
    }

    /// Whether browsers can show it in an `<img>`. Not SVG, which is a document with scripts.
    pub fn is_image(&self) -> bool {
        matches!(
            self.mime.as_str(),
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif"
        )
    }
}

/// The number of the file that an [`OLD_FILE_CHANNEL`] carries, from its protocol field: `NUMBER OFFSET`.
pub fn old_file_number(protocol: &str) -> Option<u64> {
    protocol.split_once(' ')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_like_the_documentation() {
        let text = r#"{"type":"message","number":7,"at":1000,"body":{"is":"text","text":"收到"}}"#;
        let frame = ChatFrame::Message(Message {
            number: 7,
            at: 1000,
            body: Body::Text {
                text: "收到".into(),
            },
            about: None,
        });
        assert_eq!(serde_json::to_string(&frame).unwrap(), text);
        assert_eq!(serde_json::from_str::<ChatFrame>(text).unwrap(), frame);
        for (text, why) in [
            (r#"{"type":"gone","number":7}"#, GoneReason::Withdrawn),
            (
                r#"{"type":"gone","number":7,"why":"eaten"}"#,
                GoneReason::Withdrawn,
            ),
            (
                r#"{"type":"gone","number":7,"why":"cancelled"}"#,
                GoneReason::Cancelled,
            ),
            (
                r#"{"type":"gone","number":7,"why":"missing"}"#,
                GoneReason::Missing,
            ),
        ] {
            let gone = ChatFrame::Gone { number: 7, why };
            assert_eq!(serde_json::from_str::<ChatFrame>(text).unwrap(), gone);
        }
        let want = r#"{"type":"want","number":7,"offset":65536}"#;
        assert_eq!(
            serde_json::from_str::<ChatFrame>(want).unwrap(),
            ChatFrame::Want {
                number: 7,
                offset: 65536
            }
        );
    }

    #[test]
    fn the_longest_text_fits_into_a_frame() {
        let text = "\"\n".repeat(MAX_TEXT / 2);
        let message = Message {
            number: u64::MAX,
            at: u64::MAX,
            body: Body::Text { text },
            about: None,
        };
        assert!(message.is_valid());
        assert!(
            serde_json::to_string(&ChatFrame::Message(message))
                .unwrap()
                .len()
                <= MAX_FRAME
        );
    }

    #[test]
    fn what_a_later_version_says_about_a_message_is_shown_as_a_text() {
        let text = r#"{"type":"message","number":7,"at":1,"body":{"is":"text","text":"x"},"about":{"author":"0000000000000001","number":3,"kind":"KIND"}}"#;
        for (kind, changes) in [("reply", false), ("edit", true), ("pinned", false)] {
            let frame = serde_json::from_str(&text.replace("KIND", kind));
            let Ok(ChatFrame::Message(message)) = frame else {
                panic!("{kind}: {frame:?}")
            };
            assert!(message.is_valid());
            assert_eq!(message.change().is_some(), changes, "{kind}");
        }
    }
}

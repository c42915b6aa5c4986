//! Chat: what two peers of a room tell each other, over data channels that no server sees (RFC 8831).
//!
//! | channel | carries |
//! |---|---|
//! | `chat` | one [`ChatFrame`] a message, JSON text; ordered, reliable. Negotiated beforehand with id 0 ([`CHANNEL_ID`]), so both sides have it at once |
//! | `file` | one file from its author to one reader, from one offset to the end; opened by the author when asked ([`ChatFrame::Want`]) |
//!
//! **Messages** have a number that their author counts up: greater than every number it has sent or seen (Lamport's clock), so all
//! peers sort a conversation alike, by number and then author. The same number is the message's name: an author's messages
//! reach a reader in order, so `received {number}` stands for all up to it, and a message with a number not above the highest heard of its
//! author has come before. That is all there is to delivery ticks, and to sending again without doubles ([`crate::conversation`]).
//!
//! **Files** are messages too: [`Body::File`] tells that its author has one to give. Who wants it says so, with the offset to start from.
//! The author opens a `file` channel whose *protocol* field is `{number} {offset}` in decimal. It sends the bytes from there on as binary messages of any
//! size up to [`MAX_FILE_MESSAGE`], in order; then one text message, [`FileComplete`], with the SHA-256 of the whole file. The reader says `kept` when the hash is right and the
//! file is where it belongs, and closes the channel. A channel that ends before is continued by another `want`.

use serde::{Deserialize, Serialize};

/// The label of the channel of [`ChatFrame`]s.
pub const CHANNEL: &str = "chat";
/// Its id, agreed on beforehand (`negotiated: true`, W3C WebRTC 6.2).
pub const CHANNEL_ID: u16 = 0;
/// The label of a channel that carries a file.
pub const FILE_CHANNEL: &str = "file";

/// Bytes of UTF-8 in a text.
pub const MAX_TEXT: usize = 64 * 1024;
/// Bytes of a frame: what every browser takes as one message. JSON may double a text.
pub const MAX_FRAME: usize = 256 * 1024;
/// Bytes of one message on a `file` channel.
pub const MAX_FILE_MESSAGE: usize = 256 * 1024;
/// Bytes of a file's name, in UTF-8.
pub const MAX_FILE_NAME: usize = 255;
/// Bytes of a MIME type.
pub const MAX_MIME: usize = 127;
/// Seconds for which `typing` holds when nothing follows.
pub const TYPING_TIMEOUT_S: u64 = 6;

/// One message on the `chat` channel. A reader skips frames whose `type` it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    try_from = "crate::flat::FlatFrame",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum ChatFrame {
    /// Something to keep.
    Message(Message),
    /// All messages of yours up to this number have been heard.
    Received { number: u64 },
    /// Somebody is writing, or has stopped.
    Typing { on: bool },
    /// Send me your file of this number from this byte on.
    Want { number: u64, offset: u64 },
    /// I no longer want that file of yours.
    Stop { number: u64 },
    /// The file of this number that you want is no longer to be had from me.
    Gone { number: u64 },
    /// Your file of this number is here, whole, and its SHA-256 is right.
    Kept { number: u64 },
}

/// Something that somebody said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// At least 1; see the module.
    pub number: u64,
    /// When, by its author's clock: milliseconds since 1970 UTC. For the eye only; nothing is sorted by it.
    pub at: u64,
    pub body: Body,
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
    /// A name without a path; a reader takes it for a hint ([`FileInfo::safe_name`]).
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// MIME type, perhaps empty.
    #[serde(default)]
    pub mime: String,
}

/// The last message on a `file` channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileComplete {
    /// Of the whole file, from byte 0: 64 hexadecimal digits in lower case.
    pub sha256: String,
}

impl Message {
    /// Whether this may be shown: the limits of this module are kept.
    pub fn is_valid(&self) -> bool {
        let body = match &self.body {
            Body::Text { text } => !text.is_empty() && text.len() <= MAX_TEXT,
            Body::File(file) => {
                !file.name.is_empty()
                    && file.name.len() <= MAX_FILE_NAME
                    && file.mime.len() <= MAX_MIME
            }
        };
        self.number > 0 && body
    }
}

impl FileInfo {
    /// The name as it may be used for a file here: no path, no control or reserved characters, no leading dot, never empty.
    pub fn safe_name(&self) -> String {
        let last = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let clean: String = last
            .chars()
            .map(|c| {
                if c.is_control() || r#"<>:"|?*"#.contains(c) || is_bidi(c) {
                    '_'
                } else {
                    c
                }
            })
            .collect();
        let clean = clean
            .trim()
            .trim_start_matches('.')
            .trim_end_matches('.')
            .trim();
        if clean.is_empty() {
            "file".to_owned()
        } else {
            clean.to_owned()
        }
    }

    /// Browsers show it in an `<img>` without running anything. SVG is left out: it is a document.
    pub fn is_image(&self) -> bool {
        matches!(
            self.mime.as_str(),
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif"
        )
    }
}

/// Marks that turn the direction of writing, which make `gpj.exe` look like `exe.jpg`.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// The protocol field of a `file` channel.
pub fn file_protocol(number: u64, offset: u64) -> String {
    format!("{number} {offset}")
}

/// Reads [`file_protocol`]: number and offset.
pub fn parse_file_protocol(text: &str) -> Option<(u64, u64)> {
    let (number, offset) = text.split_once(' ')?;
    Some((number.parse().ok()?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> FileInfo {
        FileInfo {
            name: name.into(),
            size: 1,
            mime: String::new(),
        }
    }

    #[test]
    fn frames_read_like_the_documentation() {
        let text = r#"{"type":"message","number":7,"at":1000,"body":{"is":"text","text":"收到"}}"#;
        let frame = ChatFrame::Message(Message {
            number: 7,
            at: 1000,
            body: Body::Text {
                text: "收到".into(),
            },
        });
        assert_eq!(serde_json::to_string(&frame).unwrap(), text);
        assert_eq!(serde_json::from_str::<ChatFrame>(text).unwrap(), frame);
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
    fn a_file_name_never_leads_out_of_its_folder() {
        assert_eq!(file("../../etc/passwd").safe_name(), "passwd");
        assert_eq!(file(r"C:\boot.ini").safe_name(), "boot.ini");
        assert_eq!(file("..").safe_name(), "file");
        assert_eq!(file(".bashrc").safe_name(), "bashrc");
        assert_eq!(file("a\u{202e}gpj.exe").safe_name(), "a_gpj.exe");
        assert_eq!(file("会议 记录.pdf").safe_name(), "会议 记录.pdf");
    }

    #[test]
    fn the_longest_text_fits_into_a_frame() {
        let text = "\"\n".repeat(MAX_TEXT / 2);
        let message = Message {
            number: u64::MAX,
            at: u64::MAX,
            body: Body::Text { text },
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
    fn a_file_channel_names_its_file_and_offset() {
        assert_eq!(parse_file_protocol(&file_protocol(7, 9)), Some((7, 9)));
        assert_eq!(parse_file_protocol("7"), None);
        assert_eq!(parse_file_protocol("7 -1"), None);
    }
}

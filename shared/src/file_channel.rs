//! The channel `files` of two peers (RFC 8831): it carries the bytes of files, one file after another, in both directions.
//!
//! ```text
//! receiver                         author
//! chat:  want 7, want 8, ...   ->          a few at a time, in the order in which they shall come
//! files: more until 8388608    ->          how many bytes the author may send, in all, on this channel
//!                              <-  files: begin 7 from byte 0, binary messages, end 7 with its SHA-256
//! chat:  kept 7                ->
//!                              <-  files: begin 8 ...
//! ```
//!
//! One channel that stays open: a channel for each file would be closed by both sides, and its id could be taken again while its reset is under
//! way (RFC 8831 6.7). A browser cannot hold back a data channel that it receives on, so the receiver grants bytes ahead, as QUIC does
//! with `MAX_DATA` (RFC 9000 4.1).
//!
//! [`SendCredit`] is for the author, [`FileIntake`] for the receiver; [`crate::want_queue`] and [`crate::file_queue`] have the order of files.

use serde::{Deserialize, Serialize};

/// The label of the channel.
pub const FILES_CHANNEL: &str = "files";
/// Its id (`negotiated: true`, W3C WebRTC 6.2): far from those of channels that are announced in band, which take the lowest free one,
/// and below 256, the number of streams with which Firefox begins.
pub const FILES_CHANNEL_ID: u16 = 254;
/// Limit on one binary message, in bytes.
pub const MAX_FILE_MESSAGE: usize = 256 * 1024;
/// Limit on one text message, in bytes.
pub const MAX_FILE_FRAME: usize = 1024;
/// Limit on a reason, in bytes.
pub const MAX_REASON: usize = 200;
/// Bytes that a receiver grants beyond those that it has stored: bandwidth times delay of a fast, long path.
pub const WINDOW: u64 = 8 << 20;
/// The author says `begin` again this often while it reads the bytes that it need not send.
pub const BEGIN_AGAIN_MS: u64 = 5_000;
/// The author breaks a file off when it has been granted nothing for this long.
pub const CREDIT_TIMEOUT_MS: u64 = 60_000;

/// A text message on the channel. A receiver skips frames of an unknown `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    try_from = "crate::flat::FlatFrame",
    rename_all = "snake_case"
)]
pub enum FileFrame {
    /// The next binary messages are the author's file of this number, from this byte on.
    Begin { number: u64, offset: u64 },
    /// That was its last byte. `sha256` is that of the whole file: 64 lower-case hexadecimal digits.
    End { number: u64, sha256: String },
    /// The author breaks off. `reason`: a sentence.
    Broke { number: u64, reason: String },
    /// The receiver grants bytes: so many, in all, since the channel is open. It never falls.
    More { until: u64 },
}

impl FileFrame {
    pub fn broke(number: u64, reason: &str) -> Self {
        let mut end = reason.len().min(MAX_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self::Broke {
            number,
            reason: reason[..end].to_owned(),
        }
    }
}

/// The bytes that this side may send on one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCredit {
    until: u64,
    sent: u64,
}

impl SendCredit {
    pub fn on_more(&mut self, until: u64) {
        self.until = self.until.max(until);
    }

    pub fn left(&self) -> u64 {
        self.until.saturating_sub(self.sent)
    }

    pub fn on_sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }
}

/// How the other side breaks the rules of the channel. Nothing more is taken from it on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Bytes outside of `begin` and `end`.
    NoFile,
    /// More bytes than were granted.
    BeyondCredit,
    /// A longer message than allowed.
    TooLong,
    /// The end of another file than the one that had begun.
    OtherFile,
}

impl Violation {
    /// A sentence, for the person who receives from `name`.
    pub fn sentence(self, name: &str) -> String {
        let what = match self {
            Self::NoFile => "sends bytes that belong to no file",
            Self::BeyondCredit => "sends more than it was granted",
            Self::TooLong => "sends messages that are too long",
            Self::OtherFile => "ends another file than it began",
        };
        format!("{name} {what}. Ask for another client, or connect again.")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Current {
    None,
    Taken(u64),
    /// Its bytes are dropped: it was not wanted, or no longer.
    Discarded(u64),
}

/// What happens with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It belongs to the file of this number.
    Take(u64),
    /// It is dropped. Bytes count as stored ([`FileIntake::on_stored`]).
    Discard,
}

/// The receiving end of one channel: to which file bytes belong, and how many more are granted.
#[derive(Clone, Debug)]
pub struct FileIntake {
    until: u64,
    arrived: u64,
    stored: u64,
    current: Current,
    violation: Option<Violation>,
}

impl Default for FileIntake {
    fn default() -> Self {
        Self {
            until: WINDOW,
            arrived: 0,
            stored: 0,
            current: Current::None,
            violation: None,
        }
    }
}

impl FileIntake {
    /// What is granted. Send it before each row of requests: a repetition does no harm, and one that is lost is replaced.
    pub fn grant(&self) -> FileFrame {
        FileFrame::More { until: self.until }
    }

    /// `begin` arrived. `wanted`: the file was asked for, from this offset on.
    pub fn on_begin(&mut self, number: u64, wanted: bool) {
        self.current = if wanted {
            Current::Taken(number)
        } else {
            Current::Discarded(number)
        };
    }

    /// A binary message of this length arrived.
    ///
    /// # Errors
    /// The other side breaks the rules. Everything that follows is discarded.
    pub fn on_bytes(&mut self, length: usize) -> Result<Intake, Violation> {
        if self.violation.is_some() {
            return Ok(Intake::Discard);
        }
        self.arrived = self.arrived.saturating_add(length as u64);
        let violation = match self.current {
            _ if length > MAX_FILE_MESSAGE => Violation::TooLong,
            _ if self.arrived > self.until => Violation::BeyondCredit,
            Current::Taken(number) => return Ok(Intake::Take(number)),
            Current::Discarded(_) => return Ok(Intake::Discard),
            Current::None => Violation::NoFile,
        };
        Err(self.violate(violation))
    }

    /// `end` arrived.
    ///
    /// # Errors
    /// As [`FileIntake::on_bytes`].
    pub fn on_end(&mut self, number: u64) -> Result<Intake, Violation> {
        if self.violation.is_some() {
            return Ok(Intake::Discard);
        }
        match std::mem::replace(&mut self.current, Current::None) {
            Current::Taken(current) if current == number => Ok(Intake::Take(number)),
            Current::Discarded(current) if current == number => Ok(Intake::Discard),
            _ => Err(self.violate(Violation::OtherFile)),
        }
    }

    /// `broke` arrived. True: for the file that is being received; else it had not begun, or is not wanted any longer.
    pub fn on_broke(&mut self, number: u64) -> bool {
        let taken = self.current == Current::Taken(number);
        if taken || self.current == Current::Discarded(number) {
            self.current = Current::None;
        }
        taken
    }

    /// The file that is being received.
    pub fn current(&self) -> Option<u64> {
        match self.current {
            Current::Taken(number) => Some(number),
            Current::None | Current::Discarded(_) => None,
        }
    }

    /// This side does not want the rest of the file of this number.
    pub fn discard(&mut self, number: u64) {
        if self.current == Current::Taken(number) {
            self.current = Current::Discarded(number);
        }
    }

    /// Bytes left the memory of this side: stored, or dropped. Returns the frame to send, a few times per window.
    pub fn on_stored(&mut self, bytes: u64) -> Option<FileFrame> {
        self.stored = self.stored.saturating_add(bytes).min(self.arrived);
        let until = self.stored + WINDOW;
        if self.violation.is_some() || until < self.until + WINDOW / 4 {
            return None;
        }
        self.until = until;
        Some(self.grant())
    }

    fn violate(&mut self, violation: Violation) -> Violation {
        self.violation = Some(violation);
        self.current = Current::None;
        violation
    }
}

#[cfg(test)]
mod tests;

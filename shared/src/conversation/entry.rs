//! One message of a conversation, and its delivery.

use serde::{Deserialize, Serialize};

use crate::chat::Message;
use crate::signaling::PeerId;

/// About what a stored entry needs beside its text.
pub const ENTRY_BYTES: usize = 200;

/// One message and its delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub author: PeerId,
    /// The author's name at that time.
    pub name: String,
    pub message: Message,
    /// Own messages: recipients that have not sent `received`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) waiting: Vec<PeerId>,
    /// Own messages: the number of recipients that have sent `received`.
    #[serde(default)]
    pub(super) reached: usize,
    /// Messages of others: not yet seen by the user.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
    /// The name of the peer that has told it, when that is not its author ([`crate::history`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<String>,
    #[serde(skip)]
    pub(super) save_state: SaveState,
}

/// Whether the store has an entry as it is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SaveState {
    #[default]
    Saved,
    /// By this write, which has not ended.
    Saving(u32),
    Changed,
}

/// The delivery of an own message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// No peer has it yet.
    Pending,
    /// `reached` of `of` peers have it.
    Partial {
        reached: usize,
        of: usize,
    },
    All,
}

impl Entry {
    pub(super) fn new(author: &PeerId, name: &str, message: Message) -> Self {
        Self {
            author: author.clone(),
            name: name.to_owned(),
            message,
            waiting: Vec::new(),
            reached: 0,
            unread: false,
            told_by: None,
            save_state: SaveState::Changed,
        }
    }

    pub fn delivery_status(&self) -> DeliveryStatus {
        let of = self.reached + self.waiting.len();
        match self.reached {
            0 => DeliveryStatus::Pending,
            reached if reached < of => DeliveryStatus::Partial { reached, of },
            _ => DeliveryStatus::All,
        }
    }

    /// What a conversation is sorted by.
    pub(super) fn key(&self) -> (u64, &PeerId) {
        (self.message.number, &self.author)
    }

    /// Bytes of its text, or of the name and type of its file.
    pub fn bytes(&self) -> usize {
        self.message.body.bytes()
    }
}

//! One message of a conversation, and its delivery.

use serde::{Deserialize, Serialize};

use crate::chat::{AboutKind, Body, Message};
use crate::signaling::PeerId;

/// About what a stored entry needs beside its text.
pub const ENTRY_BYTES: usize = 200;

/// Limit on the reactions to one message.
const MAX_REACTIONS: usize = 50;

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
    /// The number of the edit that the text is of; 0: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub edited: u64,
    /// The author has deleted it: its text is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// At most one of each person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// Counts the changes of the text, for what shows it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
    #[serde(skip)]
    pub(super) save_state: SaveState,
}

pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    pub author: PeerId,
    /// The author's name at that time.
    pub name: String,
    pub emoji: String,
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
            edited: 0,
            deleted: false,
            reactions: Vec::new(),
            revision: 0,
            save_state: SaveState::Changed,
        }
    }

    /// This one comes in the place of what was told of it.
    pub(super) fn in_place_of(self, told: Option<Self>) -> Self {
        match told {
            Some(told) => Self {
                revision: told.revision + 1,
                reactions: told.reactions,
                ..self
            },
            None => self,
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

    /// Bytes of its text, or of the name and type of its file, and of the reactions.
    pub fn bytes(&self) -> usize {
        let reactions = self.reactions.iter();
        let reactions = reactions.map(|reaction| reaction.name.len() + reaction.emoji.len() + 16);
        self.message.body.bytes() + reactions.sum::<usize>()
    }

    /// Applies a message of `author` about this one. False: that is not for this author, or changes nothing.
    pub(super) fn change(&mut self, author: &PeerId, name: &str, message: &Message) -> bool {
        let (Some(about), Body::Text { text }) = (message.change(), &message.body) else {
            return false;
        };
        if self.deleted {
            return false;
        }
        let is_text = matches!(self.message.body, Body::Text { .. });
        let is_own_text = is_text && self.author == *author;
        match about.kind {
            AboutKind::Edit if is_own_text && message.number > self.edited => {
                self.message.body = Body::Text { text: text.clone() };
                self.edited = message.number;
                self.revision += 1;
            }
            AboutKind::Delete if is_own_text => {
                self.message.body = Body::Text {
                    text: String::new(),
                };
                self.deleted = true;
                self.unread = false;
                self.reactions.clear();
                self.revision += 1;
            }
            AboutKind::React | AboutKind::Unreact => {
                self.reactions.retain(|reaction| reaction.author != *author);
                let has_place = self.reactions.len() < MAX_REACTIONS;
                if about.kind == AboutKind::React && has_place {
                    self.reactions.push(Reaction {
                        author: author.clone(),
                        name: name.to_owned(),
                        emoji: text.clone(),
                    });
                }
            }
            _ => return false,
        }
        self.save_state = SaveState::Changed;
        true
    }
}

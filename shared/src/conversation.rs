//! The messages of a room, as one peer stores them: their order, which peers have received them, and what has to be sent again. Pure; saved as JSON.
//!
//! ```text
//! the user writes   -> compose()     -> send the message on every open channel
//! a channel opens   -> on_open()     -> send the returned messages before any other
//! a message arrives -> receive()     -> send `received` with the returned number
//! `received` arrives -> acknowledge() -> show the delivery status
//! ```
//!
//! The recipients of a message are the peers in the room when it is written, including those that are away; in an empty room, the first peer that
//! arrives. A message is sent again to a recipient whenever a channel to it opens, until the recipient sends `received`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chat::{Body, Message};
use crate::signaling::PeerId;

/// Limit on the messages that are kept; the oldest are dropped first. A thousand files each way are two thousand messages.
pub const MAX_ENTRIES: usize = 4_000;
/// Limit on the bytes of their texts, so that a conversation fits into a browser's local storage.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Limit on the authors whose highest number is stored.
const MAX_AUTHORS: usize = 256;
/// The highest number that is valid: the largest safe integer of JavaScript.
const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Received numbers advance the local clock up to here, so that no peer can exhaust the numbers.
const MAX_CLOCK: u64 = MAX_NUMBER - (1 << 32);

/// A conversation; see the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    me: PeerId,
    /// The highest number sent or received.
    clock: u64,
    /// The highest number received from each author.
    #[serde(rename = "heard")]
    highest: BTreeMap<PeerId, u64>,
    /// By number, then author.
    entries: Vec<Entry>,
}

/// One message and its delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub author: PeerId,
    /// The author's name at that time.
    pub name: String,
    pub message: Message,
    /// Own messages: recipients that have not sent `received`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<PeerId>,
    /// Own messages: the number of recipients that have sent `received`.
    #[serde(default)]
    reached: usize,
    /// Messages of others: not yet seen by the user.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
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

/// The result of [`Conversation::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveOutcome {
    /// Stored, unless all stored messages are newer. Send `received` with this number.
    New { received: u64 },
    /// Received before. Send `received` with this number again.
    Duplicate { received: u64 },
    /// It breaks the protocol: not stored, and nothing is sent.
    Invalid,
}

impl Entry {
    pub fn delivery_status(&self) -> DeliveryStatus {
        let of = self.reached + self.waiting.len();
        match self.reached {
            0 => DeliveryStatus::Pending,
            reached if reached < of => DeliveryStatus::Partial { reached, of },
            _ => DeliveryStatus::All,
        }
    }

    fn key(&self) -> (u64, &PeerId) {
        (self.message.number, &self.author)
    }

    fn bytes(&self) -> usize {
        match &self.message.body {
            Body::Text { text } => text.len(),
            Body::File(file) => file.name.len() + file.mime.len(),
        }
    }
}

impl Conversation {
    pub fn new(me: PeerId) -> Self {
        Self {
            me,
            clock: 0,
            highest: BTreeMap::new(),
            entries: Vec::new(),
        }
    }

    pub fn me(&self) -> &PeerId {
        &self.me
    }

    /// Changes the own id to one that is new to the room. Own messages keep their recipients.
    pub fn set_id(&mut self, me: PeerId) {
        for entry in &mut self.entries {
            if entry.author == self.me {
                entry.author = me.clone();
            }
        }
        self.me = me;
        // They are almost in order, and the standard library's sorting adds kilobytes to the bundle.
        let mut sorted: Vec<Entry> = Vec::with_capacity(self.entries.len());
        for entry in self.entries.drain(..) {
            let at = sorted.partition_point(|other| other.key() < entry.key());
            sorted.insert(at, entry);
        }
        self.entries = sorted;
    }

    /// All stored messages, in the order that every peer shows.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn is_mine(&self, entry: &Entry) -> bool {
        entry.author == self.me
    }

    pub fn entry(&self, author: &PeerId, number: u64) -> Option<&Entry> {
        let at = self
            .entries
            .binary_search_by(|entry| entry.key().cmp(&(number, author)));
        at.ok().map(|at| &self.entries[at])
    }

    pub fn unread(&self) -> usize {
        self.entries.iter().filter(|entry| entry.unread).count()
    }

    pub fn mark_read(&mut self) {
        for entry in &mut self.entries {
            entry.unread = false;
        }
    }

    /// Adds an own message to `others`, the peers in the room. `now`: milliseconds since 1970. `None` when the body breaks a limit of [`crate::chat`].
    pub fn compose(
        &mut self,
        now: u64,
        name: &str,
        body: Body,
        others: &[PeerId],
    ) -> Option<Message> {
        let number = self.next_number(now);
        let message = Message {
            number,
            at: now,
            body,
        };
        if !message.is_valid() {
            return None;
        }
        self.clock = number;
        let waiting = others
            .iter()
            .filter(|id| **id != self.me)
            .cloned()
            .collect();
        self.insert(Entry {
            author: self.me.clone(),
            name: name.to_owned(),
            message: message.clone(),
            waiting,
            reached: 0,
            unread: false,
        });
        Some(message)
    }

    /// The time of day keeps numbers rising for a peer that has lost its conversation.
    fn next_number(&self, now: u64) -> u64 {
        (self.clock + 1).max(now.min(MAX_CLOCK))
    }

    /// Adds a message of another peer.
    pub fn receive(&mut self, from: &PeerId, name: &str, message: Message) -> ReceiveOutcome {
        let number = message.number;
        if !message.is_valid() || number > MAX_NUMBER || *from == self.me {
            return ReceiveOutcome::Invalid;
        }
        let highest = self.highest.get(from).copied().unwrap_or(0);
        if number <= highest {
            return ReceiveOutcome::Duplicate { received: highest };
        }
        if self.entry(from, number).is_some() {
            // The number that this peer gave to a text without one ([`Self::receive_plain`]).
            return ReceiveOutcome::Invalid;
        }
        self.clock = self.clock.max(number.min(MAX_CLOCK));
        self.highest.insert(from.clone(), number);
        self.forget_authors();
        let entry = Entry {
            author: from.clone(),
            name: name.to_owned(),
            message,
            waiting: Vec::new(),
            reached: 0,
            unread: true,
        };
        self.insert(entry);
        ReceiveOutcome::New { received: number }
    }

    /// Adds a text of another peer that came without a number ([`crate::plain_text`]). It gets the next one here alone, and is not acknowledged: the
    /// numbers that its author gives to other messages stay valid. `None` when the text breaks a limit.
    pub fn receive_plain(
        &mut self,
        from: &PeerId,
        name: &str,
        now: u64,
        text: String,
    ) -> Option<Message> {
        let message = Message {
            number: self.next_number(now),
            at: now,
            body: Body::Text { text },
        };
        if !message.is_valid() || *from == self.me {
            return None;
        }
        self.clock = message.number;
        self.insert(Entry {
            author: from.clone(),
            name: name.to_owned(),
            message: message.clone(),
            waiting: Vec::new(),
            reached: 0,
            unread: true,
        });
        Some(message)
    }

    /// `from` has received all own messages up to `number`. Returns the numbers of those whose delivery that changes.
    pub fn acknowledge(&mut self, from: &PeerId, number: u64) -> Vec<u64> {
        let mut changed = Vec::new();
        for entry in &mut self.entries {
            if entry.message.number > number {
                break;
            }
            if let Some(at) = entry.waiting.iter().position(|id| id == from) {
                entry.waiting.swap_remove(at);
                entry.reached += 1;
                changed.push(entry.message.number);
            }
        }
        changed
    }

    /// A channel to `peer` is open: returns the own messages that it lacks, in order.
    pub fn on_open(&mut self, peer: &PeerId) -> Vec<Message> {
        let mut missing = Vec::new();
        for entry in &mut self.entries {
            if entry.author != self.me {
                continue;
            }
            if entry.waiting.is_empty() && entry.reached == 0 {
                entry.waiting.push(peer.clone());
            }
            if entry.waiting.contains(peer) {
                missing.push(entry.message.clone());
            }
        }
        missing
    }

    /// Inserts an entry in order, and drops the oldest beyond the limits.
    fn insert(&mut self, entry: Entry) {
        let at = self
            .entries
            .partition_point(|other| other.key() < entry.key());
        self.entries.insert(at, entry);
        let mut bytes: usize = self.entries.iter().map(Entry::bytes).sum();
        let mut dropped = 0;
        while self.entries.len() - dropped > MAX_ENTRIES
            || (bytes > MAX_BYTES && dropped + 1 < self.entries.len())
        {
            bytes -= self.entries[dropped].bytes();
            dropped += 1;
        }
        self.entries.drain(..dropped);
    }

    fn forget_authors(&mut self) {
        while self.highest.len() > MAX_AUTHORS {
            let lowest = self.highest.iter().min_by_key(|(_, number)| **number);
            let Some(lowest) = lowest.map(|(id, _)| id.clone()) else {
                return;
            };
            self.highest.remove(&lowest);
        }
    }
}

#[cfg(test)]
mod tests;

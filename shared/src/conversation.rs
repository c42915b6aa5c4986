//! The messages of a room, as one peer holds them: their order, who has which, and what must be sent again. Pure; saved as JSON.
//!
//! ```text
//! I write        -> compose()     -> send the message on every open channel
//! channel opens  -> on_open()     -> send what is returned, before anything else
//! message comes  -> receive()     -> answer `received` with the number that is returned
//! received comes -> acknowledge() -> ticks
//! ```
//!
//! A message is meant for those who are in the room when it is written, away ones included; with nobody there, for the first who comes. It is sent to each
//! of them again, whenever a channel to it opens, until it says `received`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chat::{Body, Message};
use crate::signaling::PeerId;

/// As many messages are kept; the oldest go first.
pub const MAX_ENTRIES: usize = 500;
/// Bytes of texts that are kept, so that the whole fits into a browser's local storage.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Authors whose numbers are remembered.
const MAX_AUTHORS: usize = 256;
/// The greatest number that anybody may send: JavaScript counts in integers up to there.
const MAX_NUMBER: u64 = (1 << 53) - 1;
/// What others send moves our clock up to here, so that nobody can use up the numbers that we are to count on.
const MAX_CLOCK: u64 = MAX_NUMBER - (1 << 32);

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    me: PeerId,
    /// The greatest number sent or heard.
    clock: u64,
    /// The greatest number heard of each author.
    heard: BTreeMap<PeerId, u64>,
    /// By number, then author.
    entries: Vec<Entry>,
}

/// One message and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub author: PeerId,
    /// As the author was called then.
    pub name: String,
    pub message: Message,
    /// Own messages: those who were meant and have not said `received`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<PeerId>,
    /// Own messages: how many have said it.
    #[serde(default)]
    reached: usize,
    /// Others' messages: not yet looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
}

/// How far an own message has come.
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

/// What came of a message from somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveOutcome {
    /// It is kept, unless all that is kept is newer. Say `received` with its number.
    New { received: u64 },
    /// It has come before. Say `received` with this number again.
    Duplicate { received: u64 },
    /// It breaks the protocol; nothing was kept, and nothing is answered.
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
            heard: BTreeMap::new(),
            entries: Vec::new(),
        }
    }

    pub fn me(&self) -> &PeerId {
        &self.me
    }

    /// The same conversation under another id, which is new to the room: own messages stay own, and wait for the same peers.
    pub fn set_id(&mut self, me: PeerId) {
        for entry in &mut self.entries {
            if entry.author == self.me {
                entry.author = me.clone();
            }
        }
        self.me = me;
        self.entries.sort_by(|a, b| a.key().cmp(&b.key()));
    }

    /// All messages that are kept, in the order that every peer sees.
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

    /// A message of mine, for `others`, who are in the room. `now`: milliseconds since 1970. `None` when the body breaks a limit of [`crate::chat`].
    pub fn compose(
        &mut self,
        now: u64,
        name: &str,
        body: Body,
        others: &[PeerId],
    ) -> Option<Message> {
        // The clock of the day keeps numbers rising even for a peer that has lost its history.
        let number = (self.clock + 1).max(now.min(MAX_CLOCK));
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

    /// A message from somebody else came.
    pub fn receive(&mut self, from: &PeerId, name: &str, message: Message) -> ReceiveOutcome {
        let number = message.number;
        if !message.is_valid() || number > MAX_NUMBER || *from == self.me {
            return ReceiveOutcome::Invalid;
        }
        let heard = self.heard.get(from).copied().unwrap_or(0);
        if number <= heard {
            return ReceiveOutcome::Duplicate { received: heard };
        }
        self.clock = self.clock.max(number.min(MAX_CLOCK));
        self.heard.insert(from.clone(), number);
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

    /// `from` has all of mine up to `number`.
    pub fn acknowledge(&mut self, from: &PeerId, number: u64) {
        for entry in &mut self.entries {
            if entry.message.number > number {
                break;
            }
            if let Some(at) = entry.waiting.iter().position(|id| id == from) {
                entry.waiting.swap_remove(at);
                entry.reached += 1;
            }
        }
    }

    /// A channel to `peer` is open: what it has not got of mine, in order.
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

    /// Puts an entry into its place, which is near the end, and lets the oldest go.
    fn insert(&mut self, entry: Entry) {
        let at = self
            .entries
            .partition_point(|other| other.key() < entry.key());
        self.entries.insert(at, entry);
        let mut bytes: usize = self.entries.iter().map(Entry::bytes).sum();
        let mut gone = 0;
        while self.entries.len() - gone > MAX_ENTRIES
            || (bytes > MAX_BYTES && gone + 1 < self.entries.len())
        {
            bytes -= self.entries[gone].bytes();
            gone += 1;
        }
        self.entries.drain(..gone);
    }

    fn forget_authors(&mut self) {
        while self.heard.len() > MAX_AUTHORS {
            let quiet = self.heard.iter().min_by_key(|(_, number)| **number);
            let Some(quiet) = quiet.map(|(id, _)| id.clone()) else {
                return;
            };
            self.heard.remove(&quiet);
        }
    }
}

#[cfg(test)]
mod tests;

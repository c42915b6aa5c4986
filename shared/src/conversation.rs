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

mod changes;
mod delivery;
mod entry;
mod saved;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chat::{About, Body, Message};
use crate::signaling::PeerId;

use changes::Changes;
pub use entry::{DeliveryStatus, ENTRY_BYTES, Entry, Reaction};
use entry::{SaveState, is_zero};
pub use saved::Dropped;
use saved::SavedConversation;

/// Limit on the messages that are kept; the oldest are dropped first. A thousand files each way are two thousand messages.
pub const MAX_ENTRIES: usize = 10_000;
/// So many are dropped at once, since those behind them move up.
const DROPPED_AT_ONCE: usize = 100;
/// Limit on the bytes of their texts. All of it may have to be sent at once, to the first peer that arrives: Chromium's data channels queue 16 MB, and
/// JSON may double a text.
pub const MAX_BYTES: usize = 6_000_000;
/// Limit on the authors whose highest number is stored.
const MAX_AUTHORS: usize = 256;
/// The highest number that is valid: the largest safe integer of JavaScript.
const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Received numbers advance the local clock up to here, so that no peer can exhaust the numbers.
pub(crate) const MAX_CLOCK: u64 = MAX_NUMBER - (1 << 32);

/// A conversation; see the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedConversation")]
pub struct Conversation {
    me: PeerId,
    /// The highest number sent or received.
    clock: u64,
    /// The highest number sent.
    #[serde(skip_serializing_if = "is_zero")]
    sent: u64,
    /// The highest number received from each author.
    #[serde(rename = "heard")]
    highest: BTreeMap<PeerId, u64>,
    /// The highest own number that each peer has received.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reached: BTreeMap<PeerId, u64>,
    #[serde(skip_serializing_if = "Changes::is_empty")]
    changes: Changes,
    /// By number, then author.
    entries: Vec<Entry>,
    dropped: Dropped,
    /// Messages may have been sent without what was saved before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    apart: bool,
    /// Numbers of own messages that have others now, and that the store may still have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    renumbered: Vec<u64>,
    /// Of the texts of all entries.
    #[serde(skip)]
    bytes: usize,
    /// The number of unread entries.
    #[serde(skip)]
    unread: usize,
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

impl Conversation {
    pub fn new(me: PeerId) -> Self {
        Self {
            me,
            clock: 0,
            sent: 0,
            highest: BTreeMap::new(),
            reached: BTreeMap::new(),
            changes: Changes::default(),
            entries: Vec::new(),
            dropped: Dropped::default(),
            apart: false,
            renumbered: Vec::new(),
            bytes: 0,
            unread: 0,
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
            for reaction in &mut entry.reactions {
                if reaction.author == self.me && self.me != me {
                    reaction.author = me.clone();
                    entry.save_state = SaveState::Changed;
                }
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
        let at = self.position((number, author));
        at.ok().map(|at| &self.entries[at])
    }

    /// Where a message is among the entries.
    pub fn index(&self, author: &PeerId, number: u64) -> Option<usize> {
        self.position((number, author)).ok()
    }

    /// Bytes of the texts.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The messages that have been dropped because of the limits.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    pub fn unread(&self) -> usize {
        self.unread
    }

    pub fn first_unread(&self) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        (self.unread > 0)
            .then(|| entries.find(|entry| entry.unread))
            .flatten()
    }

    pub fn mark_read(&mut self) {
        for entry in self.entries.iter_mut().rev() {
            if self.unread == 0 {
                return;
            }
            if entry.unread {
                entry.unread = false;
                entry.save_state = SaveState::Changed;
                self.unread -= 1;
            }
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
        self.compose_about(now, name, body, None, others)
    }

    /// An own message about an earlier one, for which it stands by itself: a reply.
    pub fn compose_about(
        &mut self,
        now: u64,
        name: &str,
        body: Body,
        about: Option<About>,
        others: &[PeerId],
    ) -> Option<Message> {
        let number = self.next_number(now);
        // No message is about a later one, which a number close to the highest makes of an earlier one.
        let about = about.filter(|about| about.number < number);
        let message = Message {
            number,
            at: now,
            body,
            about,
        };
        if !message.is_valid() || message.change().is_some() {
            return None;
        }
        (self.clock, self.sent) = (number, number);
        let waiting = self.recipients(others);
        self.insert(Entry {
            waiting,
            ..Entry::new(&self.me, name, message.clone())
        });
        Some(message)
    }

    fn recipients(&self, others: &[PeerId]) -> Vec<PeerId> {
        let others = others.iter().filter(|id| **id != self.me);
        others.cloned().collect()
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
        let Ok(told) = self.take_out_told(from, number) else {
            // The number that this peer gave to a text without one ([`Self::receive_plain`]).
            return ReceiveOutcome::Invalid;
        };
        self.clock = self.clock.max(number.min(MAX_CLOCK));
        self.highest.insert(from.clone(), number);
        forget_authors(&mut self.highest);
        if message.change().is_some() {
            self.receive_change(from, name, message);
        } else {
            self.insert(Entry {
                unread: true,
                ..Entry::new(from, name, message).in_place_of(told)
            });
            self.apply_early(from, number);
        }
        ReceiveOutcome::New { received: number }
    }

    /// A number of this moment, for something that all peers order alike, as they do messages.
    pub fn take_number(&mut self, now: u64) -> u64 {
        self.clock = self.next_number(now);
        self.clock
    }

    /// Another peer has taken this number. False: it is too high.
    pub fn observe(&mut self, number: u64) -> bool {
        let valid = number <= MAX_CLOCK;
        if valid {
            self.clock = self.clock.max(number);
        }
        valid
    }

    /// Adds a message that comes from another peer than its author, `teller`, or from its author again. It takes no number from its author. False: it is
    /// known, or breaks a limit.
    pub fn add_told(
        &mut self,
        author: &PeerId,
        name: &str,
        teller: Option<&str>,
        message: Message,
    ) -> bool {
        let number = message.number;
        let valid = message.is_valid() && number <= MAX_NUMBER && *author != self.me;
        let valid = valid && message.change().is_none();
        let known = self.entry(author, number).is_some();
        if !valid || known && teller.is_some() {
            return false;
        }
        let Ok(told) = self.take_out_told(author, number) else {
            return false;
        };
        self.clock = self.clock.max(number.min(MAX_CLOCK));
        self.insert(Entry {
            told_by: teller.map(str::to_owned),
            ..Entry::new(author, name, message).in_place_of(told)
        });
        self.apply_early(author, number);
        true
    }

    /// Makes room for a message of its author. Returns what another peer has told of it. Error: the message itself is there.
    fn take_out_told(&mut self, author: &PeerId, number: u64) -> Result<Option<Entry>, ()> {
        let Ok(at) = self.position((number, author)) else {
            return Ok(None);
        };
        if self.entries[at].told_by.is_none() {
            return Err(());
        }
        let entry = self.entries.remove(at);
        self.bytes -= entry.bytes();
        Ok(Some(entry))
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
            about: None,
        };
        if !message.is_valid() || *from == self.me {
            return None;
        }
        self.clock = message.number;
        self.insert(Entry {
            unread: true,
            ..Entry::new(from, name, message.clone())
        });
        Some(message)
    }

    fn position(&self, key: (u64, &PeerId)) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.key().cmp(&key))
    }

    /// Inserts an entry in order, and drops the oldest beyond the limits.
    fn insert(&mut self, entry: Entry) {
        let at = self.position(entry.key());
        self.insert_at(at.unwrap_or_else(|at| at), entry);
        self.drop_oldest();
    }

    fn insert_at(&mut self, at: usize, entry: Entry) {
        self.bytes += entry.bytes();
        self.unread += usize::from(entry.unread);
        self.entries.insert(at, entry);
    }

    fn drop_oldest(&mut self) {
        let mut count = 0;
        let too_many = self.entries.len() > MAX_ENTRIES;
        while (too_many && self.entries.len() - count > MAX_ENTRIES - DROPPED_AT_ONCE)
            || (self.bytes > MAX_BYTES && count + 1 < self.entries.len())
        {
            let oldest = &self.entries[count];
            self.bytes -= oldest.bytes();
            self.unread -= usize::from(oldest.unread);
            self.dropped.count += 1;
            self.dropped.until = self.dropped.until.max(oldest.message.at);
            count += 1;
        }
        self.entries.drain(..count);
    }
}

fn forget_authors(highest: &mut BTreeMap<PeerId, u64>) {
    while highest.len() > MAX_AUTHORS {
        let lowest = highest.iter().min_by_key(|(_, number)| **number);
        let Some(lowest) = lowest.map(|(id, _)| id.clone()) else {
            return;
        };
        highest.remove(&lowest);
    }
}

#[cfg(test)]
mod tests;

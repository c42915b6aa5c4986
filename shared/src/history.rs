//! The last messages of a room for a peer that comes late: the switch, what is told, and how much of it is taken. Pure.
//!
//! ```text
//! a channel opens, or the switch changes -> frame()      -> send it
//! `history` arrives                      -> on_history() -> send `past` if it says so
//! `past` arrives                         -> on_past()    -> send the returned frames
//! `told` arrives                         -> on_told()
//! ```
//!
//! Nobody but its author can vouch for a message. What is told bears the name of its teller, gives way to the message itself, and is not told again.
//!
//! A peer tells what has come since it knows that the switch is on: who wrote before did not expect it, and a stranger who puts it on gets nothing.

use crate::chat::{ChatFrame, Message};
use crate::conversation::{Conversation, DeliveryStatus, Entry, MAX_CLOCK};
use crate::signaling::{MAX_NAME, PeerId};

/// Limit on the messages that a peer tells another.
pub const MAX_TOLD: usize = 200;
/// Limit on the bytes of their texts.
pub const MAX_TOLD_BYTES: usize = 256 * 1024;

/// The switch of a room, as one peer knows it; see the module.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Of two values, the one with the higher number is valid, which is one of the conversation; of two with one number, `off`.
    number: u64,
    on: bool,
    /// Messages up to this number are not told.
    since: u64,
    peers: Vec<Peer>,
}

/// A peer whose channel is open, and that has sent a frame of this module.
#[derive(Clone, Debug)]
struct Peer {
    id: PeerId,
    /// Its switch is known.
    is_known: bool,
    /// It was asked, and may still tell so many messages and bytes.
    asked: Option<(usize, usize)>,
    /// It was told.
    told: bool,
}

/// The result of [`History::on_history`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryUpdate {
    /// The switch is another than before.
    pub changed: bool,
    /// It was on or off when the channel to the peer opened: who has changed it is not known.
    pub opening: bool,
    /// Send `past`.
    pub ask: bool,
}

impl History {
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Puts the switch on or off.
    pub fn set(&mut self, conversation: &mut Conversation, now: u64, on: bool) {
        // The highest number is valid for all. With it, off wins.
        self.number = conversation.take_number(now).min(MAX_CLOCK);
        self.since = self.number;
        self.on_loaded(conversation);
        self.on = on;
    }

    /// For a peer whose channel opens, and for all when the person has changed the switch.
    pub fn frame(&self, conversation: &Conversation) -> ChatFrame {
        let past = self.past(conversation);
        ChatFrame::History {
            number: self.number,
            on: self.on,
            oldest: past.first().map_or(0, |entry| entry.message.number),
            count: past.len() as u64,
        }
    }

    /// A peer has this switch, and can tell `count` messages, of which the oldest has the number `oldest`.
    pub fn on_history(
        &mut self,
        conversation: &mut Conversation,
        from: &PeerId,
        (number, on): (u64, bool),
        (oldest, count): (u64, u64),
    ) -> HistoryUpdate {
        let before = self.on;
        if (number, !on) > (self.number, !self.on) && conversation.observe(number) {
            (self.number, self.on) = (number, on);
            // Also when the number is lower: no peer gets what was written before.
            self.since = number;
            self.on_loaded(conversation);
        }
        let since = |entry: &&Entry| entry.message.number >= oldest;
        let known = conversation.entries().iter().rev().take_while(since);
        // The peer does not count what it cannot have.
        let known = known.filter(|entry| {
            let has_gone =
                !conversation.is_mine(entry) || entry.delivery_status() != DeliveryStatus::Pending;
            has_gone && !entry.deleted
        });
        let lacks = self.on && count > known.count() as u64;
        let peer = self.peer(from);
        let opening = !std::mem::replace(&mut peer.is_known, true);
        let ask = lacks && peer.asked.is_none();
        if ask {
            peer.asked = Some((MAX_TOLD, MAX_TOLD_BYTES));
        }
        HistoryUpdate {
            changed: before != self.on,
            opening,
            ask,
        }
    }

    /// Messages may have been loaded: they are not told.
    pub fn on_loaded(&mut self, conversation: &Conversation) {
        let newest = conversation.entries().last();
        let newest = newest.map_or(0, |entry| entry.message.number);
        self.since = self.since.max(newest);
    }

    /// A peer asks for the last messages: once while its channel is open.
    pub fn on_past(&mut self, conversation: &Conversation, from: &PeerId) -> Vec<ChatFrame> {
        if std::mem::replace(&mut self.peer(from).told, true) {
            return Vec::new();
        }
        let past = self.past(conversation).into_iter();
        let others = past.filter(|entry| entry.author != *from);
        let frames = others.map(|entry| ChatFrame::Told {
            author: entry.author.clone(),
            name: entry.name.clone(),
            message: entry.message.clone(),
        });
        frames.collect()
    }

    /// A peer of this name tells a message of `author`, which had that name. False: nobody has asked for it, it is known, or breaks a rule.
    pub fn on_told(
        &mut self,
        conversation: &mut Conversation,
        (from, teller): (&PeerId, &str),
        (author, name): (&PeerId, &str),
        message: Message,
    ) -> bool {
        let bytes = message.body.bytes();
        let named = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control);
        if !named || message.number <= self.number {
            return false;
        }
        let Some((messages_left, bytes_left)) = &mut self.peer(from).asked else {
            return false;
        };
        if *messages_left == 0 || *bytes_left < bytes {
            return false;
        }
        *messages_left -= 1;
        *bytes_left -= bytes;
        let teller = (author != from).then_some(teller);
        conversation.add_told(author, name, teller, message)
    }

    /// The channel to a peer is closed.
    pub fn on_closed(&mut self, peer: &PeerId) {
        self.peers.retain(|open| open.id != *peer);
    }

    fn peer(&mut self, id: &PeerId) -> &mut Peer {
        let known = self.peers.iter().position(|peer| peer.id == *id);
        let index = known.unwrap_or_else(|| {
            self.peers.push(Peer {
                id: id.clone(),
                is_known: false,
                asked: None,
                told: false,
            });
            self.peers.len() - 1
        });
        &mut self.peers[index]
    }

    /// What this peer can tell.
    fn past<'a>(&self, conversation: &'a Conversation) -> Vec<&'a Entry> {
        let mut bytes = MAX_TOLD_BYTES;
        let last = conversation.entries().iter().rev();
        let last = last.take_while(|entry| self.on && entry.message.number > self.since);
        let own = last.filter(|entry| entry.told_by.is_none() && !entry.deleted);
        let own = own.take(MAX_TOLD);
        let fits = own.take_while(|entry| {
            let fits = entry.bytes() <= bytes;
            bytes = bytes.saturating_sub(entry.bytes());
            fits
        });
        let mut past: Vec<&Entry> = fits.collect();
        past.reverse();
        past
    }
}

#[cfg(test)]
mod tests;

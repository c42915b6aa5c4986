//! Messages about others: edits, deletions and reactions change a message that is there, and are no entries themselves.
//!
//! Own ones are kept until everybody has them who has the message. One of a peer that comes before its message waits for it.

use serde::{Deserialize, Serialize};

use super::entry::SaveState;
use super::{Conversation, Entry};
use crate::chat::{About, AboutKind, Body, Message};
use crate::signaling::PeerId;

/// Limit on the own changes that are kept for peers that lack them; the oldest are dropped first.
const MAX_CHANGES: usize = 500;
/// Limit on the bytes of their texts: they are written with every save.
const MAX_CHANGES_BYTES: usize = 256 * 1024;
/// Limit on the changes that wait for their message.
const MAX_EARLY: usize = 64;
/// Limit on the bytes of their texts.
const MAX_EARLY_BYTES: usize = 256 * 1024;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changes {
    /// Own ones that somebody lacks, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) own: Vec<Entry>,
    /// Of others, whose message has not come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    early: Vec<Entry>,
    #[serde(skip)]
    pub(super) save_state: SaveState,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.early.is_empty()
    }

    pub(super) fn absorb(&mut self, other: Self) {
        for change in other.own {
            self.keep(change);
        }
        for change in other.early {
            self.wait(change);
        }
    }

    /// Keeps an own one, in the place of those that it makes void.
    pub(super) fn keep(&mut self, mut change: Entry) {
        self.save_state = SaveState::Changed;
        if let Some(newer) = self.own.iter_mut().find(|own| replaces(own, &change)) {
            take_waiting(newer, &mut change);
            return;
        }
        self.own.retain_mut(|own| {
            let is_void = replaces(&change, own);
            if is_void {
                take_waiting(&mut change, own);
            }
            !is_void
        });
        let number = change.message.number;
        let place = self
            .own
            .binary_search_by_key(&number, |own| own.message.number);
        if let Err(at) = place {
            self.own.insert(at, change);
        }
        let mut bytes: usize = self.own.iter().map(Entry::bytes).sum();
        while self.own.len() > MAX_CHANGES || bytes > MAX_CHANGES_BYTES {
            bytes -= self.own.remove(0).bytes();
        }
    }

    /// A newer own one makes this one void.
    pub(super) fn is_void(&self, change: &Entry) -> bool {
        self.own.iter().any(|own| replaces(own, change))
    }

    fn wait(&mut self, change: Entry) {
        self.save_state = SaveState::Changed;
        if self.early.iter().any(|early| replaces(early, &change)) {
            return;
        }
        self.early
            .retain(|early| early.key() != change.key() && !replaces(&change, early));
        self.early.push(change);
        let mut bytes: usize = self.early.iter().map(Entry::bytes).sum();
        while self.early.len() > MAX_EARLY || bytes > MAX_EARLY_BYTES {
            bytes -= self.early.remove(0).bytes();
        }
    }
}

/// `change` goes to the peers as well that lack `void`.
fn take_waiting(change: &mut Entry, void: &mut Entry) {
    let missing = void.waiting.drain(..);
    let missing: Vec<_> = missing.filter(|id| !change.waiting.contains(id)).collect();
    change.waiting.extend(missing);
}

/// Whether a change makes an earlier one of the same author void.
fn replaces(change: &Entry, earlier: &Entry) -> bool {
    let (Some(about), Some(before)) = (change.message.change(), earlier.message.change()) else {
        return false;
    };
    let of_text = |kind| matches!(kind, AboutKind::Edit | AboutKind::Delete);
    change.author == earlier.author
        && change.message.number > earlier.message.number
        && (about.number, &about.author) == (before.number, &before.author)
        && of_text(about.kind) == of_text(before.kind)
}

impl Conversation {
    /// Changes a message: see [`AboutKind`] for who may and what `text` is. Returns the message to send. `None`: it is not there, the change is not for this
    /// peer, or it breaks a limit of [`crate::chat`].
    pub fn change(
        &mut self,
        now: u64,
        name: &str,
        about: About,
        text: &str,
        others: &[PeerId],
    ) -> Option<Message> {
        let message = Message {
            number: self.next_number(now),
            at: now,
            body: Body::Text {
                text: text.to_owned(),
            },
            about: Some(about.clone()),
        };
        let me = self.me.clone();
        if !message.is_valid() || message.change().is_none() {
            return None;
        }
        let target = self.entry(&about.author, about.number)?;
        let mut waiting = self.recipients(others);
        // Also who has the message, or will get it, and is away.
        let received = self.reached.iter();
        let received = received.filter(|(_, number)| **number >= about.number);
        let received = received.map(|(id, _)| id);
        for id in target.waiting.iter().chain(received) {
            if !waiting.contains(id) {
                waiting.push(id.clone());
            }
        }
        if !self.apply(&me, name, &message) {
            return None;
        }
        (self.clock, self.sent) = (message.number, message.number);
        if !waiting.is_empty() {
            self.changes.keep(Entry {
                waiting,
                ..Entry::new(&me, name, message.clone())
            });
        }
        Some(message)
    }

    /// A change by another peer.
    pub(super) fn receive_change(&mut self, from: &PeerId, name: &str, message: Message) {
        let about = message.change();
        let is_there = about.is_some_and(|about| self.entry(&about.author, about.number).is_some());
        if is_there {
            self.apply(from, name, &message);
        } else {
            self.changes.wait(Entry::new(from, name, message));
        }
    }

    /// Messages have been loaded for which changes may wait.
    pub(super) fn apply_all_early(&mut self) {
        for early in std::mem::take(&mut self.changes.early) {
            self.receive_change(&early.author, &early.name, early.message);
        }
    }

    /// A message has come for which changes may wait.
    pub(super) fn apply_early(&mut self, author: &PeerId, number: u64) {
        let is_about = |entry: &Entry| {
            let about = entry.message.change();
            about.is_some_and(|about| about.number == number && about.author == *author)
        };
        while let Some(at) = self.changes.early.iter().position(is_about) {
            let early = self.changes.early.remove(at);
            self.changes.save_state = SaveState::Changed;
            self.apply(&early.author, &early.name, &early.message);
        }
    }

    fn apply(&mut self, author: &PeerId, name: &str, message: &Message) -> bool {
        let Some(about) = message.change() else {
            return false;
        };
        let Ok(at) = self.position((about.number, &about.author)) else {
            return false;
        };
        let entry = &mut self.entries[at];
        let (bytes, unread) = (entry.bytes(), entry.unread);
        let changed = entry.change(author, name, message);
        self.bytes = self.bytes - bytes + entry.bytes();
        self.unread -= usize::from(unread && !entry.unread);
        self.drop_oldest();
        changed
    }

    /// The reaction of this peer to a message.
    pub fn own_reaction<'a>(&self, entry: &'a Entry) -> Option<&'a str> {
        let own = entry.reactions.iter();
        let own = own.filter(|reaction| reaction.author == self.me);
        own.map(|reaction| reaction.emoji.as_str()).next()
    }

    /// Whether this peer may edit and delete a message.
    pub fn may_change(&self, entry: &Entry) -> bool {
        let is_text = matches!(entry.message.body, Body::Text { .. });
        self.is_mine(entry) && is_text && !entry.deleted
    }
}

/// About a message of the conversation.
impl Entry {
    pub fn about(&self, kind: AboutKind) -> About {
        About {
            author: self.author.clone(),
            number: self.message.number,
            kind,
        }
    }
}

//! How a conversation is saved: as a whole, or what has changed. A part of a conversation is a conversation with fewer entries; one without any has
//! the clock and the numbers of the authors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::changes::Changes;
use super::entry::SaveState;
use super::{Conversation, ENTRY_BYTES, Entry, MAX_CLOCK, MAX_NUMBER, forget_authors};
use crate::signaling::PeerId;

/// What a conversation had beyond its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Messages.
    pub count: u64,
    /// The newest of them, in milliseconds since 1970.
    pub until: u64,
}

/// The JSON of a conversation.
#[derive(Deserialize)]
pub(super) struct SavedConversation {
    me: PeerId,
    clock: u64,
    heard: BTreeMap<PeerId, u64>,
    entries: Vec<Entry>,
    #[serde(default)]
    dropped: Dropped,
    #[serde(default)]
    apart: bool,
    #[serde(default)]
    renumbered: Vec<u64>,
    #[serde(default)]
    reached: BTreeMap<PeerId, u64>,
    #[serde(default)]
    sent: u64,
    #[serde(default)]
    changes: Changes,
}

impl From<SavedConversation> for Conversation {
    fn from(saved: SavedConversation) -> Self {
        let mut conversation = Self {
            clock: saved.clock,
            highest: saved.heard,
            dropped: saved.dropped,
            apart: saved.apart,
            renumbered: saved.renumbered,
            reached: saved.reached,
            sent: saved.sent,
            changes: saved.changes,
            ..Self::new(saved.me)
        };
        for entry in saved.entries {
            conversation.restore(entry);
        }
        conversation.drop_oldest();
        conversation
    }
}

impl Conversation {
    /// Adds an entry that was saved. One that is there stays.
    pub fn restore(&mut self, entry: Entry) {
        let valid = entry.deleted || entry.message.is_valid();
        let valid = valid && entry.message.number <= MAX_NUMBER;
        let at = self.position(entry.key());
        if let (Err(at), true) = (at, valid) {
            self.insert_at(at, entry);
        }
    }

    /// Adds what `saved`, a part of this conversation, has beyond it: its own messages are own messages here. Of an entry that both have, this one stays.
    pub fn absorb(&mut self, mut saved: Self) {
        saved.set_id(self.me.clone());
        self.clock = self.clock.max(saved.clock);
        self.sent = self.sent.max(saved.sent);
        for (author, number) in saved.highest {
            let highest = self.highest.entry(author).or_default();
            *highest = number.max(*highest);
        }
        forget_authors(&mut self.highest);
        for (author, number) in saved.reached {
            let reached = self.reached.entry(author).or_default();
            *reached = number.max(*reached);
        }
        forget_authors(&mut self.reached);
        self.changes.absorb(saved.changes);
        if self.dropped.count < saved.dropped.count {
            self.dropped = saved.dropped;
        }
        self.apart |= saved.apart;
        self.renumbered.append(&mut saved.renumbered);
        for entry in saved.entries {
            let renumbered =
                entry.author == self.me && self.renumbered.contains(&entry.message.number);
            if !renumbered {
                self.restore(entry);
            }
        }
        self.apply_all_early();
        self.drop_oldest();
    }

    /// The conversation with these entries alone.
    pub fn part(&self, is_in: impl Fn(&Entry) -> bool) -> Self {
        let mut part = Self {
            clock: self.clock,
            highest: self.highest.clone(),
            dropped: self.dropped,
            apart: self.apart,
            renumbered: self.renumbered.clone(),
            reached: self.reached.clone(),
            sent: self.sent,
            changes: self.changes.clone(),
            ..Self::new(self.me.clone())
        };
        for entry in self.entries.iter().filter(|entry| is_in(entry)) {
            part.insert_at(part.entries.len(), entry.clone());
        }
        part
    }

    /// The newest entries, with at most so many bytes: of texts, and [`ENTRY_BYTES`] each.
    pub fn newest(&self, bytes: usize) -> Self {
        let mut left = bytes;
        let mut entries = self.entries.iter().rev();
        let oldest = entries.find(|entry| {
            let size = entry.bytes() + ENTRY_BYTES;
            let fits = size <= left;
            left = left.saturating_sub(size);
            !fits
        });
        match oldest {
            Some(oldest) => self.part(|entry| entry.key() > oldest.key()),
            None => self.clone(),
        }
    }

    /// The entries that have changed since the last call, for a write that begins: report its end with [`Self::written`].
    pub fn take_changed(&mut self, write: u32) -> Vec<Entry> {
        if self.has_unsaved_changes() {
            self.changes.save_state = SaveState::Saving(write);
        }
        let changed = self.entries.iter_mut();
        let changed = changed.filter(|entry| entry.save_state == SaveState::Changed);
        let changed = changed.map(|entry| {
            entry.save_state = SaveState::Saving(write);
            Entry {
                save_state: SaveState::Saved,
                ..entry.clone()
            }
        });
        changed.collect()
    }

    /// What has changed besides entries has not been saved.
    pub fn has_unsaved_changes(&self) -> bool {
        self.changes.save_state == SaveState::Changed
    }

    /// A write has ended.
    pub fn written(&mut self, write: u32, succeeded: bool) {
        let states = self.entries.iter_mut().map(|entry| &mut entry.save_state);
        let states = states.chain([&mut self.changes.save_state]);
        for state in states.filter(|state| **state == SaveState::Saving(write)) {
            *state = match succeeded {
                true => SaveState::Saved,
                false => SaveState::Changed,
            };
        }
    }

    /// What has not been saved, if anything.
    pub fn unsaved(&self) -> Option<Self> {
        let unsaved = |entry: &Entry| entry.save_state != SaveState::Saved;
        let any = self.entries.iter().any(unsaved);
        (any || self.changes.save_state != SaveState::Saved).then(|| self.part(unsaved))
    }

    /// All of it has to be saved: it comes from another place.
    pub fn set_all_changed(&mut self) {
        for entry in &mut self.entries {
            entry.save_state = SaveState::Changed;
        }
    }

    /// Adds what the store has, `saved`. What has not been saved yet stays; of all else `saved` is newer. `now`: milliseconds since 1970.
    ///
    /// Peers take the messages of an author in the order of their numbers only. So own messages that somebody lacks, and that were not there when a
    /// later one was sent, follow under new numbers: they have to be sent.
    pub fn reload(&mut self, mut saved: Self, now: u64) {
        saved.set_id(self.me.clone());
        // What another peer has told does not take the place of the message itself.
        let unsaved = self.part(|entry| {
            entry.save_state != SaveState::Saved && (entry.told_by.is_none() || !saved.has(entry))
        });
        let mut late = unsaved.lacking(&saved, saved.sent_beyond(self));
        let sent = self.sent_beyond(&saved);
        if self.apart {
            late.extend(saved.lacking(self, sent));
        }
        let numbers = late.iter().map(|entry| entry.message.number);
        self.renumbered.extend(numbers);
        // Changes that are loaded late follow as well.
        let is_late = |change: &Entry| self.apart && change.message.number < sent;
        let own = std::mem::take(&mut saved.changes.own);
        let (late_changes, own): (Vec<Entry>, _) = own.into_iter().partition(is_late);
        saved.changes.own = own;
        let mut all = self.part(|_| false);
        all.absorb(unsaved);
        let apart = saved.apart;
        all.absorb(saved);
        all.apart = apart;
        for mut entry in late {
            all.clock = all.next_number(now);
            entry.message.number = all.clock;
            entry.save_state = SaveState::Changed;
            all.insert(entry);
        }
        for mut change in late_changes {
            if !all.changes.is_void(&change) {
                all.clock = all.next_number(now);
                change.message.number = all.clock;
            }
            all.changes.keep(change);
        }
        *self = all;
    }

    /// The highest number that was sent of what `other` does not have.
    fn sent_beyond(&self, other: &Self) -> u64 {
        if self.sent > other.sent {
            return self.sent;
        }
        let mut newest = self.entries.iter().rev();
        let beyond = newest.find(|entry| self.is_mine(entry) && !other.has(entry));
        beyond.map_or(0, |entry| entry.message.number)
    }

    /// Own messages below this number that `other` does not have and somebody else may lack.
    fn lacking(&self, other: &Self, below: u64) -> Vec<Entry> {
        let entries = self.entries.iter();
        let lacking = entries.filter(|entry| {
            let lacked = entry.reached == 0 || !entry.waiting.is_empty();
            entry.message.number < below && lacked && self.is_mine(entry) && !other.has(entry)
        });
        lacking.cloned().collect()
    }

    fn has(&self, entry: &Entry) -> bool {
        self.position(entry.key()).is_ok()
    }

    /// Messages are sent from now on without what may have been saved before.
    pub fn set_apart(&mut self) {
        self.apart = true;
    }

    /// Numbers of own messages that have others now: the store has to delete them with the next write.
    pub fn renumbered(&self) -> &[u64] {
        &self.renumbered
    }

    /// The store has deleted the first ones of [`Self::renumbered`].
    pub fn forget_renumbered(&mut self, count: usize) {
        self.renumbered.drain(..count.min(self.renumbered.len()));
    }

    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// Own messages get higher numbers than this, as earlier ones had.
    pub fn set_clock(&mut self, clock: u64) {
        self.clock = self.clock.max(clock.min(MAX_CLOCK));
    }
}

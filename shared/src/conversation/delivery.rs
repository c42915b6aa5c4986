//! Which peers have the own messages, and what has to be sent again.

use super::entry::SaveState;
use super::{Conversation, forget_authors};
use crate::chat::Message;
use crate::signaling::PeerId;

impl Conversation {
    /// `from` has received all own messages up to `number`. Returns the numbers of those whose delivery that changes.
    pub fn acknowledge(&mut self, from: &PeerId, number: u64) -> Vec<u64> {
        let mut changed = Vec::new();
        let reached = self.reached.entry(from.clone()).or_default();
        // Only numbers that were sent.
        *reached = (*reached).max(number.min(self.clock));
        forget_authors(&mut self.reached);
        let mut acknowledged = false;
        self.changes.own.retain_mut(|change| {
            let before = change.waiting.len();
            if change.message.number <= number {
                change.waiting.retain(|id| id != from);
            }
            acknowledged |= change.waiting.len() < before;
            !change.waiting.is_empty()
        });
        if acknowledged {
            self.changes.save_state = SaveState::Changed;
        }
        for entry in &mut self.entries {
            if entry.message.number > number {
                break;
            }
            if let Some(at) = entry.waiting.iter().position(|id| id == from) {
                entry.waiting.swap_remove(at);
                entry.reached += 1;
                entry.save_state = SaveState::Changed;
                changed.push(entry.message.number);
            }
        }
        changed
    }

    /// A channel to `peer` is open: returns the own messages that it lacks, in order.
    pub fn on_open(&mut self, peer: &PeerId) -> Vec<Message> {
        let mut missing = Vec::new();
        for entry in &mut self.entries {
            // What was deleted is not sent any more; what follows acknowledges it.
            if entry.author != self.me || entry.deleted {
                continue;
            }
            if entry.waiting.is_empty() && entry.reached == 0 {
                entry.waiting.push(peer.clone());
                entry.save_state = SaveState::Changed;
            }
            if entry.waiting.contains(peer) {
                missing.push(entry.message.clone());
            }
        }
        let changes = self.changes.own.iter();
        for change in changes.filter(|change| change.waiting.contains(peer)) {
            let number = change.message.number;
            let at = missing.partition_point(|message| message.number < number);
            missing.insert(at, change.message.clone());
        }
        missing
    }
}

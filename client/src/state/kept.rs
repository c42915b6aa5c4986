//! What a browser keeps of the conversations of its rooms, and what makes room for others.

use serde::{Deserialize, Serialize};
use shared::conversation::{Conversation, ENTRY_BYTES};

/// Limit on the bytes of all rooms together.
pub const MAX_KEPT_BYTES: usize = 48_000_000;

/// How it goes with saving the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreStatus {
    #[default]
    Kept,
    /// There is no database: the newest are kept.
    Partly,
    /// The storage is full: what is new is lost when the page is closed.
    Full,
    /// The browser denies all storage: the same.
    Denied,
}

/// A room as it is kept beside its messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptRoom {
    /// Without its entries.
    pub conversation: Conversation,
    pub unread: usize,
    /// Of the newest message, in milliseconds since 1970. None: there is no message.
    pub newest: Option<u64>,
    /// Of its texts, and [`ENTRY_BYTES`] for each message.
    pub bytes: usize,
    /// When it was saved, in milliseconds since 1970.
    pub saved: u64,
}

impl KeptRoom {
    pub fn of(conversation: &Conversation, now: u64) -> Self {
        let newest = conversation.entries().last();
        Self {
            unread: conversation.unread(),
            newest: newest.map(|entry| entry.message.at),
            bytes: conversation.bytes() + conversation.entries().len() * ENTRY_BYTES,
            saved: now,
            conversation: conversation.part(|_| false),
        }
    }
}

/// The rooms that have to go, so that `rooms` (name, bytes, when it was saved) have at most `limit` bytes: those that were saved longest ago, none of
/// `open`.
pub fn excess(mut rooms: Vec<(String, usize, u64)>, open: &[String], limit: usize) -> Vec<String> {
    let mut bytes: usize = rooms.iter().map(|(_, bytes, _)| bytes).sum();
    rooms.retain(|(name, ..)| !open.contains(name));
    let mut excess = Vec::new();
    while bytes > limit {
        let oldest = (0..rooms.len()).min_by_key(|at| rooms[*at].2);
        let Some(oldest) = oldest else { break };
        let (name, of_it, _) = rooms.swap_remove(oldest);
        bytes -= of_it;
        excess.push(name);
    }
    excess
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_that_were_left_longest_ago_make_room_and_open_ones_stay() {
        let rooms = || {
            [
                ("now", 50, 1),
                ("old", 30, 2),
                ("older", 30, 1),
                ("new", 30, 3),
            ]
            .map(|(name, bytes, saved)| (name.to_owned(), bytes, saved))
            .to_vec()
        };
        let open = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let now = open(&["now"]);
        assert!(excess(rooms(), &now, 140).is_empty());
        assert_eq!(excess(rooms(), &now, 139), ["older"]);
        assert_eq!(excess(rooms(), &now, 80), ["older", "old"]);
        assert_eq!(excess(rooms(), &now, 0), ["older", "old", "new"]);
        // In another tab.
        assert_eq!(
            excess(rooms(), &open(&["older", "now"]), 80),
            ["old", "new"]
        );
    }
}

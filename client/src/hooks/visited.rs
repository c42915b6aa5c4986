//! Rooms whose conversation is kept in this browser.

use leptos::prelude::window;
use shared::conversation::Conversation;

use super::room_storage::conversation_name;
use super::server_storage::stored_names;
use super::window::storage;

#[derive(Clone, PartialEq)]
pub(crate) struct VisitedRoom {
    pub(crate) name: String,
    pub(crate) unread: usize,
    /// Of the newest message, in milliseconds since 1970.
    at: u64,
}

/// The rooms of a server with the newest messages first.
pub(crate) fn visited(server: &str) -> Vec<VisitedRoom> {
    let Some(storage) = storage() else {
        return Vec::new();
    };
    let prefix = conversation_name(server, "");
    let rooms = stored_names(&storage).into_iter().filter_map(|key| {
        let name = key.strip_prefix(&prefix)?.to_owned();
        let text = storage.get_item(&key).ok().flatten()?;
        let conversation: Conversation = serde_json::from_str(&text).ok()?;
        // One that was only looked at from outside holds nothing.
        let at = conversation.entries().last()?.message.at;
        let unread = conversation.unread();
        Some(VisitedRoom { name, unread, at })
    });
    // The few rooms are sorted as they come: the standard library's sorting adds kilobytes to the bundle.
    let mut sorted: Vec<VisitedRoom> = Vec::new();
    for room in rooms {
        let before = |other: &VisitedRoom| (room.at, &other.name) < (other.at, &room.name);
        sorted.insert(sorted.partition_point(before), room);
    }
    sorted
}

/// Asks a person whether to forget a room.
pub(crate) fn confirm(question: &str) -> bool {
    window().confirm_with_message(question).unwrap_or(false)
}

/// Forgets a room and its messages.
pub(crate) fn forget(server: &str, name: &str) {
    if let Some(storage) = storage() {
        let _ = storage.remove_item(&conversation_name(server, name));
    }
}

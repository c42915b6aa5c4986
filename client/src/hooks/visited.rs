//! Rooms whose conversation is kept in this browser.

use leptos::prelude::window;
use shared::conversation::Conversation;

use super::window::storage;

/// Before the room's name, in the browser's local storage.
pub(crate) const STORAGE_PREFIX: &str = "weir.room.";

#[derive(Clone, PartialEq)]
pub(crate) struct VisitedRoom {
    pub(crate) name: String,
    pub(crate) unread: usize,
    /// Of the newest message, in milliseconds since 1970.
    at: u64,
}

/// The rooms with the newest messages first.
pub(crate) fn visited() -> Vec<VisitedRoom> {
    let Some(storage) = storage() else {
        return Vec::new();
    };
    let keys = (0..storage.length().unwrap_or(0)).filter_map(|at| storage.key(at).ok().flatten());
    let rooms = keys.filter_map(|key| {
        let name = key.strip_prefix(STORAGE_PREFIX)?.to_owned();
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

/// Forgets a room and its messages, once a person has agreed to `question`.
pub(crate) fn forget(name: &str, question: &str) -> bool {
    let agreed = window().confirm_with_message(question).unwrap_or(false);
    if let Some(storage) = storage().filter(|_| agreed) {
        let _ = storage.remove_item(&format!("{STORAGE_PREFIX}{name}"));
    }
    agreed
}

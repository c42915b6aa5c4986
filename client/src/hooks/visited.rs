//! Rooms whose conversation is kept in this browser.

use leptos::prelude::window;
use shared::conversation::Conversation;

use super::room_database::{RoomDatabase, conversation_name, delete_beside};
use super::server_storage::stored_names;
use super::window::storage;
use crate::rtc::timer::wall_ms;
use crate::state::kept::KeptRoom;

#[derive(Clone, PartialEq)]
pub(crate) struct VisitedRoom {
    pub(crate) name: String,
    pub(crate) unread: usize,
    /// Of the newest message, in milliseconds since 1970.
    at: u64,
}

/// The rooms of a server with the newest messages first.
pub(crate) async fn visited(server: &str) -> Vec<VisitedRoom> {
    let mut rooms = match RoomDatabase::open().await {
        Ok(database) => database.rooms().await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let prefix = conversation_name(server, "");
    rooms.extend(in_storage(&prefix));
    // The few rooms are sorted as they come: the standard library's sorting adds kilobytes to the bundle.
    let mut sorted: Vec<VisitedRoom> = Vec::new();
    for (name, room) in rooms {
        // One that was only looked at from outside holds nothing.
        let (Some(name), Some(at)) = (name.strip_prefix(&prefix), room.newest) else {
            continue;
        };
        let mut room = VisitedRoom {
            name: name.to_owned(),
            unread: room.unread,
            at,
        };
        if let Some(known) = sorted.iter().position(|other| other.name == room.name) {
            let known = sorted.remove(known);
            room.unread = room.unread.max(known.unread);
            room.at = room.at.max(known.at);
        }
        let before = |other: &VisitedRoom| (room.at, &other.name) < (other.at, &room.name);
        sorted.insert(sorted.partition_point(before), room);
    }
    sorted
}

/// What the database may lack, by name.
fn in_storage(prefix: &str) -> Vec<(String, KeptRoom)> {
    let Some(storage) = storage() else {
        return Vec::new();
    };
    let names = stored_names(&storage).into_iter();
    let rooms = names.filter(|name| name.starts_with(prefix));
    let rooms = rooms.filter_map(|name| {
        let text = storage.get_item(&name).ok().flatten()?;
        let conversation: Conversation = serde_json::from_str(&text).ok()?;
        Some((name, KeptRoom::of(&conversation, wall_ms())))
    });
    rooms.collect()
}

/// Asks a person whether to forget a room.
pub(crate) fn confirm(question: &str) -> bool {
    window().confirm_with_message(question).unwrap_or(false)
}

/// Forgets a room and its messages.
pub(crate) async fn forget(server: &str, name: &str) {
    let name = conversation_name(server, name);
    delete_beside(&name);
    if let Some(storage) = storage() {
        let _ = storage.remove_item(&name);
    }
    if let Ok(database) = RoomDatabase::open().await {
        // What cannot be deleted is listed again.
        let _ = database.delete(&[name]).await;
    }
}

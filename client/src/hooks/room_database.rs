//! The database of all conversations in this browser, entry by entry.

use js_sys::Array;
use leptos::task::spawn_local;
use shared::conversation::{Conversation, Entry};
use shared::signaling::PeerId;
use wasm_bindgen::JsValue;
use web_sys::IdbKeyRange;

use super::window::storage;
use crate::rtc::database::{Change, Database};
use crate::rtc::kept_files;
use crate::rtc::timer::wall_ms;
use crate::state::kept::KeptRoom;
use crate::state::stored_name::{beside, stored_as};

/// Rooms by name, as [`KeptRoom`] in JSON.
const ROOMS: &str = "rooms";
/// Entries by room, number, and author: an empty text for one's own, whose id may change. In JSON, after a letter: `+` for one's own, `-`.
const ENTRIES: &str = "entries";

/// Rooms are told apart by [`conversation_name`].
pub(super) struct RoomDatabase(Database);

/// Of a room's conversation, in the browser's storage.
pub(super) fn conversation_name(server: &str, room: &str) -> String {
    stored_as("room", server, room)
}

/// Deletes what is kept of a room beside its messages: what was being written, offers, and received files.
pub(super) fn delete_beside(name: &str) {
    let beside = |what| beside(name, "room", what);
    if let Some(storage) = storage() {
        for name in ["draft", "offers"].into_iter().filter_map(beside) {
            let _ = storage.remove_item(&name);
        }
    }
    if let Some(files) = beside("files") {
        spawn_local(async move {
            // What cannot be deleted is there when the room is opened again.
            let _ = kept_files::delete_room(&files).await;
        });
    }
}

impl RoomDatabase {
    pub(super) async fn open() -> Result<Self, JsValue> {
        let database = Database::open("weir conversations", &[ROOMS, ENTRIES]);
        Ok(Self(database.await?))
    }

    pub(super) async fn rooms(&self) -> Result<Vec<(String, KeptRoom)>, JsValue> {
        let rooms = self.0.records(ROOMS, None).await?;
        let rooms = rooms.into_iter().filter_map(|(name, room)| {
            let room = serde_json::from_str(&room.as_string()?).ok()?;
            Some((name.as_string()?, room))
        });
        Ok(rooms.collect())
    }

    pub(super) async fn delete(&self, names: &[String]) -> Result<(), JsValue> {
        let mut changes = Vec::new();
        for name in names {
            changes.push((ROOMS, Change::Delete(name.into())));
            changes.push((ENTRIES, Change::DeleteRange(all_of(name)?)));
        }
        self.0.write(&changes).await
    }

    /// The entries of a room. Those of one's own are of `me`.
    pub(super) async fn entries(&self, name: &str, me: &PeerId) -> Result<Vec<Entry>, JsValue> {
        let entries = self.0.values(ENTRIES, Some(&all_of(name)?)).await?;
        let entries = entries.iter().filter_map(|entry| from_json(entry, me));
        Ok(entries.collect())
    }

    /// Writes a room with these of its entries. `drops`: it may have entries that the conversation has no more. It has begun when this returns.
    pub(super) fn write(
        &self,
        name: &str,
        conversation: &Conversation,
        entries: &[Entry],
        drops: bool,
    ) -> Result<impl Future<Output = Result<(), JsValue>> + use<>, JsValue> {
        let room = KeptRoom::of(conversation, wall_ms());
        let room = serde_json::to_string(&room).map_err(error)?;
        let mut changes = vec![(
            ROOMS,
            Change::Put {
                key: name.into(),
                value: room.into(),
            },
        )];
        for entry in entries {
            let own = conversation.is_mine(entry);
            let author = if own { "" } else { entry.author.as_str() };
            let mut text = if own { "+" } else { "-" }.to_owned();
            text.push_str(&serde_json::to_string(entry).map_err(error)?);
            changes.push((
                ENTRIES,
                Change::Put {
                    key: key_of(name, entry.message.number, author),
                    value: text.into(),
                },
            ));
        }
        for number in conversation.renumbered() {
            changes.push((ENTRIES, Change::Delete(key_of(name, *number, ""))));
        }
        let oldest = conversation.entries().first();
        if let (Some(oldest), true) = (oldest, drops) {
            let number = JsValue::from_f64(oldest.message.number as f64);
            let oldest = Array::of2(&name.into(), &number);
            let dropped = IdbKeyRange::bound_with_lower_open_and_upper_open(
                &before(name),
                &oldest,
                false,
                true,
            )?;
            changes.push((ENTRIES, Change::DeleteRange(dropped)));
        }
        Ok(self.0.write(&changes))
    }
}

fn error(error: serde_json::Error) -> JsValue {
    error.to_string().into()
}

fn key_of(name: &str, number: u64, author: &str) -> JsValue {
    let number = JsValue::from_f64(number as f64);
    Array::of3(&name.into(), &number, &author.into()).into()
}

fn before(name: &str) -> JsValue {
    Array::of1(&name.into()).into()
}

fn all_of(name: &str) -> Result<IdbKeyRange, JsValue> {
    // Numbers come before lists.
    let after = Array::of2(&name.into(), &Array::new());
    IdbKeyRange::bound(&before(name), &after)
}

fn from_json(entry: &JsValue, me: &PeerId) -> Option<Entry> {
    let text = entry.as_string()?;
    let (own, json) = text.split_at_checked(1)?;
    let mut entry: Entry = serde_json::from_str(json).ok()?;
    if own == "+" {
        entry.author = me.clone();
    }
    Some(entry)
}

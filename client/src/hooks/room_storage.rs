//! What the browser keeps of the conversation in a room of a server, for the next visit.
//!
//! It is kept in a database, entry by entry as they change. What is not there yet when the page goes is written to local storage at once, since a page
//! that goes waits for no database, and taken over by the next one; so is what earlier clients have kept there. A browser without a database keeps the
//! newest of a conversation as a whole in local storage. The key, and which tab may save, are [`super::room_identity`]'s.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Promise};
use leptos::prelude::*;
use shared::conversation::{Conversation, Entry};
use shared::signaling::PeerId;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{DomException, IdbKeyRange};

use super::window::storage;
use crate::rtc::database::{Change, Database};
use crate::rtc::timer::{sleep, wall_ms};
use crate::state::kept::{KeptRoom, MAX_KEPT_BYTES, StoreStatus, excess};
use crate::state::stored_name::stored_as;

/// Rooms by name, as [`KeptRoom`] in JSON.
const ROOMS: &str = "rooms";
/// Entries by room, number, and author: an empty text for one's own, whose id may change. In JSON, after a letter: `+` for one's own, `-`.
const ENTRIES: &str = "entries";
/// Limit on the bytes of texts in local storage, which has 5 MB for all.
const MAX_STORAGE_BYTES: usize = 1_000_000;
/// The room is joined without what the database has when that has not come after this long.
const LOAD_MS: i32 = 5_000;

/// The storage of one room.
pub(crate) struct RoomStorage {
    /// Of the room, in the browser's storage.
    name: String,
    pub(crate) conversation: RwSignal<Conversation>,
    /// What was saved is in the conversation.
    pub(crate) loaded: RwSignal<bool>,
    pub(crate) status: RwSignal<StoreStatus>,
    place: RefCell<Place>,
    /// Local storage has something that the database may lack.
    left: Cell<bool>,
    /// The number of writes to the database so far, and the end of the last one, before which all others have ended.
    writes: Cell<u32>,
    written: RefCell<Promise>,
    /// Dropped messages that the database no longer has.
    deleted: Cell<u64>,
}

#[derive(Clone)]
enum Place {
    /// Not yet known.
    Opening,
    Database(Rc<Database>),
    /// Everything in local storage.
    Whole,
}

/// The database of all conversations.
pub(super) async fn open_database() -> Result<Database, JsValue> {
    Database::open("weir conversations", &[ROOMS, ENTRIES]).await
}

/// The rooms of the database: their names in the browser's storage.
pub(super) async fn kept_rooms(database: &Database) -> Result<Vec<(String, KeptRoom)>, JsValue> {
    let (names, rooms) = (
        database.keys(ROOMS, None).await?,
        database.values(ROOMS, None).await?,
    );
    let rooms = names.iter().zip(rooms).filter_map(|(name, room)| {
        let room = serde_json::from_str(&room.as_string()?).ok()?;
        Some((name.as_string()?, room))
    });
    Ok(rooms.collect())
}

/// Deletes rooms from the database.
pub(super) async fn delete_rooms(database: &Database, names: &[String]) -> Result<(), JsValue> {
    let mut changes = Vec::new();
    for name in names {
        changes.push((ROOMS, Change::Delete(name.into())));
        changes.push((ENTRIES, Change::DeleteRange(all_of(name)?)));
    }
    database.write(&changes).await
}

/// Of a room's conversation, in the browser's storage.
pub(super) fn conversation_name(server: &str, room: &str) -> String {
    stored_as("room", server, room)
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

impl RoomStorage {
    /// `server`: its address.
    pub(crate) fn open(server: &str, room: &str, me: PeerId) -> Rc<Self> {
        Rc::new(Self {
            name: conversation_name(server, room),
            conversation: RwSignal::new(Conversation::new(me)),
            loaded: RwSignal::new(false),
            status: RwSignal::new(StoreStatus::Kept),
            place: RefCell::new(Place::Opening),
            left: Cell::default(),
            writes: Cell::default(),
            written: RefCell::new(Promise::resolve(&JsValue::UNDEFINED)),
            deleted: Cell::default(),
        })
    }

    /// Brings into the conversation what this tab, or another one since, has saved. Call when the room has been claimed. Resolves when it is there,
    /// nothing can be had, or it takes too long: then it comes later.
    pub(crate) async fn load(self: &Rc<Self>) {
        if let Some(left) = self.left_in_storage() {
            self.left.set(true);
            let _ = self.conversation.try_update(|conversation| {
                let before = conversation.clone();
                conversation.reload(left);
                conversation.absorb(before);
            });
        }
        let storage = Rc::clone(self);
        let loading = future_to_promise(async move {
            storage.load_from_database().await;
            Ok(JsValue::UNDEFINED)
        });
        let too_late = future_to_promise(async {
            sleep(LOAD_MS).await;
            Ok(JsValue::UNDEFINED)
        });
        let _ = JsFuture::from(Promise::race(&Array::of2(&loading, &too_late))).await;
        if matches!(*self.place.borrow(), Place::Opening) {
            self.report(StoreStatus::Partly);
        }
        let _ = self.loaded.try_set(true);
    }

    fn left_in_storage(&self) -> Option<Conversation> {
        let text = storage()?.get_item(&self.name).ok()??;
        let mut left: Conversation = serde_json::from_str(&text).ok()?;
        left.set_all_changed();
        Some(left)
    }

    async fn load_from_database(&self) {
        let Ok((database, saved)) = self.read().await else {
            self.place.replace(Place::Whole);
            return self.report(match storage() {
                Some(_) => StoreStatus::Partly,
                None => StoreStatus::Denied,
            });
        };
        self.place.replace(Place::Database(Rc::new(database)));
        self.deleted.set(saved.dropped().count);
        self.report(StoreStatus::Kept);
        let _ = self.conversation.try_update(|all| all.reload(saved));
    }

    async fn read(&self) -> Result<(Database, Conversation), JsValue> {
        let database = open_database().await?;
        let rooms = kept_rooms(&database).await?;
        let sizes = rooms
            .iter()
            .map(|(name, room)| (name.clone(), room.bytes, room.saved));
        let excess = excess(sizes.collect(), &self.name, MAX_KEPT_BYTES);
        // What is not deleted now is the next time.
        let _ = delete_rooms(&database, &excess).await;
        let known = rooms.into_iter().find(|(name, _)| *name == self.name);
        let Some((_, KeptRoom { conversation, .. })) = known else {
            let me = self.conversation.try_with_untracked(|all| all.me().clone());
            let me = me.ok_or(JsValue::NULL)?;
            return Ok((database, Conversation::new(me)));
        };
        let (mut saved, me) = (conversation.clone(), conversation.me());
        // Nothing is awaited after this: what is saved meanwhile stays.
        let entries = database.values(ENTRIES, Some(&all_of(&self.name)?)).await?;
        for entry in entries.iter().filter_map(|entry| from_json(entry, me)) {
            saved.restore(entry);
        }
        Ok((database, saved))
    }

    /// Saves what has changed. Call while the room is this tab's.
    pub(crate) fn save(self: &Rc<Self>) {
        let place = self.place.borrow().clone();
        match place {
            Place::Database(database) => self.write(&database),
            Place::Opening => drop(self.save_at_once()),
            Place::Whole => {
                let saved = self.conversation.try_maybe_update(|conversation| {
                    let status = self.write_to_storage(&conversation.newest(MAX_STORAGE_BYTES));
                    conversation.take_changed(0);
                    conversation.written(0, status == StoreStatus::Partly);
                    (false, status)
                });
                if let Some(status) = saved {
                    self.report(status);
                }
            }
        }
    }

    /// Resolves when all that was saved before is in its place, or cannot be.
    pub(crate) fn saved(&self) -> Promise {
        self.written.borrow().clone()
    }

    /// The page goes: writes what is not in the database to local storage. False: it is lost.
    pub(crate) fn save_at_once(&self) -> bool {
        let is_whole = matches!(*self.place.borrow(), Place::Whole);
        // Only read: a client that has stopped may have been reading.
        let status = self.conversation.try_with_untracked(|conversation| {
            let unsaved = conversation.unsaved()?;
            Some(self.write_to_storage(&match is_whole {
                true => conversation.newest(MAX_STORAGE_BYTES),
                false => unsaved,
            }))
        });
        match status.flatten() {
            None => true,
            Some(status) => {
                self.left.set(true);
                status == StoreStatus::Partly
            }
        }
    }

    fn write_to_storage(&self, conversation: &Conversation) -> StoreStatus {
        let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(conversation)) else {
            return StoreStatus::Denied;
        };
        match storage.set_item(&self.name, &text) {
            Ok(()) => StoreStatus::Partly,
            // The previous text stays.
            Err(_) => StoreStatus::Full,
        }
    }

    fn report(&self, status: StoreStatus) {
        let before = self.status.try_get_untracked();
        if before.is_some_and(|before| before != status) {
            let _ = self.status.try_set(status);
        }
    }

    fn write(self: &Rc<Self>, database: &Database) {
        let number = self.writes.get().wrapping_add(1);
        self.writes.set(number);
        let begun = self.conversation.try_maybe_update(|conversation| {
            let entries = conversation.take_changed(number);
            let begun = (!entries.is_empty()).then(|| {
                let changes = self.changes(conversation, &entries);
                changes.map(|changes| database.write(&changes))
            });
            (false, (begun, conversation.dropped().count))
        });
        let Some((Some(begun), dropped)) = begun else {
            return;
        };
        let (storage, left) = (Rc::clone(self), self.left.take());
        let written = future_to_promise(async move {
            let ended = match begun {
                Ok(write) => write.await,
                Err(error) => Err(error),
            };
            storage.on_written(number, &ended, left);
            if ended.is_ok() {
                storage.deleted.set(dropped);
            }
            Ok(JsValue::UNDEFINED)
        });
        *self.written.borrow_mut() = written;
    }

    /// `left`: local storage had what this write has.
    fn on_written(&self, number: u32, ended: &Result<(), JsValue>, left: bool) {
        let conversation = self.conversation;
        let _ = conversation.try_maybe_update(|conversation| {
            conversation.written(number, ended.is_ok());
            (false, ())
        });
        let Err(error) = ended else {
            self.report(StoreStatus::Kept);
            if let (Some(storage), true, false) = (storage(), left, self.left.get()) {
                let _ = storage.remove_item(&self.name);
            }
            return;
        };
        self.left.set(left || self.left.get());
        let name = error.dyn_ref::<DomException>().map(DomException::name);
        if name.as_deref() == Some("QuotaExceededError") {
            return self.report(StoreStatus::Full);
        }
        // It is closed, or denied since. What it has stays for the next page.
        self.place.replace(Place::Whole);
        if conversation.try_with_untracked(|_| ()).is_some() {
            conversation.notify();
        }
    }

    fn changes(
        &self,
        conversation: &Conversation,
        entries: &[Entry],
    ) -> Result<Vec<(&'static str, Change)>, JsValue> {
        let json = |error: serde_json::Error| JsValue::from(error.to_string());
        let room = KeptRoom::of(conversation, wall_ms());
        let room = serde_json::to_string(&room).map_err(json)?;
        let mut changes = vec![(
            ROOMS,
            Change::Put {
                key: self.name.as_str().into(),
                value: room.into(),
            },
        )];
        for entry in entries {
            let own = conversation.is_mine(entry);
            let author = if own { "" } else { entry.author.as_str() };
            let mut text = if own { "+" } else { "-" }.to_owned();
            text.push_str(&serde_json::to_string(entry).map_err(json)?);
            let number = JsValue::from_f64(entry.message.number as f64);
            changes.push((
                ENTRIES,
                Change::Put {
                    key: Array::of3(&self.name.as_str().into(), &number, &author.into()).into(),
                    value: text.into(),
                },
            ));
        }
        let oldest = conversation.entries().first();
        if let (Some(oldest), true) = (oldest, conversation.dropped().count > self.deleted.get()) {
            let number = JsValue::from_f64(oldest.message.number as f64);
            let oldest = Array::of2(&self.name.as_str().into(), &number);
            let dropped = IdbKeyRange::bound_with_lower_open_and_upper_open(
                &before(&self.name),
                &oldest,
                false,
                true,
            )?;
            changes.push((ENTRIES, Change::DeleteRange(dropped)));
        }
        Ok(changes)
    }
}

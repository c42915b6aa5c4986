//! What the browser keeps of the conversation in a room of a server, for the next visit.
//!
//! It is kept in a database, entry by entry as they change. What is not there yet when the page goes is written to local storage at once, since a page
//! that goes waits for no database, and taken over by the next one; so is what earlier clients have kept there. A browser without a database keeps the
//! newest of a conversation as a whole in local storage. The key, and which tab may save, are [`super::room_identity`]'s.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Promise};
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::conversation::Conversation;
use shared::signaling::PeerId;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::DomException;

use super::room_database::{RoomDatabase, conversation_name, delete_beside};
use super::room_identity::open_rooms;
use super::window::storage;
use crate::rtc::timer::{sleep, wall_ms};
use crate::state::kept::{KeptRoom, MAX_KEPT_BYTES, StoreStatus, excess};
use crate::state::stored_name::{room_of, stored_as};

/// Limit on the bytes in local storage, which has 5 MB for all.
const MAX_STORAGE_BYTES: usize = 1_000_000;
/// The room is joined without what the database has when that has not come after this long.
const LOAD_MS: i32 = 5_000;

/// The storage of one room.
pub(crate) struct RoomStorage {
    /// Of the room, in the browser's storage.
    name: String,
    clock_name: String,
    pub(crate) conversation: RwSignal<Conversation>,
    /// What was saved is in the conversation.
    pub(crate) loaded: RwSignal<bool>,
    pub(crate) status: RwSignal<StoreStatus>,
    /// The rooms that were deleted to make room for others.
    pub(crate) deleted_rooms: RwSignal<Vec<String>>,
    place: RefCell<Place>,
    /// Local storage has something that the database may lack.
    left: Cell<bool>,
    /// The number of writes to the database so far, and the end of the last one, before which all others have ended.
    writes: Cell<u32>,
    written: RefCell<Promise>,
    /// Dropped messages that the database no longer has.
    deleted: Cell<u64>,
    /// What is not in the database did not fit into local storage either.
    lost: Cell<bool>,
    /// What the database has is in the conversation, as far as this tab's claim goes.
    complete: Cell<bool>,
}

/// Its name, the bytes of its texts, when it was saved.
type RoomSize = (String, usize, u64);

#[derive(Clone)]
enum Place {
    /// Not yet known.
    Opening,
    Database(Rc<RoomDatabase>),
    /// Everything in local storage.
    Whole,
}

impl RoomStorage {
    /// `server`: its address.
    pub(crate) fn open(server: &str, room: &str, me: PeerId) -> Rc<Self> {
        let clock_name = stored_as("clock", server, room);
        let mut conversation = Conversation::new(me);
        let clock = storage().and_then(|storage| storage.get_item(&clock_name).ok()?);
        if let Some(clock) = clock.and_then(|clock| clock.parse().ok()) {
            conversation.set_clock(clock);
        }
        Rc::new(Self {
            name: conversation_name(server, room),
            clock_name,
            conversation: RwSignal::new(conversation),
            loaded: RwSignal::new(false),
            status: RwSignal::new(StoreStatus::Kept),
            deleted_rooms: RwSignal::new(Vec::new()),
            place: RefCell::new(Place::Opening),
            left: Cell::default(),
            writes: Cell::default(),
            written: RefCell::new(Promise::resolve(&JsValue::UNDEFINED)),
            deleted: Cell::default(),
            lost: Cell::default(),
            complete: Cell::default(),
        })
    }

    /// Brings into the conversation what this tab, or another one since, has saved. Call when the room has been claimed. Resolves when it is there,
    /// nothing can be had, or it takes too long: then it is there when the promise resolves that this returns, and what is new in it has to be sent.
    pub(crate) async fn load(self: &Rc<Self>) -> Promise {
        if let Some(mut left) = self.left_in_storage() {
            self.left.set(true);
            left.set_all_changed();
            let _ = self.conversation.try_update(|conversation| {
                let before = conversation.clone();
                conversation.reload(left, wall_ms());
                conversation.absorb(before);
            });
        }
        self.complete.set(false);
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
        if !self.complete.get() {
            self.set_apart();
        }
        let _ = self.loaded.try_set(true);
        loading
    }

    fn set_apart(&self) {
        let _ = self.conversation.try_maybe_update(|conversation| {
            conversation.set_apart();
            (false, ())
        });
    }

    /// Shows what another tab has saved, which goes on saving.
    pub(crate) async fn look(&self) {
        let Ok((_, _, mut saved)) = self.read().await else {
            return;
        };
        // The room may have become this tab's meanwhile.
        if !self.complete.get() && !self.loaded.try_get_untracked().unwrap_or(true) {
            if let Some(left) = self.left_in_storage() {
                saved.absorb(left);
            }
            let _ = self
                .conversation
                .try_update(|all| all.reload(saved, wall_ms()));
        }
    }

    fn left_in_storage(&self) -> Option<Conversation> {
        let text = storage()?.get_item(&self.name).ok()??;
        serde_json::from_str(&text).ok()
    }

    async fn load_from_database(&self) {
        let Ok((database, rooms, saved)) = self.read().await else {
            self.place.replace(Place::Whole);
            return self.report(match storage() {
                Some(_) => StoreStatus::Partly,
                None => StoreStatus::Denied,
            });
        };
        // What was saved is no news, also when it comes late.
        let late = self.loaded.try_get_untracked().unwrap_or(false);
        if late {
            let _ = self.loaded.try_set(false);
            sleep(0).await;
        }
        let database = Rc::new(database);
        self.place.replace(Place::Database(Rc::clone(&database)));
        self.deleted.set(saved.dropped().count);
        self.report(StoreStatus::Kept);
        let name = self.name.clone();
        let _ = self
            .conversation
            .try_update(|all| all.reload(saved, wall_ms()));
        self.complete.set(true);
        if late {
            sleep(0).await;
            let _ = self.loaded.try_set(true);
        }
        let deleted_rooms = self.deleted_rooms;
        spawn_local(async move {
            let mut open = open_rooms().await;
            open.push(name);
            let excess = excess(rooms, &open, MAX_KEPT_BYTES);
            // What is not deleted now is the next time.
            if !excess.is_empty() && database.delete(&excess).await.is_ok() {
                for name in &excess {
                    delete_beside(name);
                }
                let names = excess.iter().filter_map(|name| room_of(name));
                let _ = deleted_rooms.try_set(names.collect());
            }
        });
    }

    async fn read(&self) -> Result<(RoomDatabase, Vec<RoomSize>, Conversation), JsValue> {
        let database = RoomDatabase::open().await?;
        let rooms = database.rooms().await?;
        let size = |(name, room): &(String, KeptRoom)| (name.clone(), room.bytes, room.saved);
        let sizes = rooms.iter().map(size).collect();
        let known = rooms.into_iter().find(|(name, _)| *name == self.name);
        let Some((_, KeptRoom { conversation, .. })) = known else {
            let me = self.conversation.try_with_untracked(|all| all.me().clone());
            let me = me.ok_or(JsValue::NULL)?;
            return Ok((database, sizes, Conversation::new(me)));
        };
        let mut saved = conversation.clone();
        // Nothing is awaited after this: what is saved meanwhile stays.
        for entry in database.entries(&self.name, conversation.me()).await? {
            saved.restore(entry);
        }
        Ok((database, sizes, saved))
    }

    /// Saves what has changed. Call while the room is this tab's.
    pub(crate) fn save(self: &Rc<Self>) {
        self.save_clock();
        let place = self.place.borrow().clone();
        match place {
            Place::Database(database) => self.write(&database),
            Place::Opening => {
                if !self.save_at_once() {
                    self.report(StoreStatus::Full);
                }
            }
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

    /// Known at once to a page whose database answers late: its messages need higher numbers than earlier ones.
    fn save_clock(&self) {
        let clock = self.conversation.try_with_untracked(Conversation::clock);
        if let (Some(clock), Some(storage)) = (clock, storage()) {
            // A full storage has an earlier one.
            let _ = storage.set_item(&self.clock_name, &clock.to_string());
        }
    }

    /// Resolves when all that was saved before is in its place, or cannot be.
    pub(crate) fn saved(&self) -> Promise {
        self.written.borrow().clone()
    }

    /// The page or the room goes: writes what is not in the database to local storage. False: it is lost.
    pub(crate) fn save_at_once(&self) -> bool {
        let has_database = matches!(*self.place.borrow(), Place::Database(_));
        // Only read: a client that has stopped may have been reading.
        let status = self.conversation.try_with_untracked(|conversation| {
            let unsaved = conversation.unsaved()?;
            Some(self.write_to_storage(&match has_database {
                true => unsaved,
                false => conversation.newest(MAX_STORAGE_BYTES),
            }))
        });
        let status = status.flatten();
        self.left.set(self.left.get() || status.is_some());
        self.lost
            .set(status.is_some_and(|status| status != StoreStatus::Partly));
        !self.lost.get()
    }

    /// For a room that another tab has, or that was left: what was not saved is in neither place.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get()
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

    fn write(self: &Rc<Self>, database: &RoomDatabase) {
        let number = self.writes.get().wrapping_add(1);
        self.writes.set(number);
        let begun = self.conversation.try_maybe_update(|conversation| {
            let changed = conversation.has_unsaved_changes();
            let entries = conversation.take_changed(number);
            let begun = (changed || !entries.is_empty()).then(|| {
                let drops = conversation.dropped().count > self.deleted.get();
                database.write(&self.name, conversation, &entries, drops)
            });
            (
                false,
                (
                    begun,
                    conversation.dropped().count,
                    conversation.renumbered().len(),
                ),
            )
        });
        let Some((Some(begun), dropped, renumbered)) = begun else {
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
                let _ = storage.conversation.try_maybe_update(|conversation| {
                    conversation.forget_renumbered(renumbered);
                    (false, ())
                });
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
            // An earlier write may have found out that the database is closed.
            if matches!(*self.place.borrow(), Place::Database(_)) {
                self.report(StoreStatus::Kept);
            }
            if number == self.writes.get() {
                self.lost.set(false);
            }
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
}

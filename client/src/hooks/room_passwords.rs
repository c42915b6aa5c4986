//! The passwords of rooms that were typed in this tab: in session storage, for a reload, and in memory, for a browser that denies storage.

use leptos::prelude::*;
use shared::signaling::RoomPassword;
use web_sys::Storage;

/// The context of [`start`]. Rooms and what was typed for them.
#[derive(Clone, Copy)]
pub(crate) struct RoomPasswords(StoredValue<Vec<(String, String)>>);

/// Call once, in the root component.
pub(crate) fn start() {
    provide_context(RoomPasswords(StoredValue::new(Vec::new())));
}

pub(crate) fn use_room_passwords() -> RoomPasswords {
    use_context().expect("the root component provides the passwords")
}

impl RoomPasswords {
    pub(crate) fn get(self, room: &str) -> Option<RoomPassword> {
        let typed = self.0.try_with_value(|all| {
            let own = all.iter().find(|(name, _)| name == room);
            own.map(|(_, typed)| typed.clone())
        });
        let saved = || session()?.get_item(&stored_as(room)).ok().flatten();
        let typed = typed.flatten().or_else(saved)?;
        RoomPassword::typed(&typed).ok().flatten()
    }

    /// Keeps what was typed, until the tab is closed.
    pub(crate) fn save(self, room: &str, typed: &str) {
        self.forget(room);
        self.0
            .update_value(|all| all.push((room.to_owned(), typed.to_owned())));
        if let Some(session) = session() {
            let _ = session.set_item(&stored_as(room), typed);
        }
    }

    pub(crate) fn forget(self, room: &str) {
        self.0
            .update_value(|all| all.retain(|(name, _)| name != room));
        if let Some(session) = session() {
            let _ = session.remove_item(&stored_as(room));
        }
    }
}

fn session() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

fn stored_as(room: &str) -> String {
    format!("weir.password.{room}")
}

//! The passwords of rooms that were typed in this tab: in session storage, for a reload, and in memory, for a browser that denies storage.

use leptos::prelude::*;
use shared::signaling::RoomPassword;

use super::server_storage::session_storage;
use crate::state::stored_name::stored_as;

/// The context of [`start`]. Names as in [`stored_as`], and what was typed.
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
    /// `server`: its address.
    pub(crate) fn get(self, server: &str, room: &str) -> Option<RoomPassword> {
        let name = name(server, room);
        let typed = self.0.try_with_value(|all| {
            let own = all.iter().find(|(other, _)| *other == name);
            own.map(|(_, typed)| typed.clone())
        });
        let saved = || session_storage()?.get_item(&name).ok().flatten();
        let typed = typed.flatten().or_else(saved)?;
        RoomPassword::typed(&typed).ok().flatten()
    }

    /// Keeps what was typed, until the tab is closed.
    pub(crate) fn save(self, server: &str, room: &str, typed: &str) {
        self.forget(server, room);
        let name = name(server, room);
        if let Some(session) = session_storage() {
            let _ = session.set_item(&name, typed);
        }
        self.0
            .update_value(|all| all.push((name, typed.to_owned())));
    }

    pub(crate) fn forget(self, server: &str, room: &str) {
        let name = name(server, room);
        self.0
            .update_value(|all| all.retain(|(other, _)| *other != name));
        if let Some(session) = session_storage() {
            let _ = session.remove_item(&name);
        }
    }
}

fn name(server: &str, room: &str) -> String {
    stored_as("password", server, room)
}

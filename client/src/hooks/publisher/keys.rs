//! Keys and sessions, kept for this tab alone: a reload goes on, and others who use the browser do not find them.

use leptos::prelude::*;
use web_sys::Storage;

use crate::state::route::{Route, query};

fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

fn read(what: &str, stream: &str) -> Option<String> {
    storage()?
        .get_item(&format!("weir-{what}-{stream}"))
        .ok()
        .flatten()
}

fn write(what: &str, stream: &str, value: Option<&str>) {
    let Some(storage) = storage() else { return };
    let name = format!("weir-{what}-{stream}");
    // A browser that saves nothing asks again after a reload.
    let _ = match value {
        Some(value) => storage.set_item(&name, value),
        None => storage.remove_item(&name),
    };
}

/// The key of a stream: of the address, which is then taken away from there, so that it is neither bookmarked nor seen by viewers of the screen.
pub(super) fn key_of(stream: &str) -> String {
    let hash = window().location().hash().unwrap_or_default();
    let asked = hash
        .split_once('?')
        .and_then(|(_, search)| query(search, "key"));
    if let Some(key) = asked {
        save_key(stream, &key);
        let bare = Route::parse(&hash).to_string();
        let replaced = window().history().and_then(|history| {
            // Its number, which `navigation` has given it.
            let state = history.state()?;
            history.replace_state_with_url(&state, "", Some(&bare))
        });
        // A browser that does not keeps the address.
        let _ = replaced;
        return key;
    }
    read("key", stream).unwrap_or_default()
}

pub(super) fn save_key(stream: &str, key: &str) {
    write("key", stream, Some(key));
}

/// The session that this tab had last, unless it was ended: the next one takes its place.
pub(super) fn session_of(stream: &str) -> Option<String> {
    read("session", stream)
}

pub(super) fn save_session(stream: &str, session: Option<&str>) {
    write("session", stream, session);
}

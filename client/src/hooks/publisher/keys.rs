//! Keys and sessions, kept for this tab alone: a reload goes on, and others who use the browser do not find them.

use leptos::prelude::*;

use crate::hooks::server_storage::session_storage;
use crate::state::route::{Route, query};
use crate::state::server::Server;
use crate::state::stored_name::stored_as;

const KEY: &str = "stream-key";
const SESSION: &str = "session";

fn read(what: &str, server: &Server, stream: &str) -> Option<String> {
    let name = stored_as(what, &server.base, stream);
    session_storage()?.get_item(&name).ok().flatten()
}

fn write(what: &str, server: &Server, stream: &str, value: Option<&str>) {
    let Some(storage) = session_storage() else {
        return;
    };
    let name = stored_as(what, &server.base, stream);
    // A browser that saves nothing asks again after a reload.
    let _ = match value {
        Some(value) => storage.set_item(&name, value),
        None => storage.remove_item(&name),
    };
}

/// The key of a stream: of the address, which is then taken away from there, so that it is neither bookmarked nor seen by viewers of the screen.
pub(super) fn key_of(server: &Server, stream: &str) -> String {
    let hash = window().location().hash().unwrap_or_default();
    let asked = hash
        .split_once('?')
        .and_then(|(_, search)| query(search, "key"));
    if let Some(key) = asked {
        save_key(server, stream, &key);
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
    read(KEY, server, stream).unwrap_or_default()
}

pub(super) fn save_key(server: &Server, stream: &str, key: &str) {
    write(KEY, server, stream, Some(key));
}

/// The session that this tab had last, unless it was ended: the next one takes its place.
pub(super) fn session_of(server: &Server, stream: &str) -> Option<String> {
    read(SESSION, server, stream)
}

pub(super) fn save_session(server: &Server, stream: &str, session: Option<&str>) {
    write(SESSION, server, stream, session);
}

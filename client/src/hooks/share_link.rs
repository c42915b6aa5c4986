//! Addresses of this bundle, to hand to others.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::server::ServerChoice;
use crate::rtc::dynamic::{call_async, get, object};
use crate::state::route::{Route, encode};
use crate::state::server::Source;

/// The address of the bundle for one stream.
pub(crate) fn stream_link(server: ServerChoice, name: &str, embedded: bool) -> String {
    let mut query = format!("stream={}", encode(name));
    if embedded {
        query.push_str("&embed=1");
    }
    link(server, &query, "")
}

/// The address of a room, to invite others.
pub(crate) fn room_link(server: ServerChoice, name: &str) -> String {
    link(server, "", &Route::Room(name.to_owned()).to_string())
}

/// The address of a page.
pub(crate) fn page_address(server: ServerChoice, fragment: &str) -> String {
    link(server, "", fragment)
}

/// The server is named unless the bundle comes from it.
fn link(server: ServerChoice, query: &str, fragment: &str) -> String {
    let location = window().location();
    let origin = location.origin().unwrap_or_default();
    let path = location.pathname().unwrap_or_default();
    let server = server
        .get()
        .filter(|server| server.source != Source::Origin && server.base != origin)
        .map(|server| format!("server={}", encode(&server.base)));
    let parts: Vec<&str> = [query, server.as_deref().unwrap_or_default()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let mark = if parts.is_empty() { "" } else { "?" };
    format!("{origin}{path}{mark}{}{fragment}", parts.join("&"))
}

/// Whether the address of this bundle leads elsewhere on other devices.
pub(crate) fn is_for_this_device() -> bool {
    let host = window().location().hostname().unwrap_or_default();
    matches!(&*host, "localhost" | "[::1]") || host.starts_with("127.")
}

/// Whether the system has a sheet of ways to hand an address to others.
pub(crate) fn can_share() -> bool {
    get(&window().navigator(), "share").is_function()
}

/// Opens the sheet. Closing it is no error.
pub(crate) fn share(title: &str, address: &str) {
    let data = object(&[("title", title.into()), ("url", address.into())]);
    spawn_local(async move {
        let _ = call_async(&window().navigator(), "share", &[data]).await;
    });
}

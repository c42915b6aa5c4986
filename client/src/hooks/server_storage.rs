//! What the browser keeps by server, under the names of [`crate::state::stored_name`].

use leptos::prelude::*;
use web_sys::Storage;

use super::window::storage;
use crate::state::stored_name::renamed;

/// Storage of this tab. `None` when the browser denies it; then nothing is saved.
pub(crate) fn session_storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// The names of all that is stored.
pub(crate) fn stored_names(storage: &Storage) -> Vec<String> {
    let length = storage.length().unwrap_or(0);
    (0..length)
        .filter_map(|at| storage.key(at).ok().flatten())
        .collect()
}

/// What an earlier client has kept without a server is of the page's own one, `base`.
pub(crate) fn adopt(base: &str) {
    for storage in [storage(), session_storage()].into_iter().flatten() {
        for before in stored_names(&storage) {
            let get = |name: &str| storage.get_item(name).ok().flatten();
            let Some(now) = renamed(&before, base).filter(|now| get(now).is_none()) else {
                continue;
            };
            // A full storage keeps the earlier one.
            let text = get(&before).unwrap_or_default();
            let _ = storage.remove_item(&before);
            if storage.set_item(&now, &text).is_err() {
                let _ = storage.set_item(&before, &text);
            }
        }
    }
}

//! The text that the pages of a browser share: who claims to read events.

use crate::hooks::window::storage;

/// In the browser's local storage.
const CLAIMED_AS: &str = "weir.events";

pub(super) fn claimed() -> String {
    let text = storage().and_then(|storage| storage.get_item(CLAIMED_AS).ok().flatten());
    text.unwrap_or_default()
}

pub(super) fn save_claims(text: &str) -> bool {
    storage().is_some_and(|storage| storage.set_item(CLAIMED_AS, text).is_ok())
}

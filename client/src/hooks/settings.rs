//! The settings of the user: saved field by field, so that no tab undoes what another has saved, and in step with the other tabs.

use leptos::prelude::*;

use super::derived::effect;
use super::window::{storage, use_window};
use crate::state::settings::Settings;

/// In the browser's local storage.
const STORED_AS: &str = "weir";

/// The context of [`start`].
pub(crate) type SavedSettings = RwSignal<Settings>;

/// Call once, in the root component.
pub(crate) fn start() -> SavedSettings {
    let settings = RwSignal::new(load().unwrap_or_default());
    // What this tab has last read or written.
    let synced = StoredValue::new(settings.get_untracked());
    let sync = move || {
        let mine = settings.get_untracked();
        let Some(stored) = load() else { return };
        let merged = stored.clone().with_changes(&synced.get_value(), &mine);
        if merged != stored && !save(&merged) {
            // The next attempt saves this change too.
            return;
        }
        synced.set_value(merged.clone());
        if merged != mine {
            settings.set(merged);
        }
    };
    effect(move || {
        settings.track();
        sync();
    });
    use_window(&["storage"], move |_| sync());
    provide_context(settings);
    settings
}

pub(crate) fn use_settings() -> SavedSettings {
    use_context().expect("the root component provides the settings")
}

/// `None`: the browser denies access, so that nothing is saved.
fn load() -> Option<Settings> {
    let text = storage()?.get_item(STORED_AS).ok()?;
    Some(text.map_or_else(Settings::default, |text| Settings::from_text(&text)))
}

fn save(settings: &Settings) -> bool {
    storage().is_some_and(|storage| storage.set_item(STORED_AS, &settings.to_text()).is_ok())
}

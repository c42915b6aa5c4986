//! What is one for the whole window: its events and timers, for as long as a component lives, its title, its storage.

use leptos::prelude::*;
use web_sys::Event;

use super::derived::effect;
use crate::rtc::listener::Listener;
use crate::rtc::timer::Timer;

/// Calls `handle` for each event of these names.
pub(crate) fn use_window(names: &[&'static str], handle: impl Fn(Event) + Clone + 'static) {
    let listeners: Vec<Listener> = names
        .iter()
        .map(|name| Listener::new(&window(), name, handle.clone()))
        .collect();
    let listeners = StoredValue::new_local(listeners);
    on_cleanup(move || {
        drop(listeners.try_update_value(std::mem::take));
    });
}

/// Keeps a timer for as long as a component lives.
pub(crate) fn use_timer(timer: Timer) {
    let timer = StoredValue::new_local(Some(timer));
    on_cleanup(move || {
        drop(timer.try_update_value(Option::take));
    });
}

/// Whether the user sees the page: it is visible and has the focus.
pub(crate) fn use_attended() -> RwSignal<bool> {
    let now = || !document().hidden() && document().has_focus().unwrap_or(true);
    let attended = RwSignal::new(now());
    use_window(
        &["focus", "blur", "visibilitychange", "pageshow"],
        move |_| {
            if attended.get_untracked() != now() {
                attended.set(now());
            }
        },
    );
    attended
}

/// Sets the title of the tab: the name of the page, then "Weir".
pub(crate) fn use_title(title: impl Fn() -> String + 'static) {
    effect(move || {
        let title = title();
        document().set_title(&if title.is_empty() {
            "Weir".to_owned()
        } else {
            format!("{title} · Weir")
        });
    });
}

/// Whether a page of another origin shows this one in a frame.
pub(crate) fn is_framed_by_others() -> bool {
    let origin = window().location().origin();
    // Nothing of a window of another origin can be read.
    let top = window().top().ok().flatten();
    top.is_none_or(|top| top.location().origin() != origin)
}

/// Local storage. `None` when the browser denies it; then nothing is saved.
pub(crate) fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

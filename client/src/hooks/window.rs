//! Events of the whole window, and timers, for as long as a component lives.

use leptos::prelude::*;
use web_sys::Event;

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

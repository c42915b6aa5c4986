//! Keeps the screen on while a person is live (W3C "Screen Wake Lock").

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;

use super::derived::effect;
use super::window::use_window;
use crate::rtc::dynamic::{call, call_async, get};

/// Holds a lock while `active`. True: the browser refuses, and the screen of this device may turn off.
pub(crate) fn use_wake_lock(active: Memo<bool>) -> RwSignal<bool> {
    let refused = RwSignal::new(false);
    let held = StoredValue::new_local(None::<JsValue>);
    let release = move || {
        if let Some(Some(lock)) = held.try_update_value(Option::take) {
            // Its promise is never rejected.
            let _ = call(&lock, "release", &[]);
        }
    };
    let request = move || {
        if !active.try_get_untracked().unwrap_or_default() || document().hidden() {
            return;
        }
        let navigator = JsValue::from(window().navigator());
        spawn_local(async move {
            let api = get(&navigator, "wakeLock");
            let lock = call_async(&api, "request", &["screen".into()]).await.ok();
            // The screens of others do not turn off while a tab captures.
            let is_touched = get(&navigator, "maxTouchPoints").as_f64() > Some(0.0);
            let _ = refused.try_set(lock.is_none() && is_touched);
            let wanted = active.try_get_untracked() == Some(true);
            if wanted {
                release();
                let _ = held.try_update_value(|held| *held = lock);
            } else if let Some(lock) = lock {
                let _ = call(&lock, "release", &[]);
            }
        });
    };
    effect(move || match active.get() {
        true => request(),
        false => release(),
    });
    // The browser ends the lock of a page that is hidden.
    use_window(&["visibilitychange"], move |_| request());
    on_cleanup(release);
    refused
}

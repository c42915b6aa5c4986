//! Tells a person who is elsewhere of new messages: by a notification of the system, a sound, and a number on the icon of the installed page.

use std::cell::{Cell, RefCell};

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use super::chime;
use super::derived::effect;
use super::language::use_language;
use super::room::RoomHandle;
use super::settings::use_settings;
use crate::rtc::dynamic::{call_async, construct, get, object, set};
use crate::rtc::timer::now_ms;
use crate::state::alerts::{Alert, Alerts};

/// Between two sounds.
const QUIET_MS: u64 = 2_000;

/// Follows a room, whose name the notifications bear, until the component ends.
pub(crate) fn use_alerts(room: RoomHandle, attended: RwSignal<bool>, name: &str) {
    let (settings, language) = (use_settings(), use_language());
    let (name, tag) = (name.to_owned(), format!("weir {name}"));
    let alerts = RefCell::new(room.conversation.with_untracked(Alerts::new));
    let (sounded_at, loaded) = (Cell::new(None::<u64>), Cell::new(false));
    // A click leads to this tab, also when the room has been left meanwhile.
    let to_front = Closure::<dyn FnMut()>::new(|| {
        let _ = window().focus();
    });
    let to_front = to_front.into_js_value();
    effect(move || {
        let own = settings.with_untracked(|settings| settings.name.clone());
        let alert = room.conversation.with(|conversation| {
            alerts
                .borrow_mut()
                .step(conversation, &own.unwrap_or_default())
        });
        // What was saved is no news.
        let was_loaded = loaded.replace(room.loaded.get());
        let Some(alert) = alert.filter(|_| was_loaded && !attended.get_untracked()) else {
            return;
        };
        let (notify, sound) =
            settings.with_untracked(|settings| (settings.notify, settings.notify_sound));
        if notify {
            let text = language.get_untracked().room();
            let title = match alert.mentions_me {
                true => (text.mentioned_in)(&alert.name, &name),
                false => (text.message_in)(&alert.name, &name),
            };
            let shown = show(&title, &alert, &tag, text.unread_count);
            if let Some(shown) = shown {
                set(&shown, "onclick", &to_front);
            }
        }
        let now = now_ms();
        if sound && sounded_at.get().is_none_or(|at| now >= at + QUIET_MS) {
            sounded_at.set(Some(now));
            spawn_local(chime::play());
        }
    });
    effect(move || {
        let is_counted = settings.with(|settings| settings.notify_badge);
        let unread = room.conversation.with(|conversation| conversation.unread());
        show_badge(if is_counted { unread } else { 0 });
    });
    on_cleanup(|| show_badge(0));
}

/// In place of the room's last one. `None`: the system shows none.
fn show(
    title: &str,
    alert: &Alert,
    tag: &str,
    unread_count: fn(usize) -> String,
) -> Option<JsValue> {
    let body = match alert.others {
        0 => alert.text.clone(),
        others => format!("{}\n{}", alert.text, unread_count(others + 1)),
    };
    let options = object(&[
        ("body", body.into()),
        ("tag", tag.into()),
        ("renotify", true.into()),
        ("icon", "icon-192.png".into()),
    ]);
    construct("Notification", &[title.into(), options]).ok()
}

/// 0 removes it.
fn show_badge(unread: usize) {
    if !has_badge() {
        return;
    }
    let navigator = JsValue::from(window().navigator());
    spawn_local(async move {
        // It is rejected where the system shows no number, which changes nothing.
        let _ = call_async(&navigator, "setAppBadge", &[(unread as f64).into()]).await;
    });
}

/// Whether the browser can show a number on the icon of an installed page.
pub(crate) fn has_badge() -> bool {
    get(&window().navigator(), "setAppBadge").is_function()
}

/// Whether the browser may show notifications of this page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Granted,
    /// A person has not been asked.
    Open,
    Denied,
    /// It shows none, or none of a page that was not loaded by HTTPS.
    Missing,
}

pub(crate) fn permission() -> Permission {
    let class = get(&js_sys::global(), "Notification");
    if !window().is_secure_context() {
        return Permission::Missing;
    }
    match get(&class, "permission").as_string().as_deref() {
        Some("granted") => Permission::Granted,
        Some("default") => Permission::Open,
        Some(_) => Permission::Denied,
        None => Permission::Missing,
    }
}

/// Asks the person; call it when she has clicked.
pub(crate) async fn ask() -> Permission {
    let class = get(&js_sys::global(), "Notification");
    let _ = call_async(&class, "requestPermission", &[]).await;
    permission()
}

//! The system's media controls (W3C "Media Session"): the name on a lock screen, the keys of a keyboard or a headset.

use leptos::prelude::*;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use super::derived::effect;
use super::player::Player;
use crate::rtc::dynamic::{call, construct, get, object, set};

type Act = fn(Player);

/// What each action of the system does. A live stream has no pause.
const ACTIONS: [(&str, Act); 3] = [
    ("play", Player::start),
    ("pause", Player::stop),
    ("stop", Player::stop),
];

/// Names the stream to the system, and plays and stops it, until the component ends.
pub(crate) fn use_media_keys(player: Player, name: &str) {
    let session = || get(&window().navigator(), "mediaSession");
    if session().is_undefined() {
        return;
    }
    let title = object(&[("title", name.into())]);
    let metadata = construct("MediaMetadata", &[title]).unwrap_or(JsValue::NULL);
    set(&session(), "metadata", &metadata);
    let handlers = ACTIONS.map(|(action, act)| {
        let handler = Closure::<dyn FnMut()>::new(move || act(player));
        handle(&session(), action, handler.as_ref());
        handler
    });
    effect(move || {
        let active = player.phase.with(|phase| phase.is_active());
        let state = if active { "playing" } else { "paused" };
        set(&session(), "playbackState", &state.into());
    });
    let handlers = StoredValue::new_local(Some(handlers));
    on_cleanup(move || {
        let session = session();
        set(&session, "metadata", &JsValue::NULL);
        set(&session, "playbackState", &"none".into());
        for (action, _) in ACTIONS {
            handle(&session, action, &JsValue::NULL);
        }
        drop(handlers.try_update_value(Option::take));
    });
}

/// Fails for an action that the browser does not have, which the system then does not offer.
fn handle(session: &JsValue, action: &str, handler: &JsValue) {
    let _ = call(
        session,
        "setActionHandler",
        &[action.into(), handler.clone()],
    );
}

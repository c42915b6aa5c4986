//! Full screen and picture in picture.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::rtc::listener::Listener;

/// True while an element of this page is in full screen.
pub(super) fn use_is_fullscreen() -> RwSignal<bool> {
    let full = RwSignal::new(false);
    let listener = Listener::new(&document(), "fullscreenchange", move |_| {
        let _ = full.try_set(document().fullscreen_element().is_some());
    });
    let listener = StoredValue::new_local(Some(listener));
    on_cleanup(move || {
        drop(listener.try_update_value(Option::take));
    });
    full
}

/// Full screen for the player with its controls; an iPhone supports it for the video element only.
pub(super) fn toggle_fullscreen(frame: NodeRef<html::Div>, video: NodeRef<html::Video>) {
    if document().fullscreen_element().is_some() {
        document().exit_fullscreen();
        return;
    }
    let Some(frame) = frame.get_untracked() else {
        return;
    };
    if has(&frame, "requestFullscreen") {
        let _ = frame.request_fullscreen();
    } else if let Some(video) = video.get_untracked() {
        call(&video, "webkitEnterFullscreen");
    }
}

/// Firefox has its own button, and no API.
pub(super) fn has_pip() -> bool {
    js_sys::Reflect::get(&document(), &"pictureInPictureEnabled".into())
        .is_ok_and(|value| value.is_truthy())
}

/// By reflection: stable web-sys does not have it.
pub(super) fn toggle_pip(video: NodeRef<html::Video>) {
    let document = document();
    let inside = js_sys::Reflect::get(&document, &"pictureInPictureElement".into());
    if inside.is_ok_and(|element| element.is_truthy()) {
        call(&document, "exitPictureInPicture");
    } else if let Some(video) = video.get_untracked().filter(|_| has_pip()) {
        call(&video, "requestPictureInPicture");
    }
}

fn has(object: &JsValue, method: &str) -> bool {
    js_sys::Reflect::get(object, &method.into()).is_ok_and(|value| value.is_function())
}

/// Calls a method and ignores errors.
fn call(object: &JsValue, method: &str) {
    let result = js_sys::Reflect::get(object, &method.into())
        .ok()
        .and_then(|function| function.dyn_into::<js_sys::Function>().ok())
        .and_then(|function| function.call0(object).ok());
    if let Some(promise) = result.and_then(|result| result.dyn_into::<js_sys::Promise>().ok()) {
        spawn_local(async move {
            let _ = JsFuture::from(promise).await;
        });
    }
}

//! Full screen and picture in picture.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::hooks::window::use_window;
use crate::rtc::dynamic;

/// True while an element of this page is in full screen.
pub(super) fn use_is_fullscreen() -> RwSignal<bool> {
    use_flag(&["fullscreenchange"], || {
        document().fullscreen_element().is_some()
    })
}

/// True while a video of this page is in picture in picture. It is left with the component.
pub(super) fn use_is_pip() -> RwSignal<bool> {
    on_cleanup(leave_pip);
    use_flag(&["enterpictureinpicture", "leavepictureinpicture"], is_pip)
}

/// What `read` says after each of these events, which bubble up to the window.
fn use_flag(names: &[&'static str], read: fn() -> bool) -> RwSignal<bool> {
    let flag = RwSignal::new(read());
    use_window(names, move |_| flag.set(read()));
    flag
}

/// Full screen for the player with its controls; an iPhone supports it for the video element only.
pub(super) fn toggle_fullscreen(frame: NodeRef<html::Div>, video: NodeRef<html::Video>) {
    if document().fullscreen_element().is_some() {
        call(&document(), "exitFullscreen");
        return;
    }
    let Some(frame) = frame.get_untracked() else {
        return;
    };
    if !call(&frame, "requestFullscreen")
        && let Some(video) = video.get_untracked()
    {
        call(&video, "webkitEnterFullscreen");
    }
}

/// Firefox has its own button, and no API.
pub(super) fn has_pip() -> bool {
    dynamic::get(&document(), "pictureInPictureEnabled").is_truthy()
}

fn is_pip() -> bool {
    dynamic::get(&document(), "pictureInPictureElement").is_truthy()
}

fn leave_pip() {
    if is_pip() {
        call(&document(), "exitPictureInPicture");
    }
}

pub(super) fn toggle_pip(video: NodeRef<html::Video>) {
    if is_pip() {
        leave_pip();
    } else if let Some(video) = video.get_untracked().filter(|_| has_pip()) {
        call(&video, "requestPictureInPicture");
    }
}

/// Calls a method that returns a promise, and ignores its rejection: the browser refuses without a click. False where the browser lacks the method.
fn call(object: &JsValue, method: &str) -> bool {
    let result = dynamic::call(object, method, &[]);
    let found = result.is_ok();
    if let Some(promise) = result
        .ok()
        .and_then(|result| result.dyn_into::<js_sys::Promise>().ok())
    {
        spawn_local(async move {
            let _ = JsFuture::from(promise).await;
        });
    }
    found
}

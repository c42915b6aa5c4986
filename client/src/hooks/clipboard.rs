//! Copies text to the clipboard.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use crate::rtc::timer::sleep;

/// The state of the last copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum CopyState {
    #[default]
    Idle,
    Copied,
    Failed,
}

/// Copies `text`, and shows the result in `state` for two seconds.
pub(crate) fn copy(text: String, state: RwSignal<CopyState>) {
    spawn_local(async move {
        let done = write(&text).await;
        let _ = state.try_set(if done {
            CopyState::Copied
        } else {
            CopyState::Failed
        });
        sleep(2_000).await;
        let _ = state.try_set(CopyState::Idle);
    });
}

/// Falls back to `execCommand("copy")`: an insecure context (http on a local network) has no clipboard API.
async fn write(text: &str) -> bool {
    let clipboard = window().navigator().clipboard();
    if clipboard.is_object() && JsFuture::from(clipboard.write_text(text)).await.is_ok() {
        return true;
    }
    let Some(area) = document().create_element("textarea").ok() else {
        return false;
    };
    let area: web_sys::HtmlTextAreaElement = area.unchecked_into();
    area.set_value(text);
    // While a dialog is open, nothing outside of it can be selected.
    let parent = document().query_selector("dialog[open]").ok().flatten();
    let parent = parent.or_else(|| document().body().map(JsCast::unchecked_into));
    if parent.is_none_or(|parent| parent.append_child(&area).is_err()) {
        return false;
    }
    area.select();
    let document: wasm_bindgen::JsValue = document().into();
    let done = js_sys::Reflect::get(&document, &"execCommand".into())
        .ok()
        .and_then(|command| command.dyn_into::<js_sys::Function>().ok())
        .and_then(|command| command.call1(&document, &"copy".into()).ok());
    area.remove();
    done.and_then(|done| done.as_bool()).unwrap_or(false)
}

//! The text of a message: its links, its code, and the beginning of a long one.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, FocusEvent};

use super::reactive::{button, no_view, reactive_view, room_text};
use super::read_position::scroll_back;
use crate::hooks::language::Language;
use crate::rtc::dynamic::{call, object};
use crate::state::text_parts::{TextPart, is_long, parts};

/// A long text is shown as far as about a window, with a button for the rest: it is no box that scrolls within a list that scrolls.
pub(super) fn message_text(language: Language, text: &str) -> AnyView {
    if !is_long(text) {
        return view! { <div class="bubble" dir="auto">{linked(text)}</div> }.into_any();
    }
    let whole = RwSignal::new(false);
    let bubble = NodeRef::<html::Div>::new();
    let more = reactive_view(move || {
        if whole.get() {
            return no_view();
        }
        let label = room_text(language, |text| text.show_all);
        button("link show-all", "", label, move || {
            if let Some(bubble) = bubble.get_untracked() {
                open(whole, &bubble);
                // The button goes.
                let stay = object(&[("preventScroll", true.into())]);
                let _ = call(&bubble, "focus", &[stay]);
            }
        })
    });
    let on_focus = move |event: FocusEvent| {
        if let (false, Some(link)) = (whole.get_untracked(), event.target()) {
            open(whole, link.unchecked_ref());
        }
    };
    // A link that gets the focus may be further down.
    view! {
        <div class="bubble clipped" class:whole=move || whole.get() tabindex="-1" node_ref=bubble>
            <div class="long-text" dir="auto" on:focusin=on_focus>{linked(text)}</div>
            {more}
        </div>
    }
    .into_any()
}

/// Shows the whole text. The list is laid out from its end, so it would move up: `anchor` stays in view.
fn open(whole: RwSignal<bool>, anchor: &Element) {
    let top = anchor.get_bounding_client_rect().top();
    whole.set(true);
    let anchor = anchor.clone();
    request_animation_frame(move || {
        if let Ok(Some(log)) = anchor.closest(".message-log") {
            scroll_back(&log, &anchor, top);
        }
    });
}

fn linked(text: &str) -> AnyView {
    let parts = parts(text).into_iter().map(|part| match part {
        TextPart::Text(text) => text.to_owned().into_any(),
        TextPart::Url(link) => link_view(link.to_owned(), link),
        TextPart::Domain(link) => link_view(format!("https://{link}"), link),
        TextPart::Mail(link) => link_view(format!("mailto:{link}"), link),
        TextPart::Code(code) => view! { <code>{code.to_owned()}</code> }.into_any(),
        // For who reads it with the keyboard, since it scrolls to the side.
        TextPart::CodeBlock(code) => {
            view! { <pre dir="ltr" tabindex="0">{code.to_owned()}</pre> }.into_any()
        }
    });
    parts.collect::<Vec<_>>().into_any()
}

fn link_view(href: String, label: &str) -> AnyView {
    view! { <a href=href target="_blank" rel="noopener noreferrer">{label.to_owned()}</a> }
        .into_any()
}

//! The text of a message: its links, and the beginning of a long one.

use leptos::prelude::*;

use super::reactive::{button, no_view, reactive_view, room_text};
use crate::hooks::language::Language;
use crate::state::links::{TextSegment, is_long, segments};

/// A long text is shown as far as about a window, with a button for the rest: it is no box that scrolls within a list that scrolls.
pub(super) fn message_text(language: Language, text: &str) -> AnyView {
    if !is_long(text) {
        return view! { <div class="bubble" dir="auto">{linked(text)}</div> }.into_any();
    }
    let whole = RwSignal::new(false);
    let more = reactive_view(move || {
        if whole.get() {
            return no_view();
        }
        let label = room_text(language, |text| text.show_all);
        button("link show-all", "", label, move || whole.set(true))
    });
    // A link that gets the focus may be further down.
    view! {
        <div class="bubble clipped" class:whole=move || whole.get()>
            <div class="long-text" dir="auto" on:focusin=move |_| whole.set(true)>{linked(text)}</div>
            {more}
        </div>
    }
    .into_any()
}

fn linked(text: &str) -> AnyView {
    let parts = segments(text).into_iter().map(|segment| match segment {
        TextSegment::Text(text) => text.to_owned().into_any(),
        TextSegment::Url(link) => {
            let href = link.to_owned();
            view! { <a href=href target="_blank" rel="noopener noreferrer">{link.to_owned()}</a> }
                .into_any()
        }
    });
    parts.collect::<Vec<_>>().into_any()
}

//! What the server or the browser says itself, folded away: in English, and for those who can use it.

use leptos::prelude::*;

use super::reactive::{no_view, reactive_text, reactive_view};
use crate::hooks::derived::memo;
use crate::hooks::language::use_language;

#[component]
pub(crate) fn Details(#[prop(into)] text: Signal<String>) -> impl IntoView {
    let language = use_language();
    let has_text = memo(move || text.with(|text| !text.is_empty()));
    reactive_view(move || match has_text.get() {
        true => view! {
            <details class="small">
                <summary>{language.localized(|text| text.details)}</summary>
                <p lang="en">{reactive_text(move || text.get())}</p>
            </details>
        }
        .into_any(),
        false => no_view(),
    })
}

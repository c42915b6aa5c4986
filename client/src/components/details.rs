//! What the server or the browser says itself, folded away: in English, and for those who can use it.

use leptos::prelude::*;

use crate::hooks::language::use_language;

#[component]
pub(crate) fn Details(#[prop(into)] text: Signal<String>) -> impl IntoView {
    let language = use_language();
    view! {
        <Show when=move || text.with(|text| !text.is_empty())>
            <details class="small">
                <summary>{language.localized(|text| text.details)}</summary>
                <p lang="en">{move || text.get()}</p>
            </details>
        </Show>
    }
}

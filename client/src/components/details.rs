//! What the server or the browser says itself, folded away: in English, and for those who can use it.

use leptos::prelude::*;

use crate::hooks::app::use_app;

#[component]
pub(crate) fn Details(#[prop(into)] text: Signal<String>) -> impl IntoView {
    let app = use_app();
    view! {
        <Show when=move || text.with(|text| !text.is_empty())>
            <details class="small">
                <summary>{app.localized(|text| text.details)}</summary>
                <p lang="en">{move || text.get()}</p>
            </details>
        </Show>
    }
}

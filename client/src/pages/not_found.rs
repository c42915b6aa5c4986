//! Shown for an address without a page.

use leptos::prelude::*;

use crate::hooks::app::{use_app, use_title};

#[component]
pub(crate) fn NotFound(address: String) -> impl IntoView {
    let app = use_app();
    use_title(move || app.text().not_found.to_owned());
    view! {
        <main class="page" id="main">
            <section class="state card" data-state="not-found">
                <h1>{app.localized(|text| text.not_found)}</h1>
                <p class="quiet">{move || (app.text().not_found_text)(&address)}</p>
                <div class="row">
                    <a class="button" href="#/">{app.localized(|text| text.all_streams)}</a>
                </div>
            </section>
        </main>
    }
}

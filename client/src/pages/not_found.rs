//! Shown for an address without a page.

use leptos::prelude::*;

use crate::hooks::language::use_language;
use crate::hooks::window::use_title;

#[component]
pub(crate) fn NotFound(address: String) -> impl IntoView {
    let language = use_language();
    use_title(move || language.text().not_found.to_owned());
    view! {
        <main class="page" id="main">
            <section class="state card" data-state="not-found">
                <h1>{language.localized(|text| text.not_found)}</h1>
                <p class="quiet">{move || (language.text().not_found_text)(&address)}</p>
                <div class="row">
                    <a class="button" href="#/">{language.localized(|text| text.all_streams)}</a>
                </div>
            </section>
        </main>
    }
}

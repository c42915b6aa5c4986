//! Switches of the canvas page's filters.

use leptos::prelude::*;

use crate::hooks::language::use_language;
use crate::i18n::Text;
use crate::state::filter::Filters;

#[component]
pub(crate) fn FilterSwitches(filters: RwSignal<Filters>) -> impl IntoView {
    let language = use_language();
    let switch = move |id: &'static str,
                       name: fn(&'static Text) -> &'static str,
                       field: fn(&mut Filters) -> &mut bool| {
        let on = move || *field(&mut filters.get());
        view! {
            <label class="choice">
                <input
                    type="checkbox"
                    id=id
                    prop:checked=move || on()
                    on:change=move |_| filters.update(|filters| *field(filters) ^= true)
                />
                <span>{move || name(language.text())}</span>
            </label>
        }
    };
    view! {
        <fieldset class="form">
            <legend class="visually-hidden">{language.localized(|text| text.filters)}</legend>
            <h2 aria-hidden="true">{language.localized(|text| text.filters)}</h2>
            {switch("grey", |text| text.greyscale, |filters| &mut filters.grey)}
            {switch("invert", |text| text.invert, |filters| &mut filters.invert)}
            {switch("edges", |text| text.edges, |filters| &mut filters.edges)}
            {switch("mirror", |text| text.mirror, |filters| &mut filters.mirror)}
        </fieldset>
    }
}

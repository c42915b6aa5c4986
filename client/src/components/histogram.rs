//! The histogram of the canvas page.

use leptos::prelude::*;

use crate::hooks::language::use_language;
use crate::i18n::Text;
use crate::state::filter::Histogram;

#[component]
pub(crate) fn HistogramView(histogram: RwSignal<Option<Histogram>>) -> impl IntoView {
    let language = use_language();
    let channel = move |index: usize,
                        class: &'static str,
                        name: fn(&'static Text) -> &'static str| {
        let path = move || {
            histogram.with(|histogram| {
                histogram
                    .as_ref()
                    .map(|histogram| histogram.path(index, 256.0, 100.0))
            })
        };
        view! {
            <p class="small">{language.localized(name)}</p>
            <svg class=class viewBox="0 0 256 100" preserveAspectRatio="none"><path d=move || path() /></svg>
        }
    };
    view! {
        <div class="form">
            <h2>{language.localized(|text| text.histogram)}</h2>
            <div class="histogram" id="histogram" role="img" aria-label=language.localized(|text| text.histogram_text)>
                {channel(3, "luma", |text| text.brightness)}
                {channel(0, "red", |text| text.red)}
                {channel(1, "green", |text| text.green)}
                {channel(2, "blue", |text| text.blue)}
            </div>
            <p class="small quiet">{language.localized(|text| text.histogram_text)}</p>
        </div>
    }
}

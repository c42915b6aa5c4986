//! The histogram of the canvas page.

use leptos::prelude::*;

use crate::hooks::language::use_language;
use crate::state::filter::Histogram;

#[component]
pub(crate) fn HistogramView(histogram: RwSignal<Option<Histogram>>) -> impl IntoView {
    let language = use_language();
    let channel = move |index: usize, class: &'static str| {
        let path = move || {
            histogram.with(|histogram| {
                histogram
                    .as_ref()
                    .map(|histogram| histogram.path(index, 256.0, 100.0))
            })
        };
        view! { <path class=class d=move || path() /> }
    };
    view! {
        <div class="form">
            <h2>{language.localized(|text| text.histogram)}</h2>
            <svg
                class="histogram"
                id="histogram"
                viewBox="0 0 256 100"
                preserveAspectRatio="none"
                role="img"
                aria-label=language.localized(|text| text.histogram_text)
            >
                {channel(3, "luma")} {channel(0, "red")} {channel(1, "green")} {channel(2, "blue")}
            </svg>
            <p class="small quiet">{language.localized(|text| text.histogram_text)}</p>
        </div>
    }
}

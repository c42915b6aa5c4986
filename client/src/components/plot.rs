//! A line over the last minute.

use crate::hooks::derived::memo;
use leptos::prelude::*;

use crate::state::stats::PlotHistory;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 30.0;

/// `min_scale` is the smallest full scale, so that noise around a constant stays small. Screen readers skip the plot and
/// read the figure beside it.
#[component]
pub(crate) fn Plot(#[prop(into)] history: Signal<PlotHistory>, min_scale: f64) -> impl IntoView {
    let line = memo(move || history.with(|history| history.path(WIDTH, HEIGHT, min_scale)));
    view! {
        <svg class="plot" viewBox="0 0 120 30" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <path d=move || line.get() fill="none" stroke="currentColor" stroke-width="1.6" vector-effect="non-scaling-stroke" />
        </svg>
    }
}

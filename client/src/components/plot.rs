//! A line over the last minute.

use leptos::prelude::*;

use super::reactive::reactive_text;
use crate::state::stats::{PlotHistory, Plots};

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 30.0;

/// One of the figures that are drawn.
pub(crate) type Series = fn(&Plots) -> &PlotHistory;

/// `least` is the smallest full scale. Screen readers skip the line and read the figure beside it.
pub(crate) fn plot(plots: RwSignal<Plots>, read: Series, least: f64) -> AnyView {
    let line = reactive_text(move || plots.with(|plots| read(plots).path(WIDTH, HEIGHT, least)));
    view! {
        <svg class="plot" viewBox="0 0 120 30" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <path d=line fill="none" stroke="currentColor" stroke-width="1.6" vector-effect="non-scaling-stroke" />
        </svg>
    }
    .into_any()
}

//! Frames drawn to a canvas as they arrive, with no video element on the page: filters, histogram, saved images.

use crate::components::reactive::click_handler;
use crate::hooks::derived::effect;
use crate::hooks::language::use_language;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlVideoElement;

use crate::components::audio::{AudioControl, play};
use crate::components::filters::FilterSwitches;
use crate::components::histogram::HistogramView;
use crate::components::overlay::spinner;
use crate::components::phase_text;
use crate::components::player::SlowNotice;
use crate::components::stream_chooser::StreamChooser;
use crate::hooks::drawing::{Drawing, save_image, start_drawing};
use crate::hooks::frames::FrameCallbacks;
use crate::hooks::player::use_player;
use crate::hooks::server::use_server;
use crate::hooks::window::use_title;
use crate::state::decimal::decimal;
use crate::state::filter::{EDGE_FILTER, Filters};
use crate::state::route::Route;
use crate::state::session::Phase;

#[component]
pub(crate) fn Canvas(name: Option<String>) -> impl IntoView {
    let language = use_language();
    use_title(move || language.text().canvas.to_owned());
    view! {
        <main class="page" id="main">
            <div>
                <h1>{language.localized(|text| text.canvas)}</h1>
                <p class="quiet">{language.localized(|text| text.canvas_text)}</p>
            </div>
            <StreamChooser
                name
                with_video=true
                page=Route::Canvas
                none=|text| text.no_video_streams
                show=|name| view! { <CanvasPlayer name /> }.into_any()
            />
        </main>
    }
}

#[component]
fn CanvasPlayer(name: String) -> impl IntoView {
    let server = use_server();
    let language = use_language();
    let player = use_player(name.clone());
    let drawing = Drawing {
        filters: RwSignal::new(Filters::default()),
        histogram: RwSignal::new(None),
        cost: RwSignal::new((0.0, 0.0)),
    };
    let canvas = NodeRef::<html::Canvas>::new();
    let frames = StoredValue::new_local(None::<FrameCallbacks>);
    // Not in the document: it only decodes.
    let video: Option<HtmlVideoElement> = document()
        .create_element("video")
        .ok()
        .map(JsCast::unchecked_into);
    let video = StoredValue::new_local(video);
    let audio = AudioControl::new(true);
    Effect::new(move |begun: Option<bool>| {
        let found = server.is_decided();
        if found && begun != Some(true) {
            player.start();
        }
        found
    });
    effect(move || {
        let Some(canvas) = canvas.get() else { return };
        let media = player.media.get();
        let Some(video) = video.get_value() else {
            return;
        };
        video.set_muted(true);
        video.set_src_object(media.as_ref());
        if media.is_some() {
            play(video.clone(), audio);
            player.follow_picture(&video);
            let drawn = start_drawing(video, canvas, player, drawing);
            drop(frames.try_update_value(|frames| std::mem::replace(frames, drawn)));
        }
    });
    on_cleanup(move || {
        drop(frames.try_update_value(Option::take));
        if let Some(video) = video.try_get_value().flatten() {
            video.set_src_object(None);
        }
    });

    let why = move || {
        player
            .phase
            .with(|phase| phase_text::reason(phase, language.get()))
    };
    let active = move || {
        player
            .phase
            .with(|phase| phase.is_active() && !matches!(phase, Phase::Waiting { .. }))
    };
    let label = name.clone();
    let image_name = name;
    view! {
        <svg class="visually-hidden" aria-hidden="true" inner_html=EDGE_FILTER></svg>
        <div class="watch">
            <section class="column">
                <div class="player" id="canvas-player" data-state=move || player.state() data-still=move || player.still.get().to_string()>
                    <canvas id="canvas" style=move || drawing.filters.get().style() node_ref=canvas width="1280" height="720" role="img" aria-label=label></canvas>
                    <span class="chip state-line">
                        <i class="dot" class:ok=move || player.state() == "playing" class:bad=move || player.state() == "failed"></i>
                        <span id="state" class="tabular">{move || phase_text::player_status(player, language)}</span>
                    </span>
                    {move || player.still.get().then(spinner)}
                    <SlowNotice player />
                </div>
                <p class="quiet" role="status">{move || why()}</p>
                <div class="row">
                    <button
                        class="button plain"
                        id="stop"
                        on:click=click_handler(move || if active() { player.stop() } else { player.start() })
                    >
                        {move || if active() { language.text().stop } else { language.text().play }}
                    </button>
                    <button
                        class="button"
                        id="save-image"
                        disabled=move || !player.shown.get()
                        on:click=click_handler(move || if let Some(canvas) = canvas.get_untracked() {
                            save_image(&canvas, drawing.filters.get_untracked(), &image_name);
                        })
                    >
                        {language.localized(|text| text.save_image)}
                    </button>
                    <span class="small quiet tabular" id="render-cost">
                        {move || {
                            let (ms, fps) = drawing.cost.get();
                            (fps > 0.0).then(|| (language.text().render_cost)(&decimal(fps, 0), &decimal(ms, 1)))
                        }}
                    </span>
                </div>
            </section>
            <aside class="card panel">
                <FilterSwitches filters=drawing.filters />
                <HistogramView histogram=drawing.histogram />
            </aside>
        </div>
    }
}

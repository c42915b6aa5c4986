//! Frames drawn to a canvas as they arrive, with no video element on the page: filters, a histogram, stills.

use leptos::html;
use leptos::prelude::*;
use shared::api::StreamList;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement};

use crate::components::picker::Picker;
use crate::components::sound::{Sound, play};
use crate::components::trouble::{Loading, NoServer, Trouble};
use crate::components::words;
use crate::hooks::app::{use_app, use_title};
use crate::hooks::download::save_as;
use crate::hooks::frames::Frames;
use crate::hooks::player::{Player, use_player};
use crate::hooks::poll::use_poll;
use crate::i18n::Text;
use crate::rtc::timer::now;
use crate::state::filter::{Filters, Histogram};
use crate::state::remote::Remote;
use crate::state::route::Route;
use crate::state::session::Phase;

/// The histogram is read by people: every so many frames is enough.
const HISTOGRAM_EVERY: u32 = 5;
/// It looks at one pixel in so many.
const HISTOGRAM_STEP: usize = 7;

#[component]
pub(crate) fn Canvas(name: Option<String>) -> impl IntoView {
    let app = use_app();
    use_title(move || app.text().canvas.to_owned());
    let list = use_poll::<StreamList>(app, || "api/streams".to_owned(), 10_000.0);
    let chosen = Memo::new(move |_| {
        name.clone().or_else(|| {
            list.value.with(|list| {
                let mut streams = list.value()?.streams.iter();
                streams
                    .find(|stream| stream.video.is_some())
                    .map(|stream| stream.name.clone())
            })
        })
    });
    view! {
        <main class="page" id="main">
            <div>
                <h1>{app.say(|text| text.canvas)}</h1>
                <p class="quiet">{app.say(|text| text.canvas_text)}</p>
            </div>
            {move || match (app.server.get(), chosen.get()) {
                (Some(None), _) => view! { <NoServer /> }.into_any(),
                (_, Some(name)) => view! {
                    <Picker
                        list=list.value
                        chosen=name.clone()
                        with_picture=true
                        to=move |name| app.go(&Route::Canvas(Some(name)))
                    />
                    <Board name />
                }
                .into_any(),
                (_, None) => list.value.with(|list_now| match list_now {
                    Remote::Failed(error) => {
                        view! { <Trouble error=error.clone() retry=move |()| list.afresh() /> }.into_any()
                    }
                    Remote::Loading => view! { <Loading /> }.into_any(),
                    Remote::Ready(_) | Remote::Stale(..) => view! {
                        <section class="state card" data-state="empty">
                            <h2>{app.text().no_picture_streams}</h2>
                            <p class="quiet">{app.text().no_streams_text}</p>
                            <div class="row"><a class="button" href="#/">{app.text().to_streams}</a></div>
                        </section>
                    }
                    .into_any(),
                }),
            }}
        </main>
    }
}

/// What the drawing found out, for the page.
#[derive(Clone, Copy)]
struct Drawing {
    filters: RwSignal<Filters>,
    histogram: RwSignal<Option<Histogram>>,
    /// Milliseconds that the last second's frames took, on average, and how many there were.
    cost: RwSignal<(f64, f64)>,
}

#[component]
fn Board(name: String) -> impl IntoView {
    let app = use_app();
    let player = use_player(app, name.clone());
    let drawing = Drawing {
        filters: RwSignal::new(Filters::default()),
        histogram: RwSignal::new(None),
        cost: RwSignal::new((0.0, 0.0)),
    };
    let canvas = NodeRef::<html::Canvas>::new();
    let frames = StoredValue::new_local(None::<Frames>);
    // Never on the page: it only decodes.
    let video: Option<HtmlVideoElement> = document()
        .create_element("video")
        .ok()
        .map(JsCast::unchecked_into);
    let video = StoredValue::new_local(video);
    let sound = Sound::new(app, true);
    Effect::new(move |begun: Option<bool>| {
        let found = app.server.get().is_some();
        if found && begun != Some(true) {
            player.start();
        }
        found
    });
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        let media = player.media.get();
        let Some(video) = video.get_value() else {
            return;
        };
        video.set_muted(true);
        video.set_src_object(media.as_ref());
        if media.is_some() {
            play(video.clone(), sound);
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

    let state = move || {
        player.phase.with(|phase| match phase {
            Phase::Playing if !player.shown.get() => "connecting",
            phase => phase.word(),
        })
    };
    let line = move || {
        player.phase.with(|phase| {
            let behind = player.figures.with(|figures| figures.behind);
            words::state(
                phase,
                player.shown.get(),
                behind,
                player.clock.get(),
                app.text(),
            )
        })
    };
    let why = move || player.phase.with(|phase| words::reason(phase, app.text()));
    let active = move || {
        player
            .phase
            .with(|phase| phase.is_on() && !matches!(phase, Phase::Waiting { .. }))
    };
    let label = name.clone();
    let still_name = name;
    view! {
        <div class="watch">
            <section class="column">
                <div class="player" id="board" data-state=state>
                    <canvas id="canvas" node_ref=canvas width="1280" height="720" role="img" aria-label=label></canvas>
                    <span class="chip state-line">
                        <i class="dot" class:ok=move || state() == "playing" class:bad=move || state() == "failed"></i>
                        <span id="state" class="tabular">{line}</span>
                    </span>
                </div>
                <p class="quiet" role="status">{why}</p>
                <div class="row">
                    <button
                        class="button plain"
                        id="stop"
                        on:click=move |_| if active() { player.stop() } else { player.start() }
                    >
                        {move || if active() { app.text().stop } else { app.text().start }}
                    </button>
                    <button
                        class="button"
                        id="still"
                        disabled=move || !player.shown.get()
                        on:click=move |_| if let Some(canvas) = canvas.get_untracked() { save_still(&canvas, &still_name) }
                    >
                        {app.say(|text| text.save_still)}
                    </button>
                    <span class="small quiet tabular" id="cost">
                        {move || {
                            let (ms, fps) = drawing.cost.get();
                            (fps > 0.0).then(|| (app.text().drawing)(&format!("{fps:.0}"), &format!("{ms:.1}")))
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

#[component]
fn FilterSwitches(filters: RwSignal<Filters>) -> impl IntoView {
    let app = use_app();
    let switch = move |id: &'static str,
                       name: fn(&'static Text) -> &'static str,
                       part: fn(&mut Filters) -> &mut bool| {
        let on = move || *part(&mut filters.get());
        view! {
            <label class="choice">
                <input
                    type="checkbox"
                    id=id
                    prop:checked=on
                    on:change=move |_| filters.update(|filters| *part(filters) ^= true)
                />
                <span>{move || name(app.text())}</span>
            </label>
        }
    };
    view! {
        <fieldset class="form">
            <legend class="unseen">{app.say(|text| text.filters)}</legend>
            <h2 aria-hidden="true">{app.say(|text| text.filters)}</h2>
            {switch("grey", |text| text.grey, |filters| &mut filters.grey)}
            {switch("invert", |text| text.invert, |filters| &mut filters.invert)}
            {switch("edges", |text| text.edges, |filters| &mut filters.edges)}
            {switch("mirror", |text| text.mirror, |filters| &mut filters.mirror)}
        </fieldset>
    }
}

#[component]
fn HistogramView(histogram: RwSignal<Option<Histogram>>) -> impl IntoView {
    let app = use_app();
    let channel = move |index: usize, class: &'static str| {
        let path = move || {
            histogram.with(|histogram| {
                histogram
                    .as_ref()
                    .map(|histogram| histogram.path(index, 256.0, 100.0))
            })
        };
        view! { <path class=class d=path /> }
    };
    view! {
        <div class="form">
            <h2>{app.say(|text| text.histogram)}</h2>
            <svg
                class="histogram"
                id="histogram"
                viewBox="0 0 256 100"
                preserveAspectRatio="none"
                role="img"
                aria-label=app.say(|text| text.histogram_text)
            >
                {channel(3, "luma")} {channel(0, "red")} {channel(1, "green")} {channel(2, "blue")}
            </svg>
            <p class="small quiet">{app.say(|text| text.histogram_text)}</p>
        </div>
    }
}

/// Draws every frame of `video` on `canvas` until the value is dropped. `None` without a 2D context.
fn start_drawing(
    video: HtmlVideoElement,
    canvas: HtmlCanvasElement,
    player: Player,
    drawing: Drawing,
) -> Option<Frames> {
    let options = js_sys::Object::new();
    // Every frame is read back.
    let _ = js_sys::Reflect::set(&options, &"willReadFrequently".into(), &true.into());
    let context: CanvasRenderingContext2d = canvas
        .get_context_with_context_options("2d", &options)
        .ok()
        .flatten()?
        .unchecked_into();
    let mut count = 0_u32;
    let mut second = Second {
        since: now(),
        frames: 0.0,
        spent: 0.0,
    };
    let source = video.clone();
    Some(Frames::of(&video, move || {
        let began = now();
        let (width, height) = (source.video_width(), source.video_height());
        if width == 0 || height == 0 || source.ready_state() < 2 {
            return;
        }
        if canvas.width() != width || canvas.height() != height {
            canvas.set_width(width);
            canvas.set_height(height);
        }
        count = count.wrapping_add(1);
        draw(&source, &context, (width, height), count, drawing);
        if !player.shown.get_untracked() {
            player.shown.set(true);
        }
        second.frame(now() - began, drawing.cost);
    }))
}

fn draw(
    source: &HtmlVideoElement,
    context: &CanvasRenderingContext2d,
    (width, height): (u32, u32),
    count: u32,
    drawing: Drawing,
) {
    if context
        .draw_image_with_html_video_element(source, 0.0, 0.0)
        .is_err()
    {
        return;
    }
    let Some(filters) = drawing.filters.try_get_untracked() else {
        return;
    };
    let measures = count % HISTOGRAM_EVERY == 1;
    if !filters.any() && !measures {
        return;
    }
    let (w, h) = (f64::from(width), f64::from(height));
    let Ok(image) = context.get_image_data(0.0, 0.0, w, h) else {
        return;
    };
    let mut pixels = image.data();
    if filters.any() {
        filters.apply(&mut pixels.0, width as usize, height as usize);
        let done = web_sys::ImageData::new_with_u8_clamped_array_and_sh(
            wasm_bindgen::Clamped(&pixels.0),
            width,
            height,
        );
        if let Ok(done) = done {
            let _ = context.put_image_data(&done, 0.0, 0.0);
        }
    }
    if measures {
        drawing
            .histogram
            .set(Some(Histogram::of(&pixels.0, HISTOGRAM_STEP)));
    }
}

/// Frames of the running second.
struct Second {
    since: f64,
    frames: f64,
    spent: f64,
}

impl Second {
    fn frame(&mut self, spent: f64, told: RwSignal<(f64, f64)>) {
        self.frames += 1.0;
        self.spent += spent;
        let passed = now() - self.since;
        if passed >= 1_000.0 {
            told.set((self.spent / self.frames, self.frames * 1_000.0 / passed));
            *self = Self {
                since: now(),
                frames: 0.0,
                spent: 0.0,
            };
        }
    }
}

/// Saves the canvas as it is, filters included.
fn save_still(canvas: &HtmlCanvasElement, name: &str) {
    let name = format!("{name}.png");
    let save = Closure::once_into_js(move |blob: Option<web_sys::Blob>| {
        if let Some(blob) = blob {
            save_as(&blob, &name);
        }
    });
    // Fails only for a canvas that holds another origin's pixels.
    let _ = canvas.to_blob(save.unchecked_ref());
}

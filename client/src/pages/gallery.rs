//! All streams of the server.

use crate::hooks::derived::memo;
use leptos::prelude::*;
use shared::api::{StreamInfo, StreamState};

use crate::components::icon::mark;
use crate::components::load_status::{LoadError, Loading, NoServer, StaleNotice};
use crate::components::reactive::{click_handler, keyed_list};
use crate::hooks::app::{App, use_app, use_title};
use crate::hooks::streams::{Streams, use_streams};
use crate::i18n::describe::chips;
use crate::i18n::error::code_sentence;
use crate::i18n::format::duration;
use crate::state::remote::RemoteData;
use crate::state::route::Route;

#[component]
pub(crate) fn Gallery() -> impl IntoView {
    let app = use_app();
    use_title(String::new);
    let list = use_streams();
    // The layout of the page, so that a change of one stream does not render the whole page again.
    #[derive(Clone, PartialEq)]
    enum Layout {
        NoServer,
        Loading,
        Failed(crate::http::HttpError),
        Empty,
        Streams,
    }
    let layout = memo(move || {
        if matches!(app.server.get(), Some(None)) {
            return Layout::NoServer;
        }
        list.value.with(|list| match list {
            RemoteData::Loading => Layout::Loading,
            RemoteData::Failed(error) => Layout::Failed(error.clone()),
            RemoteData::Ready(list) | RemoteData::Stale(list, _) if list.streams.is_empty() => {
                Layout::Empty
            }
            RemoteData::Ready(_) | RemoteData::Stale(..) => Layout::Streams,
        })
    });
    let count = move || {
        list.value
            .with(|list| list.value().map_or(0, |list| list.streams.len()))
    };
    let lost = memo(move || {
        list.value
            .with(|list| matches!(list, RemoteData::Stale(..)))
    });
    let streams = move || {
        list.value.with(|list| {
            list.value()
                .map(|list| {
                    list.streams
                        .iter()
                        .map(|stream| stream.name.clone())
                        .collect()
                })
                .unwrap_or_default()
        })
    };
    view! {
        <main class="page" id="main">
            <div>
                <h1>{app.localized(|text| text.streams)}</h1>
                <Show when=move || layout.get() == Layout::Streams>
                    <p class="quiet small">
                        {move || (app.text().stream_count)(count())}
                    </p>
                </Show>
            </div>
            <Show when=move || lost.get()>
                <StaleNotice />
            </Show>
            {move || match layout.get() {
                Layout::NoServer => view! { <NoServer /> }.into_any(),
                Layout::Loading => view! { <Loading /> }.into_any(),
                Layout::Failed(error) => view! { <LoadError error retry=move |()| list.reload() /> }.into_any(),
                Layout::Empty => view! { <Empty again=move |()| list.refresh() /> }.into_any(),
                Layout::Streams => view! {
                    <ul class="gallery" id="streams">
                        {keyed_list(streams, move |name| view! { <li><Card name list /></li> }.into_any())}
                    </ul>
                }
                .into_any(),
            }}
        </main>
    }
}

#[component]
fn Empty(#[prop(into)] again: Callback<()>) -> impl IntoView {
    let app = use_app();
    view! {
        <section class="state card" data-state="empty">
            <h2>{app.localized(|text| text.no_streams)}</h2>
            <p class="quiet">{app.localized(|text| text.no_streams_text)}</p>
            <div class="row">
                <button class="button" on:click=click_handler(move || again.run(()))>{app.localized(|text| text.try_again)}</button>
            </div>
        </section>
    }
}

/// One stream. It reads its properties from the list, so the card stays while they change.
#[component]
fn Card(name: String, list: Streams) -> impl IntoView {
    let app = use_app();
    let info = list.stream(name.clone());
    let address = Route::Watch(name.clone()).to_string();
    let title = name.clone();
    view! {
        <a class="card stream" href=address data-stream=name.clone() data-state=move || info.with(|info| state_name(info.as_ref()))>
            <div class="poster">
                <Poster info />
                <span class="chip">{move || info.with(|info| info.as_ref().map(|info| length(info, app)))}</span>
            </div>
            <div class="text">
                <h2>{title}</h2>
                {move || info.get().map(|info| description(&info, app))}
            </div>
        </a>
    }
}

/// The poster of the server, or the logo when there is none or it does not load.
#[component]
fn Poster(info: Memo<Option<StreamInfo>>) -> impl IntoView {
    let app = use_app();
    let broken = RwSignal::new(false);
    let source = memo(move || {
        let path = info.with(|info| info.as_ref()?.poster.clone())?;
        Some(app.server_now()?.resolve(&path))
    });
    move || match source.get().filter(|_| !broken.get()) {
        Some(source) => {
            view! { <img src=source alt="" loading="lazy" on:error=move |_| broken.set(true) /> }
                .into_any()
        }
        None => view! { <span class="no-poster">{mark()}</span> }.into_any(),
    }
}

fn state_name(info: Option<&StreamInfo>) -> &'static str {
    match info.map(|info| &info.state) {
        Some(StreamState::Probing) | None => "probing",
        Some(StreamState::Idle) => "idle",
        Some(StreamState::Running) => "running",
        Some(StreamState::Failed { .. }) => "failed",
    }
}

fn length(info: &StreamInfo, app: App) -> String {
    let text = app.text();
    match (&info.state, info.duration) {
        (StreamState::Probing, _) => text.probing.to_owned(),
        (StreamState::Failed { .. }, _) => text.cannot_play.to_owned(),
        (_, Some(seconds)) => (text.looped)(&duration(seconds, app.lang.get())),
        (_, None) => text.live.to_owned(),
    }
}

fn description(info: &StreamInfo, app: App) -> AnyView {
    let text = app.text();
    if let StreamState::Failed { code, .. } = &info.state {
        return view! { <p class="small bad">{code_sentence(*code, app.lang.get())}</p> }
            .into_any();
    }
    let chips = chips(info, text, app.lang.get());
    let watching = (text.viewers)(info.viewers);
    view! {
        <div class="row">
            {chips.into_iter().map(|chip| view! { <span class="chip">{chip}</span> }).collect_view()}
        </div>
        <p class="small quiet">{watching}</p>
    }
    .into_any()
}

//! All streams of the server.

use crate::hooks::derived::memo;
use crate::hooks::language::{Language, use_language};
use leptos::prelude::*;
use shared::api::{StreamInfo, StreamState};

use crate::components::copy_button::CopyButton;
use crate::components::icon::mark;
use crate::components::load_status::{LoadError, Loading, NoServer, StaleNotice};
use crate::components::reactive::{keyed_list, no_view, reactive_text, reactive_view};
use crate::hooks::server::use_server;
use crate::hooks::streams::{Streams, use_streams};
use crate::hooks::window::use_title;
use crate::i18n::describe::chips;
use crate::i18n::error::code_sentence;
use crate::i18n::format::duration;
use crate::state::gallery::{GalleryOrder, SEARCH_FROM};
use crate::state::remote::RemoteData;
use crate::state::route::Route;

/// Starts a server with a folder of videos (README).
const COMMAND: &str = "cargo xtask run -- ~/Videos";

/// The layout of the page, so that a change of one stream does not render the whole page again.
#[derive(Clone, PartialEq)]
enum Layout {
    NoServer,
    Loading,
    Failed(crate::http::HttpError),
    Empty,
    Streams,
}

#[component]
pub(crate) fn Gallery() -> impl IntoView {
    let server = use_server();
    let language = use_language();
    use_title(String::new);
    let list = use_streams();
    let layout = memo(move || {
        if server.is_missing() {
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
    let count = memo(move || {
        list.value
            .with(|list| list.value().map_or(0, |list| list.streams.len()))
    });
    let lost = memo(move || {
        list.value
            .with(|list| matches!(list, RemoteData::Stale(..)))
    });
    let order = memo(move || {
        let search = list.search.get();
        list.value.with(|list| {
            list.value()
                .map(|list| GalleryOrder::new(&list.streams, &search))
                .unwrap_or_default()
        })
    });
    let summary = reactive_text(move || {
        let found = order.with(|order| order.playable.len() + order.broken.len());
        match (layout.get() == Layout::Streams, found == count.get()) {
            (false, _) => String::new(),
            (true, true) => (language.text().stream_count)(found as u32),
            (true, false) => (language.text().streams_found)(found, count.get()),
        }
    });
    let search = reactive_view(move || match count.get() >= SEARCH_FROM {
        true => search_field(language, list),
        false => no_view(),
    });
    let stale = reactive_view(move || match lost.get() {
        true => view! { <StaleNotice /> }.into_any(),
        false => no_view(),
    });
    view! {
        <main class="page" id="main">
            <div class="row between">
                <div class="grow">
                    <h1>{language.localized(|text| text.streams)}</h1>
                    <p class="quiet small" role="status">{summary}</p>
                </div>
                {search}
                {go_live(language)}
            </div>
            {stale}
            {move || match layout.get() {
                Layout::NoServer => view! { <NoServer /> }.into_any(),
                Layout::Loading => view! { <Loading /> }.into_any(),
                Layout::Failed(error) => view! { <LoadError error retry=move |()| list.reload() /> }.into_any(),
                Layout::Empty => empty(language),
                Layout::Streams => groups(language, list, order),
            }}
        </main>
    }
}

fn search_field(language: Language, list: Streams) -> AnyView {
    view! {
        <input
            id="search"
            class="field search"
            type="search"
            autocomplete="off"
            placeholder=language.text().search
            aria-label=language.text().search
            prop:value=list.search
            on:input=move |event| list.search.set(event_target_value(&event))
        />
    }
    .into_any()
}

/// What can be watched, then what cannot.
fn groups(language: Language, list: Streams, order: Memo<GalleryOrder>) -> AnyView {
    let playable = move || order.with(|order| order.playable.clone());
    let broken = move || order.with(|order| order.broken.clone());
    view! {
        <div id="streams" class="column">
            <ul class="gallery">{keyed_list(playable, move |name| view! { <li><Card name list /></li> }.into_any())}</ul>
            <h2>{reactive_text(move || language.text().broken.to_owned())}</h2>
            <ul class="broken quiet small">{keyed_list(broken, move |name| broken_line(language, list, name))}</ul>
        </div>
    }
    .into_any()
}

fn empty(language: Language) -> AnyView {
    view! {
        <section class="state card" data-state="empty">
            <h2>{language.localized(|text| text.no_streams)}</h2>
            <p class="quiet">{language.localized(|text| text.no_streams_text)}</p>
            <div class="row">
                <code class="command mono">{COMMAND}</code>
                <CopyButton
                    id="copy-command"
                    text=Signal::derive(|| COMMAND.to_owned())
                    label=Signal::derive(move || language.text().copy)
                />
            </div>
        </section>
    }
    .into_any()
}

fn go_live(language: Language) -> AnyView {
    let label = reactive_text(move || language.publish().title.to_owned());
    view! { <a class="button plain" id="go-live-link" href="#/go">{label}</a> }.into_any()
}

/// A file that cannot be played, and why.
fn broken_line(language: Language, list: Streams, name: String) -> AnyView {
    let info = list.stream(name.clone());
    let reason = reactive_text(move || {
        info.with(|info| match info.as_ref().map(|info| &info.state) {
            Some(StreamState::Failed { code, .. }) => {
                code_sentence(*code, language.get()).to_owned()
            }
            _ => String::new(),
        })
    });
    let address = Route::Watch(name.clone()).to_string();
    let shown = name.clone();
    view! { <li data-stream=name data-state="failed"><a href=address>{shown}</a> " " {reason}</li> }
        .into_any()
}

/// One stream. It reads its properties from the list, so the card stays while they change.
#[component]
fn Card(name: String, list: Streams) -> impl IntoView {
    let language = use_language();
    let info = list.stream(name.clone());
    let address = Route::Watch(name.clone()).to_string();
    let title = name.clone();
    let chip = reactive_text(move || {
        info.with(|info| {
            info.as_ref()
                .map(|info| length(info, language))
                .unwrap_or_default()
        })
    });
    let described = reactive_view(move || match info.get() {
        Some(info) => description(&info, language),
        None => no_view(),
    });
    view! {
        <a class="card stream" href=address title=name.clone() data-stream=name.clone() data-state=move || info.with(|info| state_name(info.as_ref()))>
            <div class="poster">
                <Poster info />
                <span class="chip">{chip}</span>
            </div>
            <div class="text">
                <h2>{title}</h2>
                {described}
            </div>
        </a>
    }
}
/// The poster of the server, or the logo when there is none or it does not load.
#[component]
fn Poster(info: Memo<Option<StreamInfo>>) -> impl IntoView {
    let server = use_server();
    let broken = RwSignal::new(false);
    let source = memo(move || {
        let path = info.with(|info| info.as_ref()?.poster.clone())?;
        Some(server.get()?.resolve(&path))
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
    info.map_or("probing", |info| info.state.name())
}

fn length(info: &StreamInfo, language: Language) -> String {
    let text = language.text();
    match (&info.state, info.duration) {
        (StreamState::Probing, _) => text.probing.to_owned(),
        (StreamState::Failed { .. }, _) => text.cannot_play.to_owned(),
        (StreamState::Waiting { .. }, _) => text.not_live_yet.to_owned(),
        (StreamState::Interrupted { .. }, _) => text.interrupted.to_owned(),
        (StreamState::Ended { .. }, _) => text.over.to_owned(),
        (_, Some(seconds)) => (text.looped)(&duration(seconds, language.get())),
        (_, None) => text.live.to_owned(),
    }
}

fn description(info: &StreamInfo, language: Language) -> AnyView {
    let text = language.text();
    let chips = chips(info, text, language.get()).into_iter();
    let chips = chips.map(|chip| view! { <span class="chip">{chip}</span> }.into_any());
    let watching = (text.viewers)(info.viewers);
    view! {
        <div class="row">
            {chips.collect::<Vec<_>>()}
        </div>
        <p class="small quiet">{watching}</p>
    }
    .into_any()
}

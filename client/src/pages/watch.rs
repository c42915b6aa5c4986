//! One stream: the player, how it is sent and why, and statistics.

use crate::components::reactive::reactive_text;
use crate::hooks::derived::{effect, memo};
use crate::hooks::language::use_language;
use leptos::prelude::*;
use shared::api::{StreamInfo, StreamState};

use crate::components::delivery::Delivery;
use crate::components::player::VideoPlayer;
use crate::components::share_sheet::share_button;
use crate::components::stream_chooser::StreamChooser;
use crate::hooks::one_stream::use_one_stream;
use crate::hooks::player::use_player;
use crate::hooks::server::{ServerChoice, use_server};
use crate::hooks::share_link::stream_link;
use crate::hooks::streams::use_streams;
use crate::hooks::window::use_title;
use crate::i18n::describe::tracks;
use crate::i18n::format::duration;
use crate::rtc::timer::wall_ms;
use crate::state::gallery::is_live;
use crate::state::route::Route;
use crate::state::wanted::wanted_kinds;

#[component]
pub(crate) fn Watch(name: String) -> impl IntoView {
    let server = use_server();
    let language = use_language();
    let title = name.clone();
    use_title(move || title.clone());
    let streams = use_streams();
    let info = streams.stream(name.clone());
    let player = use_player(name.clone());
    start_when_server_is_known(server, player);

    // This viewer counts: update the number of viewers.
    effect(move || {
        if player.shown.get() {
            streams.refresh();
        }
    });

    let on_air = memo(move || info.with(|info| info.as_ref().is_some_and(is_live)));
    effect(move || {
        if on_air.get() {
            player.on_live();
        }
    });

    let kinds = memo(move || {
        info.with(|info| {
            let info = info.as_ref()?;
            let known = info.video.is_some() || info.audio.is_some();
            known.then(|| wanted_kinds(Some(info)))
        })
    });
    effect(move || {
        if let Some(kinds) = kinds.get() {
            player.on_kinds(kinds);
        }
    });

    let inset = memo(move || {
        let codec = |info: &StreamInfo| Some(info.inset.as_ref()?.codec.clone());
        info.with(|info| info.as_ref().and_then(codec))
    });
    effect(move || player.on_inset(inset.with(Option::is_some)));

    let received = memo(move || player.figures.with(|figures| figures.video_codec.clone()));
    let tracks = memo(move || {
        let received = received.get();
        let lacking = player.inset_lacking.get();
        let tracks = |info: &StreamInfo| tracks(info, received.as_deref(), lacking, language.get());
        info.with(|info| info.as_ref().map(tracks).unwrap_or_default())
    });
    let viewers = move || {
        info.with(|info| {
            info.as_ref()
                .map(|info| (language.text().viewers)(info.viewers))
        })
    };
    // Its age is that of the newest figures.
    let age = reactive_text(move || {
        player.figures.track();
        info.with(|info| match info.as_ref().map(|info| &info.state) {
            Some(StreamState::Interrupted { .. }) => language.text().interrupted.to_owned(),
            Some(StreamState::Live { since }) => {
                let passed = (wall_ms() / 1_000).saturating_sub(*since);
                let age = duration(passed as f64, language.get());
                format!("{} {age}", language.text().live)
            }
            _ => String::new(),
        })
    });
    let shown = name.clone();
    let link = name.clone();
    let heading = name.clone();
    let link = Signal::derive(move || stream_link(server, &link, false));
    let share = share_button("button", name.clone(), link);
    let canvas = Route::Canvas(Some(name.clone())).to_string();
    let embed = Route::Embed(Some(name)).to_string();
    view! {
        <main class="page" id="main">
            <div class="watch">
                <section class="column">
                    <VideoPlayer player name=shown audio_only=audio_only(info) poster=poster(server, info) />
                    <div>
                        <h1>{heading}</h1>
                        <p class="quiet small"><b id="live">{age}</b> " " <span id="viewers">{move || viewers()}</span></p>
                        <Delivery tracks />
                    </div>
                    <div class="row">
                        {share}
                        <a class="button plain" href=embed>{language.localized(|text| text.embed_code)}</a>
                        <a class="button plain" href=canvas>{language.localized(|text| text.open_in_canvas)}</a>
                    </div>
                </section>
            </div>
        </main>
    }
}

/// The player alone, for an iframe on another site.
#[component]
pub(crate) fn Embedded(name: String) -> impl IntoView {
    let server = use_server();
    let title = name.clone();
    use_title(move || title.clone());
    let player = use_player(name.clone());
    let info = use_one_stream(name.clone(), player.shown);
    start_when_server_is_known(server, player);
    view! {
        <main class="embedded" id="main">
            <VideoPlayer player name audio_only=audio_only(info) poster=poster(server, info) muted=true />
        </main>
    }
}

/// The same without a name: the first stream.
#[component]
pub(crate) fn EmbeddedFirst() -> impl IntoView {
    view! {
        <StreamChooser
            name=None
            with_video=false
            page=|_| Route::Gallery
            none=|text| text.no_streams_embed
            show=|name| view! { <Embedded name /> }.into_any()
        />
    }
}

/// Starts playing as soon as the server is known.
fn start_when_server_is_known(server: ServerChoice, player: crate::hooks::player::Player) {
    Effect::new(move |begun: Option<bool>| {
        let found = server.is_decided();
        if found && begun != Some(true) {
            player.start();
        }
        found
    });
}

fn audio_only(info: Memo<Option<StreamInfo>>) -> Memo<bool> {
    memo(move || info.with(|info| info.is_some() && wanted_kinds(info.as_ref()) == ["audio"]))
}

fn poster(server: ServerChoice, info: Memo<Option<StreamInfo>>) -> Signal<Option<String>> {
    let path = memo(move || info.with(|info| info.as_ref().and_then(|info| info.poster.clone())));
    Signal::derive(move || Some(server.get()?.resolve(&path.get()?)))
}

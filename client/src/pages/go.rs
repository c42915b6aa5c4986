//! The page to publish from: a preview, what to send and where, and how it goes.

use leptos::prelude::*;

use crate::components::publish_panel::{level_meter, uplink_panel};
use crate::components::publish_setup::{capture_setup, target_form};
use crate::components::publish_stage::{capture_notice, publish_stage};
use crate::components::reactive::{button, no_view, reactive_text, reactive_view};
use crate::components::share_sheet::share_button;
use crate::hooks::derived::memo;
use crate::hooks::language::{Language, use_language};
use crate::hooks::publisher::{Publisher, use_publisher};
use crate::hooks::server::{ServerChoice, use_server};
use crate::hooks::share_link::stream_link;
use crate::hooks::wake_lock::use_wake_lock;
use crate::hooks::window::use_title;
use crate::state::publish::PublishPhase;
use crate::state::route::Route;
use crate::state::server::Server;

pub(crate) fn go_page(server: Server, name: Option<String>) -> AnyView {
    let language = use_language();
    use_title(move || language.publish().title.to_owned());
    let publisher = use_publisher(server, name);
    let server = use_server();
    let publishing = memo(move || publisher.phase.with(PublishPhase::is_publishing));
    let stays_on = use_wake_lock(publishing);
    let side = reactive_view(move || match publishing.get() {
        true => uplink_panel(publisher, language),
        false => target_form(publisher, language),
    });
    let title = reactive_text(move || language.publish().title.to_owned());
    let intro = reactive_text(move || language.publish().intro.to_owned());
    let keep_on = reactive_text(move || match stays_on.get() {
        true => language.publish().keep_screen_on.to_owned(),
        false => String::new(),
    });
    view! {
        <main class="page" id="main">
            <div>
                <h1>{title}</h1>
                <p class="quiet small">{intro}</p>
            </div>
            <div class="watch">
                <section class="column">
                    {publish_stage(publisher, language)}
                    {capture_notice(publisher, language)}
                    {level_meter(publisher, language)}
                    {actions(language, server, publisher, publishing)}
                    <p class="small quiet">{keep_on}</p>
                </section>
                <aside class="column">
                    {side}
                    <div class="card form" id="setup">{capture_setup(publisher, language)}</div>
                </aside>
            </div>
        </main>
    }
    .into_any()
}

fn actions(
    language: Language,
    server: ServerChoice,
    publisher: Publisher,
    publishing: Memo<bool>,
) -> AnyView {
    let has_media = memo(move || publisher.media.with(Option::is_some));
    let audible = memo(move || {
        publisher.media.with(|media| {
            media
                .as_ref()
                .is_some_and(|media| media.get_audio_tracks().length() > 0)
        })
    });
    let main = reactive_view(move || match (publishing.get(), has_media.get()) {
        (true, _) => {
            let label = label(language, |own| own.stop);
            button("button", "stop", label, move || publisher.stop())
        }
        (false, true) => {
            let label = label(language, |own| own.go_live);
            view! { <button type="submit" form="target" class="button" id="go-live">{label}</button> }
                .into_any()
        }
        (false, false) => no_view(),
    });
    let mute = reactive_view(move || match audible.get() {
        true => {
            let label = reactive_text(move || {
                let own = language.publish();
                let label = if publisher.muted.get() {
                    own.unmute
                } else {
                    own.mute
                };
                label.to_owned()
            });
            button("button plain", "mute", label, move || {
                publisher.toggle_muted()
            })
        }
        false => no_view(),
    });
    let share = reactive_view(move || match publishing.get() {
        true => links(language, server, publisher),
        false => no_view(),
    });
    view! { <div class="row">{main} {mute} {share}</div> }.into_any()
}

fn label(
    language: Language,
    read: fn(&'static crate::i18n::publish::PublishText) -> &'static str,
) -> crate::components::reactive::ReactiveText {
    reactive_text(move || read(language.publish()).to_owned())
}

/// For those who watch.
fn links(language: Language, server: ServerChoice, publisher: Publisher) -> AnyView {
    let name = publisher.name.get_untracked();
    let watch = Route::Watch(name.clone()).to_string();
    view! {
        {share_button("button plain", name.clone(), Signal::derive(move || stream_link(server, &name, false)))}
        <a class="button plain" href=watch target="_blank">{label(language, |own| own.watch)}</a>
    }
    .into_any()
}

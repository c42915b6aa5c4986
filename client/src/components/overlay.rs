//! What stands over the film while there is none: what happened, why, and the next step as a button.

use super::parts::press;
use crate::hooks::derived::memo;
use leptos::html;
use leptos::prelude::*;

use super::icon::{Icon, icon};
use super::sound::{Sound, play};
use super::words;
use crate::hooks::app::use_app;
use crate::hooks::player::Player;
use crate::state::session::{Phase, RetryCause};

/// Which overlay a phase has; countdowns and figures change without a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Nothing,
    Start,
    Busy,
    /// Waiting to try again.
    Lost,
    Ended,
    Failed,
    Blocked,
    /// Playing without sound, not by choice.
    Unmute,
}

#[component]
pub(crate) fn Overlay(player: Player, sound: Sound, video: NodeRef<html::Video>) -> impl IntoView {
    let app = use_app();
    let over = memo(move || {
        player.phase.with(|phase| match phase {
            Phase::Stopped => Over::Start,
            Phase::Playing | Phase::Unsteady if sound.blocked.get() => Over::Blocked,
            Phase::Playing if !player.shown.get() => Over::Busy,
            Phase::Playing if sound.silenced.get() => Over::Unmute,
            Phase::Playing | Phase::Unsteady => Over::Nothing,
            Phase::Connecting | Phase::Restarting | Phase::Closed => Over::Busy,
            Phase::Waiting { .. } | Phase::Reconnecting { .. } => Over::Lost,
            Phase::Ended => Over::Ended,
            Phase::Failed(_) => Over::Failed,
        })
    });
    let unreachable = move || {
        player.phase.with(|phase| {
            matches!(
                phase,
                Phase::Waiting {
                    cause: RetryCause::Unreachable,
                    ..
                } | Phase::Reconnecting {
                    cause: RetryCause::Unreachable
                }
            )
        })
    };
    let title = move || {
        player
            .phase
            .with(|phase| words::state(phase, false, None, player.clock.get(), app.text()))
    };
    let why = move || player.phase.with(|phase| words::reason(phase, app.text()));
    let again = move |id: &'static str, label: fn(&'static crate::i18n::Text) -> &'static str| {
        view! { <button id=id class="button" on:click=press(move || player.start())>{move || label(app.text())}</button> }
    };
    let elsewhere = move || {
        (!app.embedded).then(
            || view! { <a class="button plain" href="#/">{app.say(|text| text.to_streams)}</a> },
        )
    };
    let message = move |steps: AnyView| {
        view! {
            <div class="overlay message">
                <p class="title tabular">{move || title()}</p>
                <p id="why">{move || why()}</p>
                <div class="row">{steps}</div>
            </div>
        }
        .into_any()
    };
    move || {
        match over.get() {
        Over::Nothing => ().into_any(),
        Over::Busy => view! { <div class="overlay"><i class="spinner large"></i></div> }.into_any(),
        Over::Start => view! {
            <div class="overlay">
                <button id="start" class="big" aria-label=app.say(|text| text.start) on:click=press(move || player.start())>
                    {icon(Icon::Play)}
                </button>
            </div>
        }
        .into_any(),
        Over::Blocked => view! {
            <div class="overlay message">
                <button
                    id="start"
                    class="big"
                    aria-label=app.say(|text| text.start)
                    on:click=press(move || if let Some(video) = video.get_untracked() { play(video, sound) })
                >
                    {icon(Icon::Play)}
                </button>
                <p>{app.say(|text| text.blocked)}</p>
            </div>
        }
        .into_any(),
        Over::Unmute => view! {
            <button id="unmute" class="button unmute" on:click=press(move || sound.toggle(video))>
                {icon(Icon::Silent)} {app.say(|text| text.unmute)}
            </button>
        }
        .into_any(),
        Over::Lost => message(
            view! {
                {again("try-now", |text| text.try_now)}
                <Show when=move || unreachable() && !app.embedded>
                    <a class="button plain" href="#/settings">{move || app.common().change_server}</a>
                </Show>
            }
            .into_any(),
        ),
        Over::Ended => message(view! { {again("watch-again", |text| text.watch_again)} {elsewhere()} }.into_any()),
        Over::Failed => message(view! { {again("try-again", |text| text.try_again)} {elsewhere()} }.into_any()),
    }
    }
}

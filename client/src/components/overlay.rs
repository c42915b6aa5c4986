//! Shown over the video while it does not play: what happened, why, and the next step as a button.

use super::reactive::click_handler;
use crate::hooks::derived::memo;
use crate::hooks::language::use_language;
use leptos::html;
use leptos::prelude::*;

use super::audio::{AudioControl, play};
use super::copy_button::CopyButton;
use super::details::Details;
use super::diagnostics::diagnostics;
use super::icon::{Icon, icon};
use super::page_link::page_link;
use super::phase_text;
use crate::hooks::player::Player;
use crate::hooks::server::use_server;
use crate::state::session::{Failure, Phase, RetryCause};

/// The kind of overlay for a phase; countdowns do not create a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OverlayKind {
    Nothing,
    Start,
    Busy,
    /// Nothing comes from the publisher.
    BackSoon,
    /// Waiting to reconnect.
    Lost,
    Ended,
    Upcoming,
    /// The server has no such stream.
    Missing,
    Failed,
    Blocked,
    /// Playing muted because of the autoplay policy.
    Unmute,
}

/// Over a picture that is awaited.
pub(crate) fn spinner() -> AnyView {
    view! { <div class="overlay"><i class="spinner large"></i></div> }.into_any()
}

#[component]
pub(crate) fn Overlay(
    player: Player,
    stream: String,
    audio: AudioControl,
    video: NodeRef<html::Video>,
) -> impl IntoView {
    let server = use_server();
    let language = use_language();
    let over = memo(move || {
        player.phase.with(|phase| match phase {
            Phase::Stopped => OverlayKind::Start,
            _ if player.is_interrupted() => OverlayKind::BackSoon,
            Phase::Playing | Phase::Unsteady if audio.autoplay_blocked.get() => {
                OverlayKind::Blocked
            }
            Phase::Playing if !player.shown.get() => OverlayKind::Busy,
            Phase::Playing | Phase::Unsteady if player.still.get() => OverlayKind::Busy,
            Phase::Playing if audio.autoplay_muted.get() => OverlayKind::Unmute,
            Phase::Playing | Phase::Unsteady => OverlayKind::Nothing,
            Phase::Connecting | Phase::Restarting | Phase::Closed => OverlayKind::Busy,
            Phase::Waiting { .. } | Phase::Reconnecting { .. } => OverlayKind::Lost,
            Phase::Ended => OverlayKind::Ended,
            Phase::Upcoming => OverlayKind::Upcoming,
            Phase::Failed(Failure::NotFound(_)) => OverlayKind::Missing,
            Phase::Failed(_) => OverlayKind::Failed,
        })
    });
    let unreachable = memo(move || {
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
    });
    let title = move || {
        if let Some(text) = phase_text::back_soon(player, language) {
            return text;
        }
        player.phase.with(|phase| {
            phase_text::status(phase, false, None, player.clock.get(), language.text())
        })
    };
    let why = move || match player.is_interrupted() {
        true => Some(language.text().back_soon_text),
        false => player
            .phase
            .with(|phase| phase_text::reason(phase, language.get())),
    };
    let details = memo(move || player.phase.with(phase_text::details));
    let start_button =
        move |id: &'static str,
              class: &'static str,
              label: fn(&'static crate::i18n::Text) -> &'static str| {
            view! { <button id=id class=class on:click=click_handler(move || player.start())>{move || label(language.text())}</button> }
        };
    let all_streams =
        move |class: &'static str| page_link("#/", class, |language| language.text().all_streams);
    let report = move || {
        let stream = stream.clone();
        view! {
            <CopyButton
                id="copy-problem"
                text=Signal::derive(move || diagnostics(server, &stream, player))
                label=Signal::derive(move || language.text().copy_problem)
            />
        }
    };
    let message = move |steps: AnyView| {
        view! {
            <div class="overlay message">
                <p class="title tabular">{move || title()}</p>
                <p class="reason" id="reason">{move || why()}</p>
                <Details text=details />
                <div class="row">{steps}</div>
            </div>
        }
        .into_any()
    };
    move || {
        match over.get() {
        OverlayKind::Nothing => ().into_any(),
        OverlayKind::Busy => spinner(),
        OverlayKind::Start => view! {
            <div class="overlay">
                <button id="start" class="play-button" aria-label=language.localized(|text| text.play) on:click=click_handler(move || player.start())>
                    {icon(Icon::Play)}
                </button>
            </div>
        }
        .into_any(),
        OverlayKind::Blocked => view! {
            <div class="overlay message">
                <button
                    id="start"
                    class="play-button"
                    aria-label=language.localized(|text| text.play)
                    on:click=click_handler(move || if let Some(video) = video.get_untracked() { play(video, audio) })
                >
                    {icon(Icon::Play)}
                </button>
                <p>{language.localized(|text| text.autoplay_blocked)}</p>
            </div>
        }
        .into_any(),
        OverlayKind::Unmute => view! {
            <button id="unmute" class="button unmute" on:click=click_handler(move || audio.toggle_mute(video))>
                {icon(Icon::SpeakerOff)} {language.localized(|text| text.unmute)}
            </button>
        }
        .into_any(),
        OverlayKind::Lost => message(
            view! {
                <i class="spinner"></i>
                {start_button("try-now", "button", |text| text.try_now)}
                {move || unreachable.get().then(|| page_link("#/settings", "button plain", |language| language.common().change_server))}
                {report()}
            }
            .into_any(),
        ),
        OverlayKind::BackSoon => message(().into_any()),
        OverlayKind::Upcoming => message(view! { <i class="spinner"></i> {all_streams("button plain")} }.into_any()),
        OverlayKind::Ended => message(view! { {start_button("watch-again", "button", |text| text.watch_again)} {all_streams("button plain")} }.into_any()),
        // Nobody expects that a stream which does not exist appears.
        OverlayKind::Missing => message(view! { {all_streams("button")} {start_button("try-again", "button plain", |text| text.try_again)} }.into_any()),
        OverlayKind::Failed => message(
            view! {
                {start_button("try-again", "button", |text| text.try_again)}
                {all_streams("button plain")}
                {report()}
            }
            .into_any(),
        ),
    }
    }
}

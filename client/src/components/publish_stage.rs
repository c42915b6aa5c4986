//! What a publisher sends, as a person sees it before and while it is sent; and what keeps it from being sent, with a button.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::MediaStream;

use super::details::Details;
use super::reactive::{button, click_handler, no_view, reactive_text, reactive_view};
use crate::hooks::derived::{effect, memo};
use crate::hooks::language::Language;
use crate::hooks::publisher::Publisher;
use crate::i18n::format::duration;
use crate::i18n::publish::PublishText;
use crate::i18n::publish::describe::{blocked, cause, details, problem, status};
use crate::state::capture::{CaptureProblem, Source};
use crate::state::publish::{Blocked, PublishPhase};
use shared::api::ErrorCode;

pub(crate) fn publish_stage(publisher: Publisher, language: Language) -> AnyView {
    let video = NodeRef::<html::Video>::new();
    effect(move || {
        let media = publisher.media.get();
        if let Some(video) = video.get() {
            video.set_src_object(media.as_ref());
        }
    });
    let inset = reactive_view(move || {
        let inset = publisher
            .media
            .with(|media| media.as_ref().and_then(inset_stream));
        match inset {
            Some(inset) => preview_inset(inset),
            None => no_view(),
        }
    });
    let state = move || publisher.phase.with(PublishPhase::as_str);
    // A camera is a mirror.
    let mirrored = move || publisher.sent_source() == Source::Camera;
    let line = memo(move || {
        let since = publisher.live_since.get();
        let seconds = since.map_or(0, |since| {
            publisher.clock.get().saturating_sub(since) / 1_000
        });
        let live = duration(seconds as f64, language.get());
        let left = publisher.seconds_left();
        publisher
            .phase
            .with(|phase| status(phase, &live, left, language.get()))
    });
    let shows_line =
        memo(move || publisher.media.with(Option::is_some) && !line.with(String::is_empty));
    let status_line = reactive_view(move || {
        match shows_line.get() {
        true => view! {
            <span class="chip state-line" aria-hidden="true">
                <i class="dot" class:ok=move || state() == "live" class:warn=move || matches!(state(), "weak" | "recovering")></i>
                <span id="state">{reactive_text(move || line.get())}</span>
            </span>
        }
        .into_any(),
        false => no_view(),
    }
    });
    // Read out when it changes, and not every second.
    let spoken = memo(move || {
        publisher
            .phase
            .with(|phase| status(phase, "", None, language.get()))
    });
    view! {
        <div class="player stage" id="stage" data-state=move || state()>
            <video node_ref=video class:mirrored=mirrored autoplay playsinline muted prop:muted=true></video>
            {inset}
            {status_line}
            <span class="visually-hidden" role="status">{reactive_text(move || spoken.get())}</span>
            {overlay(publisher, language)}
        </div>
    }
    .into_any()
}

/// The second picture that is sent, as a stream of its own.
fn inset_stream(media: &MediaStream) -> Option<MediaStream> {
    let track = media.get_video_tracks().get(1).dyn_into().ok()?;
    let stream = MediaStream::new().ok()?;
    stream.add_track(&track);
    Some(stream)
}

/// Where viewers see it at first.
fn preview_inset(inset: MediaStream) -> AnyView {
    let video = NodeRef::<html::Video>::new();
    let inset = StoredValue::new_local(inset);
    effect(move || {
        if let Some(video) = video.get() {
            inset.with_value(|inset| video.set_src_object(Some(inset)));
        }
    });
    view! {
        <div class="inset" style="--x: 970; --y: 800">
            <video node_ref=video class="mirrored" autoplay playsinline muted prop:muted=true></video>
        </div>
    }
    .into_any()
}

/// What stands over the picture, or in its place.
#[derive(Clone, PartialEq)]
enum Message {
    None,
    Idle,
    Asking,
    Stopped,
    Recovering(&'static str),
    Blocked(Blocked),
}

fn overlay(publisher: Publisher, language: Language) -> AnyView {
    let message = memo(move || {
        publisher.phase.with(|phase| match phase {
            PublishPhase::Idle => Message::Idle,
            PublishPhase::Asking => Message::Asking,
            PublishPhase::Stopped => Message::Stopped,
            PublishPhase::Recovering { cause: why, .. } => {
                Message::Recovering(cause(why, language.get()))
            }
            PublishPhase::Blocked(why) => Message::Blocked(why.clone()),
            _ => Message::None,
        })
    });
    let shown = reactive_view(move || {
        let own = language.publish();
        match message.get() {
            Message::None => no_view(),
            Message::Idle => notice(
                publisher,
                "",
                own.nothing_sent,
                capture_button(publisher, turn_on(publisher, language)),
            ),
            Message::Asking => notice(
                publisher,
                own.asking,
                own.asking_text,
                capture_button(publisher, turn_on(publisher, language)),
            ),
            Message::Stopped => notice(
                publisher,
                own.stopped,
                own.stopped_text,
                capture_button(publisher, own.start_again),
            ),
            Message::Recovering(why) => {
                let now = move || publisher.try_now();
                let label = language.text().try_now;
                view! {
                    <div class="notice row recovering">
                        <span class="grow">{why}</span>
                        <button type="button" class="button plain" id="try-now" on:click=click_handler(now)>{label}</button>
                    </div>
                }
                .into_any()
            }
            Message::Blocked(why) => {
                let title = match why {
                    Blocked::Capture(_) | Blocked::Browser(_) => own.blocked,
                    _ => own.refused,
                };
                let text = blocked(&why, language.get());
                notice(publisher, title, text, way_out(publisher, language, &why))
            }
        }
    });
    view! { {shown} }.into_any()
}

fn notice(
    publisher: Publisher,
    title: &'static str,
    text: &'static str,
    action: AnyView,
) -> AnyView {
    let is_alert = publisher
        .phase
        .with_untracked(|phase| matches!(phase, PublishPhase::Blocked(_)));
    let said = publisher.phase.with_untracked(details);
    view! {
        <div class="overlay message" role=if is_alert { "alert" } else { "status" }>
            <p class="title">{title}</p>
            <p class="reason" id="reason">{text}</p>
            <div class="row">{action}</div>
            <Details text=said />
        </div>
    }
    .into_any()
}

/// What the button is called that turns on what was chosen.
pub(super) fn turn_on(publisher: Publisher, language: Language) -> &'static str {
    let own = language.publish();
    match publisher.choice.with(|choice| choice.source) {
        Source::Camera => own.turn_on_camera,
        Source::Microphone => own.turn_on_microphone,
        Source::Screen => own.choose_screen,
        Source::File => own.choose_file,
    }
}

/// A button that turns on what was chosen; of a file, the one that chooses it.
pub(super) fn capture_button(publisher: Publisher, label: &'static str) -> AnyView {
    let is_file = publisher
        .choice
        .with(|choice| choice.source == Source::File);
    if is_file {
        return file_button(publisher, label);
    }
    let label = reactive_text(move || label.to_owned());
    button("button", "turn-on", label, move || publisher.capture())
}

fn file_button(publisher: Publisher, label: &'static str) -> AnyView {
    let input = NodeRef::<html::Input>::new();
    let choose = move |_| {
        let files = input.get_untracked().and_then(|input| input.files());
        if let Some(file) = files.and_then(|files| files.get(0)) {
            publisher
                .choice
                .update(|choice| choice.source = Source::File);
            publisher.choose_file(file);
        }
    };
    view! {
        <label class="button file-button">
            {label}
            <input node_ref=input class="visually-hidden" id="file" type="file" accept="video/*,audio/*" on:change=choose />
        </label>
    }
    .into_any()
}

/// The button that leads on.
fn way_out(publisher: Publisher, language: Language, why: &Blocked) -> AnyView {
    let own = language.publish();
    let text = language.text();
    match why {
        Blocked::Capture(CaptureProblem::Insecure) => file_button(publisher, own.send_file),
        Blocked::Capture(CaptureProblem::NoScreen) => capture_button(publisher, own.choose_screen),
        Blocked::Capture(CaptureProblem::BadFile) => file_button(publisher, own.choose_file),
        Blocked::Capture(CaptureProblem::Ended) => capture_button(publisher, own.start_again),
        Blocked::Capture(_) => capture_button(publisher, text.try_again),
        Blocked::Refused(error) if error.code == ErrorCode::AlreadyLive => {
            let label = reactive_text(move || language.publish().take_over.to_owned());
            button("button", "take-over", label, move || publisher.take_over())
        }
        _ => {
            let label = reactive_text(move || language.text().try_again.to_owned());
            button("button", "try-again", label, move || publisher.go_live())
        }
    }
}

/// What could not be had while the stream goes on.
pub(crate) fn capture_notice(publisher: Publisher, language: Language) -> AnyView {
    let shown = reactive_view(move || match publisher.problem.get() {
        None => no_view(),
        Some(why) => {
            let own: &'static PublishText = language.publish();
            let text = (own.goes_on)(problem(why, own));
            view! { <p class="notice small" role="alert" id="capture-problem">{text}</p> }
                .into_any()
        }
    });
    view! { {shown} }.into_any()
}

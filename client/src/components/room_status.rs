//! States in which a room is not joined: each says what happened and what to do.

use leptos::prelude::*;
use shared::signaling::{ErrorCode, MAX_NAME, MAX_PASSWORD};

use super::composer::focus;
use super::reactive::{RoomText, button, no_view, reactive_text, reactive_view, room_text};
use crate::hooks::derived::effect;
use crate::hooks::language::{Language, use_language};
use crate::hooks::room::RoomHandle;
use crate::hooks::server::{ServerChoice, use_server};
use crate::hooks::settings::{SavedSettings, use_settings};
use crate::state::room::JoinState;
use crate::state::server::Server;

/// Asks for a name, then joins the room with it.
pub(crate) fn name_form(room: RoomHandle, done: impl Fn() + 'static) -> AnyView {
    let (language, settings) = (use_language(), use_settings());
    let refused = room.refused_name.get_untracked();
    let typed = room.wanted_name.get_untracked();
    let typed = typed.or_else(|| Some(refused.as_ref()?.1.clone()));
    let kept = || settings.with_untracked(|settings| settings.name.clone());
    let name = RwSignal::new(typed.or_else(kept).unwrap_or_default());
    let refused: Option<RoomText> = refused.map(|(code, _)| match code {
        ErrorCode::NameTaken => name_taken(),
        _ => bad_name(),
    });
    let wrong = RwSignal::new(refused);
    let join = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let name = name.get_untracked().trim().to_owned();
        let problem: Option<RoomText> = if name.is_empty() {
            Some(|text| text.need_name)
        } else if name.len() > MAX_NAME {
            Some(|text| text.too_long)
        } else {
            None
        };
        wrong.set(problem);
        if problem.is_none() {
            room.join(name);
            done();
        }
    };
    view! {
        <form class="form plain" on:submit=join novalidate>
            <label>
                <span>{move || language.common().your_name}</span>
                <input
                    id="name"
                    class="field"
                    type="text"
                    autocomplete="nickname"
                    spellcheck="false"
                    prop:value=name
                    on:input=move |event| name.set(event_target_value(&event))
                />
            </label>
            {reactive_view(move || wrong.get().map_or_else(no_view, |read| {
                view! { <p class="small bad" role="alert" id="name-error">{room_text(language, read)}</p> }.into_any()
            }))}
            <button class="button" type="submit" id="join">{room_text(language, |text| text.join)}</button>
        </form>
    }
    .into_any()
}

fn name_taken() -> RoomText {
    |text| text.name_taken
}

fn bad_name() -> RoomText {
    |text| text.bad_name
}

/// Asks for the room's password, then joins with it.
fn password_form(language: Language, room: RoomHandle) -> AnyView {
    let password = RwSignal::new(String::new());
    let too_long = RwSignal::new(false);
    // Once it is in the page.
    effect(|| focus("password"));
    let join = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let typed = password.get_untracked();
        too_long.set(typed.len() > MAX_PASSWORD);
        if typed.len() <= MAX_PASSWORD {
            room.join_with_password(&typed);
        }
    };
    view! {
        <form class="form plain" on:submit=join novalidate>
            <label>
                <span>{room_text(language, |text| text.password)}</span>
                <input
                    id="password"
                    class="field"
                    type="password"
                    autocomplete="one-time-code"
                    on:input=move |event| password.set(event_target_value(&event))
                />
            </label>
            <button class="button" type="submit" id="join">{room_text(language, |text| text.join)}</button>
            {reactive_view(move || match too_long.get() {
                false => no_view(),
                true => view! { <p class="small bad" role="alert">{room_text(language, |text| text.password_too_long)}</p> }.into_any(),
            })}
        </form>
    }
    .into_any()
}

/// Shown above the conversation while the room is not joined.
pub(crate) fn status_banner(room: RoomHandle) -> AnyView {
    let (language, settings, server) = (use_language(), use_settings(), use_server());
    reactive_view(move || match room.join_state.get() {
        JoinState::Joined | JoinState::Unnamed => no_view(),
        JoinState::Claiming | JoinState::Connecting => view! {
            <p class="notice calm row" role="status"><i class="spinner"></i> {room_text(language, |text| text.joining)}</p>
        }
        .into_any(),
        JoinState::Lost { retry_in, been_in } => view! {
            <div class="notice row between">
                <p role="status">{reactive_text(move || {
                    let text = language.room();
                    (if been_in { text.server_lost } else { text.server_away })(retry_in)
                })}</p>
                {button("button plain", "retry", reactive_text(move || language.room().try_now.to_owned()), move || room.retry())}
            </div>
        }
        .into_any(),
        JoinState::Elsewhere => view! {
            <section class="state" role="alert" data-state="elsewhere">
                <h2>{room_text(language, |text| text.open_elsewhere)}</h2>
                <p class="quiet" id="reason">{room_text(language, |text| text.replaced)}</p>
                <div class="row">{button("button", "rejoin", room_text(language, |text| text.continue_here), move || room.continue_here())} {other_room(language)}</div>
            </section>
        }
        .into_any(),
        JoinState::Refused { code, message } => refusal(language, settings, server, room, code, message),
        JoinState::Left => view! {
            <section class="state" data-state="left">
                <h2>{room_text(language, |text| text.left)}</h2>
                <p class="quiet">{room_text(language, |text| text.left_text)}</p>
                <div class="row">{button("button", "rejoin", room_text(language, |text| text.rejoin), move || rejoin(settings, room))} {other_room(language)}</div>
            </section>
        }
        .into_any(),
    })
    .into_any()
}

fn refusal(
    language: Language,
    settings: SavedSettings,
    server: ServerChoice,
    room: RoomHandle,
    code: ErrorCode,
    message: String,
) -> AnyView {
    let known: Option<RoomText> = match code {
        ErrorCode::BadName => Some(bad_name()),
        ErrorCode::BadRoomName => Some(|text| text.bad_room_name),
        ErrorCode::NameTaken => Some(name_taken()),
        ErrorCode::WrongPassword if room.has_password() => Some(|text| text.wrong_password),
        ErrorCode::WrongPassword => Some(|text| text.password_needed),
        ErrorCode::TooManyPasswords => Some(|text| text.too_many_passwords),
        ErrorCode::RoomFull => Some(|text| text.room_full),
        ErrorCode::ServerFull => Some(|text| text.server_full),
        ErrorCode::Version => Some(|text| text.version),
        _ => None,
    };
    let why = reactive_text(move || match (code, known) {
        (ErrorCode::ForeignOrigin, _) => {
            let origin = window().location().origin().unwrap_or_default();
            (language.room().foreign_origin)(&origin)
        }
        (ErrorCode::UnknownHost, _) => {
            let server = server.get();
            (language.room().unknown_host)(server.as_ref().map_or("", Server::host))
        }
        (_, Some(read)) => read(language.room()).to_owned(),
        (_, None) => message.clone(),
    });
    let way_out = match code {
        ErrorCode::BadName | ErrorCode::NameTaken => name_form(room, || {}),
        // The link below leads to the names of rooms.
        ErrorCode::BadRoomName => no_view(),
        ErrorCode::WrongPassword | ErrorCode::TooManyPasswords => password_form(language, room),
        ErrorCode::Version => button(
            "button",
            "reload",
            room_text(language, |text| text.reload),
            || {
                // If the reload fails, the page stays open.
                let _ = window().location().reload();
            },
        ),
        _ => button(
            "button",
            "rejoin",
            reactive_text(move || language.room().try_again.to_owned()),
            move || rejoin(settings, room),
        ),
    };
    view! {
        <section class="state" role="alert" data-state="refused">
            <h2>{room_text(language, |text| text.refused)}</h2>
            <p class="quiet" id="reason">{why}</p>
            {way_out}
            {other_room(language)}
        </section>
    }
    .into_any()
}

fn other_room(language: Language) -> AnyView {
    view! { <a class="button plain" href="#/rooms">{room_text(language, |text| text.other_room)}</a> }
        .into_any()
}

fn rejoin(settings: SavedSettings, room: RoomHandle) {
    if let Some(name) = settings.with_untracked(|settings| settings.name.clone()) {
        room.join(name);
    }
}

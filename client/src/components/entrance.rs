//! Every state of the link to a room that is not simply being in it: each says what happened and what to do.

use leptos::prelude::*;
use shared::signaling::{Code, MAX_NAME};

use super::parts::{Read, button, nothing, part, say, words};
use crate::hooks::app::App;
use crate::hooks::room::RoomHandle;
use crate::state::room::JoinState;

/// Asks for a name, then goes in with it.
pub(crate) fn name_form(app: App, room: RoomHandle, done: impl Fn() + 'static) -> AnyView {
    let name = RwSignal::new(
        app.settings
            .with_untracked(|settings| settings.name.clone())
            .unwrap_or_default(),
    );
    let wrong = RwSignal::new(None::<Read>);
    let join = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let name = name.get_untracked().trim().to_owned();
        let problem: Option<Read> = if name.is_empty() {
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
                <span>{move || app.common().your_name}</span>
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
            <button class="button" type="submit" id="join">{say(app, |text| text.join)}</button>
            {part(move || wrong.get().map_or_else(nothing, |read| {
                view! { <p class="small bad" role="alert">{say(app, read)}</p> }.into_any()
            }))}
        </form>
    }
    .into_any()
}

/// Stands over the conversation while the link is not up.
pub(crate) fn banner(app: App, room: RoomHandle) -> AnyView {
    part(move || match room.join_state.get() {
        JoinState::Joined | JoinState::Unnamed => nothing(),
        JoinState::Connecting => view! {
            <p class="notice calm row" role="status"><i class="spinner"></i> {say(app, |text| text.joining)}</p>
        }
        .into_any(),
        JoinState::Lost { retry_in } => view! {
            <div class="notice row between">
                <p role="status">{words(move || (app.room().lost)(retry_in))}</p>
                {button("button plain", "retry", words(move || app.room().try_now.to_owned()), move || room.retry())}
            </div>
        }
        .into_any(),
        JoinState::Refused { code, message } => refused(app, room, code, message),
        JoinState::Left => view! {
            <section class="state" data-state="left">
                <h2>{say(app, |text| text.left)}</h2>
                <p class="quiet">{say(app, |text| text.left_text)}</p>
                <div class="row">{button("button", "rejoin", say(app, |text| text.come_back), move || again(app, room))} {other_room(app)}</div>
            </section>
        }
        .into_any(),
    })
    .into_any()
}

fn refused(app: App, room: RoomHandle, code: Code, message: String) -> AnyView {
    let known: Option<Read> = match code {
        Code::BadName => Some(|text| text.bad_name),
        Code::NameTaken => Some(|text| text.name_taken),
        Code::RoomFull => Some(|text| text.room_full),
        Code::ServerFull => Some(|text| text.server_full),
        Code::Version => Some(|text| text.version),
        Code::Replaced => Some(|text| text.replaced),
        _ => None,
    };
    let why =
        words(move || known.map_or_else(|| message.clone(), |read| read(app.room()).to_owned()));
    let way_out = match code {
        Code::BadName | Code::NameTaken => name_form(app, room, || {}),
        Code::Version => button("button", "reload", say(app, |text| text.reload), || {
            // A page that cannot be loaded anew stays as it is.
            let _ = window().location().reload();
        }),
        Code::Replaced => button("button", "rejoin", say(app, |text| text.here), move || {
            again(app, room)
        }),
        _ => button(
            "button",
            "rejoin",
            words(move || app.room().try_again.to_owned()),
            move || again(app, room),
        ),
    };
    let heading: Read = if code == Code::Replaced {
        |text| text.elsewhere
    } else {
        |text| text.refused
    };
    view! {
        <section class="state" role="alert" data-state="refused">
            <h2>{say(app, heading)}</h2>
            <p class="quiet" id="why">{why}</p>
            {way_out}
            {other_room(app)}
        </section>
    }
    .into_any()
}

fn other_room(app: App) -> AnyView {
    view! { <a class="button plain" href="#/rooms">{say(app, |text| text.other_room)}</a> }
        .into_any()
}

fn again(app: App, room: RoomHandle) {
    if let Some(name) = app
        .settings
        .with_untracked(|settings| settings.name.clone())
    {
        room.join(name);
    }
}

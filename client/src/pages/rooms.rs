//! The lobby: chooses a room and a name.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::signaling::{MAX_NAME, MAX_PASSWORD, MAX_ROOM_NAME};

use crate::components::reactive::{
    ReactiveText, RoomText, button, no_view, reactive_text, reactive_view, room_text,
};
use crate::hooks::language::use_language;
use crate::hooks::open_room::use_open_room;
use crate::hooks::room_passwords::use_room_passwords;
use crate::hooks::route::go;
use crate::hooks::settings::use_settings;
use crate::hooks::visited::{VisitedRoom, confirm, forget, visited};
use crate::hooks::window::use_title;
use crate::state::room_name::random_room_name;
use crate::state::route::Route;
use crate::state::server::Server;

pub(crate) fn rooms_page(server: Server) -> AnyView {
    let server = StoredValue::new(server.base);
    let (settings, passwords, open) = (use_settings(), use_room_passwords(), use_open_room());
    let language = use_language();
    use_title(move || language.common().rooms.to_owned());
    let name = RwSignal::new(
        settings
            .with_untracked(|settings| settings.name.clone())
            .unwrap_or_default(),
    );
    let new_room = random_room_name(random());
    let room = RwSignal::new(new_room.clone());
    // Nobody is in a room whose name was just made; of others, the page does not know.
    let enter = reactive_text(move || {
        let is_new = room.with(|room| room.trim() == new_room);
        let text = language.room();
        (if is_new { text.create } else { text.join }).to_owned()
    });
    let password = RwSignal::new(String::new());
    let wrong = RwSignal::new(None::<RoomText>);
    let rooms = RwSignal::new(None::<Vec<VisitedRoom>>);
    // Lists the rooms, without the one that is forgotten.
    let list_rooms = move |forgotten: Option<String>| {
        let server = server.get_value();
        spawn_local(async move {
            if let Some(name) = forgotten {
                forget(&server, &name).await;
            }
            let found = visited(&server).await;
            let _ = rooms.try_set(Some(found));
        });
    };
    list_rooms(None);
    let join = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let (name, room) = (name.get_untracked(), room.get_untracked());
        let (name, room) = (name.trim(), room.trim());
        let problem: Option<RoomText> = if name.is_empty() {
            Some(|text| text.need_name)
        } else if room.is_empty() {
            Some(|text| text.need_room)
        } else if name.len() > MAX_NAME || room.len() > MAX_ROOM_NAME {
            Some(|text| text.too_long)
        } else if password.with_untracked(String::len) > MAX_PASSWORD {
            Some(|text| text.password_too_long)
        } else {
            None
        };
        wrong.set(problem);
        if problem.is_none() {
            settings.update(|settings| settings.name = Some(name.to_owned()));
            let password = password.get_untracked();
            server.with_value(|server| passwords.save(server, room, &password));
            go(&Route::Room(room.to_owned()));
        }
    };
    let field = move |id: &'static str,
                      label: ReactiveText,
                      hint: ReactiveText,
                      value: RwSignal<String>| {
        view! {
            <label>
                <span>{label}</span>
                <input
                    id=id
                    class="field"
                    type=if id == "password" { "password" } else { "text" }
                    autocomplete=match id {
                        "name" => "nickname",
                        // Not a login, which a password manager would fill in.
                        "password" => "new-password",
                        _ => "off",
                    }
                    spellcheck="false"
                    prop:value=value
                    on:input=move |event| {
                        value.set(event_target_value(&event));
                        wrong.set(None);
                    }
                />
                <span class="small quiet">{hint}</span>
            </label>
        }
        .into_any()
    };
    let list = reactive_view(move || {
        let Some(rooms_now) = rooms.get() else {
            return no_view();
        };
        if rooms_now.is_empty() {
            return view! { <p class="quiet small">{room_text(language, |text| text.no_recent_rooms)}</p> }
                .into_any();
        }
        let lines = rooms_now
            .into_iter()
            .map(|VisitedRoom { name, unread, .. }| {
                let (address, shown) = (Route::Room(name.clone()).to_string(), name.clone());
                let count = reactive_text(move || {
                    if unread > 0 {
                        (language.room().unread_count)(unread)
                    } else {
                        String::new()
                    }
                });
                let delete_room = move || {
                    let question = (language.room().confirm_delete)(&name);
                    let server = server.get_value();
                    if confirm(&question) {
                        open.leave(&server, &name);
                        passwords.forget(&server, &name);
                        list_rooms(Some(name.clone()));
                    }
                };
                view! {
                    <li class="row visited">
                        <a class="grow" href=address>{shown}</a>
                        <span class="chip">{count}</span>
                        {button("link", "", room_text(language, |text| text.delete), delete_room)}
                    </li>
                }
                .into_any()
            });
        view! { <ul id="recent-rooms">{lines.collect::<Vec<_>>()}</ul> }.into_any()
    });
    view! {
        <main class="page narrow" id="main">
            <div>
                <h1>{move || language.common().rooms}</h1>
                <p class="quiet">{room_text(language, |text| text.intro)}</p>
            </div>
            <form class="card form" on:submit=join novalidate>
                {field("name", reactive_text(move || language.common().your_name.to_owned()), reactive_text(move || language.common().name_hint.to_owned()), name)}
                {field("room", room_text(language, |text| text.room), room_text(language, |text| text.room_hint), room)}
                {field("password", room_text(language, |text| text.password), room_text(language, |text| text.password_hint), password)}
                <div class="row"><button class="button" type="submit" id="join">{enter}</button></div>
                {reactive_view(move || wrong.get().map_or_else(no_view, |read| {
                    view! { <p class="small bad" role="alert" id="form-error">{room_text(language, read)}</p> }.into_any()
                }))}
            </form>
            <section class="card form">
                <h2>{room_text(language, |text| text.recent_rooms)}</h2>
                {list}
            </section>
        </main>
    }
    .into_any()
}

/// Random, so that the generated name cannot be guessed.
fn random() -> u32 {
    let mut bytes = [0; 4];
    if let Ok(crypto) = window().crypto() {
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    u32::from_le_bytes(bytes)
}

//! A room: who is in it, what is said, which files are offered.

use crate::hooks::derived::memo;
use leptos::prelude::*;

use crate::components::compose::{compose, use_whole_page};
use crate::components::copy::CopyButton;
use crate::components::entrance::{banner, name_form};
use crate::components::files::files;
use crate::components::parts::{Read, button, nothing, part, press, say, words};
use crate::components::people::{face, people};
use crate::components::talk::{Reading, talk};
use crate::components::trouble::NoServer;
use crate::hooks::app::{App, use_app, use_title};
use crate::hooks::room::{RoomHandle, use_room};
use crate::hooks::share_link::room_link;
use crate::hooks::window::use_attended;
use crate::state::room::JoinState;

#[component]
pub(crate) fn Room(name: String) -> impl IntoView {
    let app = use_app();
    let room = use_room(app, name.clone());
    let title = name.clone();
    use_title(move || {
        let unread = room.conversation.with(|conversation| conversation.unread());
        if unread > 0 {
            format!("({unread}) {title}")
        } else {
            title.clone()
        }
    });
    // Which of the three faces of the page; news of the link alone do not draw it anew.
    let shape = memo(move || {
        if matches!(app.server.get(), Some(None)) {
            "no-server"
        } else if room.join_state.with(|link| *link == JoinState::Unnamed) {
            "door"
        } else {
            "inside"
        }
    });
    let reading = Reading::new(room, use_attended());
    let dragging = RwSignal::new(false);
    use_whole_page(room, reading, dragging);
    part(move || match shape.get() {
        "no-server" => view! { <main class="page narrow" id="main"><NoServer /></main> }.into_any(),
        "door" => door(app, room, &name),
        _ => inside(app, room, &name, reading, dragging),
    })
}

fn door(app: App, room: RoomHandle, name: &str) -> AnyView {
    let name = name.to_owned();
    view! {
        <main class="page narrow" id="main" data-link="unnamed">
            <section class="card form">
                <h1>{words(move || (app.room().name_for)(&name))}</h1>
                <p class="quiet">{say(app, |text| text.intro)}</p>
                {name_form(app, room, || {})}
            </section>
        </main>
    }
    .into_any()
}

fn inside(
    app: App,
    room: RoomHandle,
    name: &str,
    reading: Reading,
    dragging: RwSignal<bool>,
) -> AnyView {
    let tab = RwSignal::new("chat");
    let tab_button = move |which: &'static str, label: Read, count: fn(RoomHandle) -> usize| {
        let label = words(move || {
            let count = count(room);
            let label = label(app.room());
            if count > 0 {
                format!("{label} {count}")
            } else {
                label.to_owned()
            }
        });
        let pressed = words(move || (tab.get() == which).to_string());
        view! { <button type="button" id=format!("tab-{which}") aria-pressed=pressed on:click=press(move || tab.set(which))>{label}</button> }.into_any()
    };
    let link = words(move || {
        let word = room.join_state.with(|link| match link {
            JoinState::Unnamed => "unnamed",
            JoinState::Connecting => "connecting",
            JoinState::Joined => "joined",
            JoinState::Lost { .. } => "lost",
            JoinState::Refused { .. } => "refused",
            JoinState::Left => "left",
        });
        word.to_owned()
    });
    let address = room_link(app, name);
    let shown = address.clone();
    let copy = move |id: &'static str| {
        let address = address.clone();
        view! { <CopyButton id=id text=Signal::derive(move || address.clone()) label=Signal::derive(move || app.room().copy_link) /> }.into_any()
    };
    let invite = copy("copy-invite");
    let nobody = memo(move || {
        room.people.with(Vec::is_empty) && room.join_state.with(|link| *link == JoinState::Joined)
    });
    let alone = view! {
        <section class="state alone" data-state="empty" hidden=move || !nobody.get()>
            <h2>{say(app, |text| text.nobody)}</h2>
            <p class="quiet">{say(app, |text| text.nobody_text)}</p>
            <p class="mono small address">{shown}</p>
            {invite}
        </section>
    }
    .into_any();
    let writes = memo(move || {
        room.join_state
            .with(|link| !matches!(link, JoinState::Left | JoinState::Refused { .. }))
    });
    let typing = words(move || {
        let names: Vec<String> = room.people.with(|people| {
            let typing = people.iter().filter(|person| person.typing);
            typing.map(|person| person.name.clone()).collect()
        });
        if names.is_empty() {
            String::new()
        } else {
            (app.room().is_typing)(&names.join(app.common().comma))
        }
    });
    view! {
        <main class="room" id="main" data-link=link data-tab=move || tab.get()>
            <header class="head">
                <h1>{name.to_owned()}</h1>
                <div class="row">
                    {copy("copy-link")}
                    <span hidden=move || !writes.get()>{button("link", "leave", say(app, |text| text.leave), move || room.leave())}</span>
                </div>
                <nav class="tabs">
                    {tab_button("chat", |text| text.chat, |room| room.conversation.with(|conversation| conversation.unread()))}
                    {tab_button("people", |text| text.who, |room| room.people.with(Vec::len) + 1)}
                    {tab_button("files", |text| text.files, |_| 0)}
                </nav>
            </header>
            <aside class="side who-is-here">
                <h2 class="small quiet">{words(move || (app.room().people)(room.people.with(Vec::len) + 1))}</h2>
                {myself(app, room)}
                {people(app, room)}
                <p class="small quiet privacy">{say(app, |text| text.privacy)}</p>
            </aside>
            <section class="conversation">
                {banner(app, room)}
                {talk(app, room, reading, alone)}
                <p class="typing small quiet" aria-live="polite">{typing}</p>
                {part(move || if writes.get() { compose(app, room, reading) } else { nothing() })}
            </section>
            <aside class="side">
                <h2>{say(app, |text| text.files)}</h2>
                {files(app, room)}
            </aside>
            <div class="drop" hidden=move || !dragging.get()><p>{say(app, |text| text.drop_here)}</p></div>
        </main>
    }
    .into_any()
}

fn myself(app: App, room: RoomHandle) -> AnyView {
    let renaming = RwSignal::new(false);
    let line = part(move || {
        let Some(me) = room.me.get() else {
            return nothing();
        };
        view! {
            {face(&me.id, &me.name)}
            <div class="grow">
                <p class="name">{me.name}</p>
                <p class="small quiet">{say(app, |text| text.this_browser)}</p>
                {button("link", "rename", say(app, |text| text.rename), move || renaming.update(|on| *on = !*on))}
            </div>
        }
        .into_any()
    });
    view! {
        <div class="person myself">{line}</div>
        {part(move || if renaming.get() { name_form(app, room, move || renaming.set(false)) } else { nothing() })}
    }
    .into_any()
}

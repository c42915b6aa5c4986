//! A room: people, messages, files.

use crate::hooks::derived::{effect, memo};
use leptos::prelude::*;

use crate::components::composer::{composer, focus, use_page_events};
use crate::components::conversation::message_log;
use crate::components::copy_button::CopyButton;
use crate::components::files::files;
use crate::components::people::{avatar, history_switch, people};
use crate::components::reactive::{
    RoomText, button, click_handler, no_view, reactive_text, reactive_view, room_text,
};
use crate::components::read_position::ReadPosition;
use crate::components::room_status::{name_form, status_banner};
use crate::components::search::{search_bar, search_button};
use crate::components::share_sheet::share_button;
use crate::hooks::language::{Language, use_language};
use crate::hooks::navigation::focus_heading;
use crate::hooks::open_room::use_open_room;
use crate::hooks::room::RoomHandle;
use crate::hooks::server::{ServerChoice, use_server};
use crate::hooks::share_link::room_link;
use crate::hooks::window::{use_attended, use_title};
use crate::rtc::dynamic::get;
use crate::state::avatar::initials;
use crate::state::room::JoinState;
use crate::state::server::Server;

pub(crate) fn room_page(server: Server, name: String) -> AnyView {
    let language = use_language();
    let open = use_open_room();
    let room = open.enter(server, &name);
    on_cleanup(move || open.on_page_left(room));
    let server = use_server();
    let title = name.clone();
    use_title(move || {
        let unread = room.conversation.with(|conversation| conversation.unread());
        if unread > 0 {
            format!("({unread}) {title}")
        } else {
            title.clone()
        }
    });
    // The layout of the page, so that a change of the link alone does not render the page again.
    let is_unnamed = memo(move || room.join_state.with(|link| *link == JoinState::Unnamed));
    let attended = use_attended();
    let read_position = ReadPosition::new(room, attended);
    let dragging = RwSignal::new(false);
    use_page_events(room, dragging);
    reactive_view(move || match is_unnamed.get() {
        true => join_view(language, room, &name),
        false => room_view(language, server, room, &name, read_position, dragging),
    })
    .into_any()
}

fn join_view(language: Language, room: RoomHandle, name: &str) -> AnyView {
    let name = name.to_owned();
    view! {
        <main class="page narrow" id="main" data-link="unnamed">
            <section class="card form">
                <h1>{reactive_text(move || (language.room().join_room)(&name))}</h1>
                <p class="quiet">{room_text(language, |text| text.intro)}</p>
                {name_form(room, || {})}
            </section>
        </main>
    }
    .into_any()
}

fn room_view(
    language: Language,
    server: ServerChoice,
    room: RoomHandle,
    name: &str,
    read_position: ReadPosition,
    dragging: RwSignal<bool>,
) -> AnyView {
    let tab = RwSignal::new("chat");
    let searching = RwSignal::new(false);
    let tab_button = move |which: &'static str, label: RoomText, count: fn(RoomHandle) -> usize| {
        let label = reactive_text(move || {
            let count = count(room);
            let label = label(language.room());
            if count > 0 {
                format!("{label} {count}")
            } else {
                label.to_owned()
            }
        });
        let pressed = reactive_text(move || (tab.get() == which).to_string());
        view! { <button type="button" id=format!("tab-{which}") aria-pressed=pressed on:click=click_handler(move || tab.set(which))>{label}</button> }.into_any()
    };
    let link = reactive_text(move || {
        let name = room.join_state.with(|link| match link {
            JoinState::Unnamed => "unnamed",
            JoinState::Claiming => "claiming",
            JoinState::Connecting => "connecting",
            JoinState::Joined => "joined",
            JoinState::Lost { .. } => "lost",
            JoinState::Elsewhere => "elsewhere",
            JoinState::Refused { .. } => "refused",
            JoinState::Left => "left",
        });
        name.to_owned()
    });
    let address = room_link(server, name);
    let shown = address.clone();
    let address = Signal::derive(move || address.clone());
    let is_alone = memo(move || {
        room.people.with(Vec::is_empty) && room.join_state.with(|link| *link == JoinState::Joined)
    });
    let alone_notice = view! {
        <section class="state empty-room" data-state="empty" hidden=move || !is_alone.get()>
            <h2>{room_text(language, |text| text.alone)}</h2>
            <p class="quiet">{room_text(language, |text| text.alone_text)}</p>
            <p class="mono small address">{shown}</p>
            <CopyButton id="copy-invite" text=address label=Signal::derive(move || language.common().copy_link) />
        </section>
    }
    .into_any();
    let can_write = memo(move || room.join_state.with(JoinState::is_in));
    // Who has just joined writes next; where a keyboard would cover the page, the heading is read.
    effect(move || {
        let lost = || {
            document()
                .active_element()
                .is_none_or(|active| active.tag_name() == "BODY")
        };
        if can_write.get() && lost() {
            if is_touched() {
                focus_heading()
            } else {
                focus("message")
            }
        }
    });
    let typing = reactive_text(move || {
        let names: Vec<String> = room.people.with(|people| {
            let typing = people.iter().filter(|person| person.typing);
            typing.map(|person| person.name.clone()).collect()
        });
        if names.is_empty() {
            String::new()
        } else {
            (language.room().is_typing)(&names.join(language.common().comma))
        }
    });
    view! {
        <main class="room" id="main" data-link=link data-tab=move || tab.get()>
            <header class="head">
                <h1>{name.to_owned()}</h1>
                <div class="row">
                    {share_button("button plain", name.to_owned(), address)}
                    {search_button(language, searching)}
                    <span hidden=move || !can_write.get()>{button("link", "leave", room_text(language, |text| text.leave), move || room.leave())}</span>
                </div>
                <nav class="tabs">
                    {tab_button("chat", |text| text.chat, |room| room.conversation.with(|conversation| conversation.unread()))}
                    {tab_button("people", |text| text.people, |room| room.people.with(Vec::len) + 1)}
                    {tab_button("files", |text| text.files, |_| 0)}
                </nav>
            </header>
            <aside class="side people-panel">
                <h2 class="small quiet">{reactive_text(move || (language.room().people_count)(room.people.with(Vec::len) + 1))}</h2>
                {own_entry(language, room)}
                {people(language, room)}
                {history_switch(language, room)}
                <p class="small quiet privacy">{room_text(language, |text| text.privacy)}</p>
            </aside>
            <section class="conversation">
                {status_banner(room)}
                {search_bar(language, room, read_position, searching)}
                {message_log(language, room, read_position, alone_notice)}
                <p class="typing small quiet" aria-live="polite">{typing}</p>
                {reactive_view(move || if can_write.get() { composer(language, room, read_position) } else { no_view() })}
            </section>
            <aside class="side">
                <h2>{room_text(language, |text| text.files)}</h2>
                {files(language, room)}
            </aside>
            <div class="drop-target" hidden=move || !dragging.get()><p>{room_text(language, |text| text.drop_here)}</p></div>
        </main>
    }
    .into_any()
}

fn is_touched() -> bool {
    get(&window().navigator(), "maxTouchPoints").as_f64() > Some(0.0)
}

fn own_entry(language: Language, room: RoomHandle) -> AnyView {
    let renaming = RwSignal::new(false);
    effect(move || {
        if room.refused_name.with(Option::is_some) {
            renaming.set(true);
        }
    });
    let line = reactive_view(move || {
        let Some(me) = room.me.get() else {
            return no_view();
        };
        view! {
            {avatar(me.id.as_str(), initials(&me.name))}
            <div class="grow">
                <p class="name">{me.name}</p>
                <p class="small quiet">{room_text(language, |text| text.this_browser)}</p>
                {button("link", "rename", room_text(language, |text| text.rename), move || renaming.update(|on| *on = !*on))}
            </div>
        }
        .into_any()
    });
    view! {
        <div class="person own-entry">{line}</div>
        {reactive_view(move || if renaming.get() { name_form(room, move || renaming.set(false)) } else { no_view() })}
    }
    .into_any()
}

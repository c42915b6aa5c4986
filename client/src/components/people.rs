//! The people in a room and their connections.

use crate::hooks::derived::memo;
use crate::hooks::language::Language;
use leptos::prelude::*;
use shared::signaling::PeerKind;

use super::reactive::{keyed_list, no_view, reactive_text, reactive_view, room_text};
use super::switch::switch;
use crate::hooks::room::RoomHandle;
use crate::i18n::room::Room as Text;
use crate::state::avatar::{hue, identicon, initials};
use crate::state::room::{PeerPath, Person, Presence};

/// Initials on a disc in the colour of an id, and its identicon.
pub(crate) fn avatar(id: &str, initials: impl IntoAny) -> AnyView {
    avatar_view(id, initials.into_any())
}

fn avatar_view(id: &str, initials: AnyView) -> AnyView {
    // One lightness for all, so that white text has enough contrast.
    let colour = format!("--c: oklch(.48 .1 {})", hue(id));
    view! {
        <span class="avatar" aria-hidden="true" style=colour>
            {initials}
            <svg viewBox="0 0 5 5">
                <path d=identicon(id) fill="currentColor" />
            </svg>
        </span>
    }
    .into_any()
}

/// The other people, each with its connection.
pub(crate) fn people(language: Language, room: RoomHandle) -> AnyView {
    let ids = move || {
        room.people
            .with(|people| people.iter().map(|person| person.id.to_string()).collect())
    };
    view! { <ul class="column people" id="people">{keyed_list(ids, move |id| person(language, room, id))}</ul> }.into_any()
}

/// Whether who comes late is told the last messages: anybody's choice, for all.
pub(crate) fn history_switch(language: Language, room: RoomHandle) -> AnyView {
    let label = view! {
        {room_text(language, |text| text.history)}
        <span class="small quiet">" " {room_text(language, |text| text.history_hint)}</span>
    };
    let is_on = move || room.history.get();
    let change = move |on| room.set_history(on);
    switch(
        "history",
        true,
        Box::new(is_on),
        Box::new(change),
        label.into_any(),
    )
}

fn person(language: Language, room: RoomHandle, id: String) -> AnyView {
    let of_id = id.clone();
    let read_person = move |read: &dyn Fn(&Person) -> String| {
        // A person who left is still in the list until it is drawn again.
        let text = room.people.with(|people| {
            people
                .iter()
                .find(|person| person.id.as_str() == id)
                .map(read)
        });
        text.unwrap_or_default()
    };
    let person_text = |read: fn(&Person) -> String| {
        let read_person = read_person.clone();
        reactive_text(move || read_person(&read))
    };
    let status = {
        let read_person = read_person.clone();
        reactive_text(move || read_person(&|person| status(person, language.room())))
    };
    let failed = memo({
        let read_person = read_person.clone();
        move || read_person(&|person| path_name(person.path).to_owned()) == "failed"
    });
    let help = reactive_view(move || {
        if failed.get() {
            view! { " " <a href="#/doctor">{room_text(language, |text| text.run_connection_test)}</a> }
                .into_any()
        } else {
            no_view()
        }
    });
    // While the code does not change, an opened `details` stays open.
    let code = memo({
        let read_person = read_person.clone();
        move || {
            Some(read_person(&|person| {
                person.safety.clone().unwrap_or_default()
            }))
            .filter(|code| !code.is_empty())
        }
    });
    let name = person_text(|person| person.name.clone());
    let read_name = read_person.clone();
    let safety = reactive_view(move || {
        let Some(code) = code.get() else {
            return no_view();
        };
        let read_person = read_name.clone();
        view! {
            <details class="small">
                <summary>{room_text(language, |text| text.safety)}</summary>
                <p class="mono code-digits">{code}</p>
                <p class="quiet">{reactive_text(move || (language.room().safety_text)(&read_person(&|person| person.name.clone())))}</p>
            </details>
        }
        .into_any()
    });
    let avatar = avatar(&of_id, person_text(|person| initials(&person.name)));
    view! {
        <li class="person" data-path=person_text(|person| path_name(person.path).to_owned()) data-name=person_text(|person| person.name.clone())>
            {avatar}
            <div class="grow">
                <p class="name">{name}</p>
                <p class="small quiet">{status} {help}</p>
                {safety}
            </div>
        </li>
    }
    .into_any()
}

fn path_name(path: PeerPath) -> &'static str {
    match path {
        PeerPath::Connecting => "connecting",
        PeerPath::Open { relayed: false, .. } => "direct",
        PeerPath::Open { relayed: true, .. } => "relayed",
        PeerPath::Broken => "broken",
        PeerPath::Failed => "failed",
    }
}

/// `terminal · direct, 2 ms · typing…`
fn status(person: &Person, text: &Text) -> String {
    let kind = match person.kind {
        PeerKind::Browser => text.browser,
        PeerKind::Terminal => text.terminal,
        PeerKind::Other => text.other_client,
    };
    let path = match person.path {
        PeerPath::Connecting => text.connecting.to_owned(),
        PeerPath::Open { relayed, rtt } => {
            let path = if relayed { text.relayed } else { text.direct };
            rtt.map_or_else(|| path.to_owned(), |ms| (text.rtt)(path, ms))
        }
        PeerPath::Broken => text.peer_reconnecting.to_owned(),
        PeerPath::Failed => text.peer_failed.to_owned(),
    };
    let presence = match person.presence {
        Presence::Present => "",
        Presence::Away => text.peer_away,
        Presence::Unlisted => text.peer_unlisted,
    };
    let typing = if person.typing { text.typing } else { "" };
    // The path is last, because a link may follow it.
    let parts = [kind, presence, typing, &path];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

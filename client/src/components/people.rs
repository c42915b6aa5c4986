//! Who is in a room and how they are connected.

use leptos::prelude::*;
use shared::signaling::{PeerId, PeerKind};

use super::parts::{nothing, part, say, words};
use crate::hooks::app::App;
use crate::hooks::room::Room;
use crate::i18n::room::Room as Text;
use crate::state::face::{hue, initials};
use crate::state::room::{Path, Person, Presence};

/// A round face: initials on the colour of an id.
pub(crate) fn face(id: &PeerId, name: &str) -> AnyView {
    let style = format!("--c: oklch(.48 .1 {})", hue(id));
    view! { <span class="face" aria-hidden="true" style=style>{initials(name)}</span> }.into_any()
}

/// The others, each with its path in words.
pub(crate) fn people(app: App, room: Room) -> AnyView {
    let ids = move || {
        room.people.with(|people| {
            people
                .iter()
                .map(|person| person.id.clone())
                .collect::<Vec<_>>()
        })
    };
    view! {
        <ul class="column people" id="people">
            <For each=ids key=PeerId::clone children=move |id: PeerId| person(app, room, id) />
        </ul>
    }
    .into_any()
}

fn person(app: App, room: Room, id: PeerId) -> AnyView {
    let wanted = id.clone();
    let shown = Memo::new(move |_| {
        room.people
            .with(|people| people.iter().find(|person| person.id == wanted).cloned())
    });
    // Gone with its row in a moment.
    let of = move |read: fn(&Person) -> String| {
        words(move || shown.with(|person| person.as_ref().map(read).unwrap_or_default()))
    };
    let facts = words(move || {
        shown.with(|person| {
            person
                .as_ref()
                .map(|person| facts(person, &app.text().room))
                .unwrap_or_default()
        })
    });
    let help = part(move || {
        if shown.with(|person| {
            person
                .as_ref()
                .is_some_and(|person| person.path == Path::Failed)
        }) {
            view! { " " <a href="#/doctor">{say(app, |text| text.ask_doctor)}</a> }.into_any()
        } else {
            nothing()
        }
    });
    let safety = part(move || {
        let Some((name, code)) = shown.with(|person| {
            person
                .as_ref()
                .and_then(|person| Some((person.name.clone(), person.safety.clone()?)))
        }) else {
            return nothing();
        };
        view! {
            <details class="small">
                <summary>{say(app, |text| text.safety)}</summary>
                <p class="mono code-digits">{code}</p>
                <p class="quiet">{words(move || (app.text().room.safety_text)(&name))}</p>
            </details>
        }
        .into_any()
    });
    let drawn = part(move || {
        shown.with(|person| {
            person
                .as_ref()
                .map_or_else(nothing, |person| face(&person.id, &person.name))
        })
    });
    view! {
        <li class="person" data-path=of(|person| path_word(person.path).to_owned()) data-name=of(|person| person.name.clone())>
            {drawn}
            <div class="grow">
                <p class="name">{of(|person| person.name.clone())}</p>
                <p class="small quiet">{facts} {help}</p>
                {safety}
            </div>
        </li>
    }
    .into_any()
}

fn path_word(path: Path) -> &'static str {
    match path {
        Path::Connecting => "connecting",
        Path::Open { relayed: false, .. } => "direct",
        Path::Open { relayed: true, .. } => "relayed",
        Path::Broken => "broken",
        Path::Failed => "failed",
    }
}

/// `terminal · direct, 2 ms · typing…`
fn facts(person: &Person, text: &Text) -> String {
    let kind = match person.kind {
        PeerKind::Browser => text.browser,
        PeerKind::Terminal => text.terminal,
        PeerKind::Other => text.other,
    };
    let path = match person.path {
        Path::Connecting => text.connecting.to_owned(),
        Path::Open { relayed, rtt } => {
            let path = if relayed { text.relayed } else { text.direct };
            rtt.map_or_else(|| path.to_owned(), |ms| (text.rtt)(path, ms))
        }
        Path::Broken => text.broken.to_owned(),
        Path::Failed => text.failed.to_owned(),
    };
    let presence = match person.presence {
        Presence::Here => "",
        Presence::Away => text.away,
        Presence::Unlisted => text.unlisted,
    };
    let typing = if person.typing { text.typing } else { "" };
    // The path stands last when a link follows it.
    let parts = [kind, presence, typing, &path];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

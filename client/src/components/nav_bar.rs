//! The bar at the top: links to the pages, status of the server, language.

use leptos::prelude::*;

use super::icon::mark;
use super::reactive::{no_view, reactive_text, reactive_view};
use crate::hooks::derived::memo;
use crate::hooks::language::{Language, use_language};
use crate::hooks::open_room::use_open_room;
use crate::hooks::route::use_route;
use crate::hooks::server::use_server;
use crate::hooks::settings::use_settings;
use crate::hooks::streams::use_streams;
use crate::http::HttpError;
use crate::state::remote::RemoteData;
use crate::state::route::Route;

#[component]
pub(crate) fn NavBar() -> impl IntoView {
    let open = use_route();
    let language = use_language();
    let link = move |route: Route, name: fn(Language) -> &'static str, here: fn(&Route) -> bool| {
        let current = move || open.with(here).then_some("page");
        view! { <a href=route.to_string() aria-current=move || current()>{move || name(language)}</a> }
    };
    view! {
        <header class="bar">
            <a class="logo" href="#/" aria-label="Weir">{mark()} <span>"Weir"</span></a>
            <nav aria-label=language.localized(|text| text.main_menu)>
                {link(Route::Gallery, |language| language.text().streams, |route| {
                    matches!(route, Route::Gallery | Route::Go(_) | Route::Watch(_) | Route::Canvas(_) | Route::Embed(_))
                })}
                {link(Route::Rooms, |language| language.common().rooms, |route| matches!(route, Route::Rooms | Route::Room(_)))}
                {link(Route::Settings, |language| language.text().settings, |route| matches!(route, Route::Settings))}
            </nav>
            <div class="end">
                {open_room_link(language)}
                <ServerStatus />
                <LanguageButton />
            </div>
        </header>
    }
}

/// Leads back to the room that the person is in.
fn open_room_link(language: Language) -> AnyView {
    let (open, route) = (use_open_room(), use_route());
    let summary = memo(move || {
        let (name, unread) = open.summary()?;
        let is_shown = route.with(|route| matches!(route, Route::Room(shown) if *shown == name));
        (!is_shown).then_some((name, unread))
    });
    reactive_view(move || match summary.get() {
        None => no_view(),
        Some((name, unread)) => {
            let address = Route::Room(name.clone()).to_string();
            let text = reactive_text(move || (language.room().in_room)(&name, unread));
            view! { <a class="chip in-room" id="open-room" href=address>{text}</a> }.into_any()
        }
    })
    .into_any()
}

#[component]
fn ServerStatus() -> impl IntoView {
    let server = use_server();
    let language = use_language();
    // The list of streams is always at hand on other pages, and says as much as a request of its own.
    let list = use_streams().value;
    let state = move || {
        if server.is_missing() {
            return "offline";
        }
        list.with(|list| match (list, list.error()) {
            (RemoteData::Loading, _) => "asking",
            (_, None | Some(HttpError::Status { .. })) => "online",
            _ => "offline",
        })
    };
    let label = move || match state() {
        "online" => language.text().server_online,
        "asking" => language.text().server_checking,
        _ => language.text().server_offline,
    };
    view! {
        <span role="status">
            <a class="chip" id="server-state" href="#/settings" data-state=move || state() title=move || label()>
                <i class="dot" class:ok=move || state() == "online" class:bad=move || state() == "offline"></i>
                <b>{move || label()}</b>
            </a>
        </span>
    }
}

#[component]
fn LanguageButton() -> impl IntoView {
    let settings = use_settings();
    let language = use_language();
    let switch = move |_| {
        let other = language.get_untracked().other();
        settings.update(|settings| settings.language = Some(other.code().to_owned()));
    };
    view! {
        <button
            id="language"
            class="link small"
            on:click=switch
            lang=move || language.get().other().tag()
        >
            <span class="long">{language.localized(|text| text.other_language)}</span>
            <span class="short" aria-hidden="true">{language.localized(|text| text.other_language_short)}</span>
        </button>
    }
}

//! The bar at the top: links to the pages, status of the server, language.

use leptos::prelude::*;

use super::icon::mark;
use crate::hooks::language::{Language, use_language};
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
                <ServerStatus />
                <LanguageButton />
            </div>
        </header>
    }
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

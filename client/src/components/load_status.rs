//! States of a page without its data: loading, failed, stale, no server. Each has a title, a sentence and the next step as a button.

use leptos::prelude::*;

use super::details::Details;
use super::page_link::page_link;
use super::reactive::{click_handler, no_view, reactive_text, reactive_view};
use crate::hooks::derived::memo;
use crate::hooks::language::{Language, use_language};
use crate::hooks::route::use_route;
use crate::hooks::server::{QueryNotice, ServerChoice, use_server};
use crate::http::HttpError;
use crate::i18n::Text;
use crate::i18n::error::sentence;
use crate::state::server::without_server;

/// A request failed, so the page has nothing to show.
#[component]
pub(crate) fn LoadError(error: HttpError, #[prop(into)] retry: Callback<()>) -> impl IntoView {
    let server = use_server();
    let language = use_language();
    let details = match &error {
        HttpError::Status { error, .. } => error.error.clone(),
        HttpError::Unreachable | HttpError::Unreadable => String::new(),
    };
    let title = memo(move || error_text(server, language, &error));
    view! {
        <section class="state card" role="alert" data-state="error">
            <h2>{move || title.get().0}</h2>
            <p class="quiet">{move || title.get().1}</p>
            <Details text=details />
            <div class="row">
                <button class="button" id="retry" on:click=click_handler(move || retry.run(()))>{language.localized(|text| text.try_again)}</button>
                {page_link("#/settings", "button plain", |language| language.common().change_server)}
            </div>
        </section>
    }
}

/// No server is known.
#[component]
pub(crate) fn NoServer() -> impl IntoView {
    let language = use_language();
    view! {
        <section class="state card" role="alert" data-state="no-server">
            <h2>{move || language.common().no_server}</h2>
            <p class="quiet">{move || language.common().no_server_text}</p>
            <div class="row">
                {page_link("#/settings", "button", |language| language.common().change_server)}
            </div>
        </section>
    }
}

/// Of the server that the address names, and of the one in use.
type NoticeText = fn(&str, &str) -> String;

/// What there is to say of `?server=` in the address, with a link to the same page without it.
pub(crate) fn server_notice() -> AnyView {
    let (language, server, route) = (use_language(), use_server(), use_route());
    let address = move || {
        let search = window().location().search().unwrap_or_default();
        let path = window().location().pathname().unwrap_or_default();
        format!("{path}{}{}", without_server(&search), route.get())
    };
    reactive_view(move || {
        let Some((notice, asked)) = server.query_notice() else {
            return no_view();
        };
        let (state, text): (_, fn(&Text) -> NoticeText) = match notice {
            QueryNotice::Unusable => ("bad-server", |text| text.bad_server),
            QueryNotice::SwitchedOff => ("other-server-off", |text| text.other_server_off),
            QueryNotice::Foreign => ("other-server", |text| text.other_server),
        };
        let text = reactive_text(move || {
            let used = server.get().map(|server| server.base);
            text(language.text())(&asked, &used.unwrap_or_default())
        });
        let role = if notice == QueryNotice::Foreign { "status" } else { "alert" };
        view! {
            <p class="notice row" role=role data-state=state>
                <span class="grow">{text}</span> <a href=address>{reactive_text(move || language.text().without_server.to_owned())}</a>
            </p>
        }
        .into_any()
    })
    .into_any()
}

/// The newest request failed; the page shows the answer before.
#[component]
pub(crate) fn StaleNotice() -> impl IntoView {
    let language = use_language();
    view! { <p class="notice" role="status" data-state="lost">{language.localized(|text| text.stale)}</p> }
}

/// The first answer has not arrived.
#[component]
pub(crate) fn Loading() -> impl IntoView {
    let language = use_language();
    view! {
        <p class="state quiet" role="status" data-state="loading">
            <i class="spinner"></i>
            {language.localized(|text| text.loading_streams)}
        </p>
    }
}

fn error_text(server: ServerChoice, language: Language, error: &HttpError) -> (String, String) {
    let text = language.text();
    let server = server.get().map(|server| server.base).unwrap_or_default();
    match error {
        HttpError::Unreachable => (
            text.unreachable.to_owned(),
            (text.unreachable_text)(&server),
        ),
        HttpError::Unreadable => (text.not_weir.to_owned(), (text.not_weir_text)(&server)),
        HttpError::Status { error, .. } => (
            text.refused.to_owned(),
            sentence(error, language.get()).to_owned(),
        ),
    }
}

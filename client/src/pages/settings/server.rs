//! The server section of the settings.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::Health;

use crate::components::reactive::{button, no_view, reactive_text, reactive_view};
use crate::hooks::derived::memo;
use crate::hooks::language::use_language;
use crate::hooks::server::use_server;
use crate::hooks::settings::use_settings;
use crate::http::{self, HttpError};
use crate::i18n::Text;
use crate::i18n::error::sentence;
use crate::i18n::format::duration;
use crate::state::server::{Server, Source, normalize};

/// The state of the test of an address.
#[derive(Clone, PartialEq)]
enum ServerTest {
    Idle,
    Running,
    Passed(Health),
    /// The address, and why the request failed.
    Failed(String, HttpError),
    InvalidAddress,
}

#[component]
pub(super) fn ServerSettings() -> impl IntoView {
    let (settings, server) = (use_settings(), use_server());
    let language = use_language();
    let typed = RwSignal::new(
        settings
            .with_untracked(|settings| settings.server.clone())
            .unwrap_or_default(),
    );
    let saved = RwSignal::new(false);
    let result = RwSignal::new(ServerTest::Idle);
    let used = move || {
        server
            .get()
            .map(|server| server.base)
            .unwrap_or_else(|| language.text().no_value.to_owned())
    };
    let from = move || {
        server.get().map(|server| match server.source {
            Source::Query => language.text().from_query,
            Source::Saved => language.text().from_saved,
            Source::Config => language.text().from_config,
            Source::Origin => language.text().from_origin,
        })
    };
    let notice = move |applies: Memo<bool>, read: fn(&'static Text) -> &'static str| {
        reactive_view(move || match applies.get() {
            true => view! { <p class="notice small">{language.localized(read)}</p> }.into_any(),
            false => no_view(),
        })
    };
    let by_query = memo(move || {
        server
            .get()
            .is_some_and(|server| server.source == Source::Query)
    });
    let source = move || {
        server.get().map(|server| match server.source {
            Source::Query => "query",
            Source::Saved => "saved",
            Source::Config => "config",
            Source::Origin => "origin",
        })
    };
    let has_agreed = memo(move || settings.with(|settings| !settings.agreed.is_empty()));
    let ask_again = reactive_view(move || match has_agreed.get() {
        true => {
            let label = reactive_text(move || language.text().ask_again.to_owned());
            button("link", "ask-again", label, move || {
                settings.update(|settings| settings.agreed.clear())
            })
        }
        false => no_view(),
    });
    let mixed = memo(move || {
        let secure = window()
            .location()
            .protocol()
            .is_ok_and(|scheme| scheme == "https:");
        secure && normalize(&typed.get()).is_some_and(|address| address.starts_with("http://"))
    });
    let test = move |_| {
        let text = typed.get_untracked();
        let address = match normalize(&text) {
            Some(address) => address,
            // With an empty field, the server in use is tested.
            None if text.trim().is_empty() => used(),
            None => return result.set(ServerTest::InvalidAddress),
        };
        result.set(ServerTest::Running);
        spawn_local(async move {
            let server = Server {
                base: address,
                source: Source::Saved,
            };
            let answer = http::get_json::<Health>(&server.url("api/health")).await;
            let _ = result.try_set(match answer {
                Ok(health) => ServerTest::Passed(health),
                Err(error) => ServerTest::Failed(server.base, error),
            });
        });
    };
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let text = typed.get_untracked();
        let address = normalize(&text);
        if address.is_none() && !text.trim().is_empty() {
            return result.set(ServerTest::InvalidAddress);
        }
        typed.set(address.clone().unwrap_or_default());
        settings.update(|settings| settings.server = address);
        result.set(ServerTest::Idle);
        saved.set(true);
    };
    let result_text = move || match result.get() {
        ServerTest::Idle => saved
            .get()
            .then(|| ("ok", language.text().saved.to_owned())),
        ServerTest::Running => Some(("", language.text().testing.to_owned())),
        ServerTest::Passed(health) => {
            let up = duration(health.uptime as f64, language.get());
            Some((
                "ok",
                (language.text().test_passed)(&health.version, health.streams, &up),
            ))
        }
        ServerTest::Failed(address, HttpError::Unreachable) => {
            Some(("bad", (language.text().unreachable_text)(&address)))
        }
        ServerTest::Failed(address, HttpError::Unreadable) => {
            Some(("bad", (language.text().not_weir_text)(&address)))
        }
        ServerTest::Failed(_, HttpError::Status { error, .. }) => {
            Some(("bad", sentence(&error, language.get()).to_owned()))
        }
        ServerTest::InvalidAddress => Some(("bad", language.text().bad_address.to_owned())),
    };
    view! {
        <form class="card form" on:submit=save>
            <h3>{language.localized(|text| text.server)}</h3>
            <p class="small quiet">
                {language.localized(|text| text.server_used)} {move || language.common().colon} <b class="mono" id="server-used" data-source=move || source()>{move || used()}</b>
                " " {move || from()}
            </p>
            <label>
                <span>{language.localized(|text| text.server_address)}</span>
                <input
                    id="server"
                    class="field mono"
                    type="text"
                    inputmode="url"
                    autocomplete="url"
                    spellcheck="false"
                    placeholder="http://host:8000"
                    aria-describedby="server-hint"
                    prop:value=typed
                    on:input=move |event| {
                        typed.set(event_target_value(&event));
                        saved.set(false);
                        result.set(ServerTest::Idle);
                    }
                />
            </label>
            <p class="small quiet" id="server-hint">{language.localized(|text| text.server_hint)}</p>
            {notice(by_query, |text| text.query_overrides)}
            {notice(mixed, |text| text.mixed_content)}
            {ask_again}
            <div class="row">
                <button class="button" type="submit" id="save-server">{language.localized(|text| text.save)}</button>
                <button class="button plain" type="button" id="test-server" on:click=test>{language.localized(|text| text.test)}</button>
            </div>
            <p class="small" role="status" id="server-result">
                {move || result_text().map(|(class, text)| view! { <span class=class>{text}</span> })}
            </p>
        </form>
    }
}

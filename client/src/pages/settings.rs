//! Settings: server address, name in rooms, ICE servers, language.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::{Health, IceConfig};

use crate::components::reactive::{no_view, reactive_text, reactive_view};
use crate::hooks::app::{use_app, use_title};
use crate::hooks::poll::use_poll;
use crate::http::{self, HttpError};
use crate::i18n::Lang;
use crate::i18n::format::duration;
use crate::state::server::{Server, Source, normalize};
use crate::state::settings::{format_ice, parse_ice};

#[component]
pub(crate) fn Settings() -> impl IntoView {
    let app = use_app();
    use_title(move || app.text().settings.to_owned());
    view! {
        <main class="page narrow" id="main">
            <h1>{app.localized(|text| text.settings)}</h1>
            <ServerSettings />
            <RoomSettings />
            <IceSettings />
            <LanguageSettings />
            <p class="quiet small">{app.localized(|text| text.settings_text)}</p>
        </main>
    }
}

/// The state of the test of an address.
#[derive(Clone, PartialEq)]
enum Test {
    Not,
    Running,
    Good(Health),
    Bad(String, HttpError),
    NotAnAddress,
}

#[component]
fn ServerSettings() -> impl IntoView {
    let app = use_app();
    let typed = RwSignal::new(
        app.settings
            .with_untracked(|settings| settings.server.clone())
            .unwrap_or_default(),
    );
    let saved = RwSignal::new(false);
    let result = RwSignal::new(Test::Not);
    let used = move || {
        app.server_now()
            .map(|server| server.base)
            .unwrap_or_else(|| app.text().no_value.to_owned())
    };
    let from = move || {
        app.server_now().map(|server| match server.source {
            Source::Query => app.text().from_query,
            Source::Saved => app.text().from_saved,
            Source::Config => app.text().from_config,
            Source::Origin => app.text().from_origin,
        })
    };
    let by_query = move || {
        app.server_now()
            .is_some_and(|server| server.source == Source::Query)
    };
    let source = move || {
        app.server_now().map(|server| match server.source {
            Source::Query => "query",
            Source::Saved => "saved",
            Source::Config => "config",
            Source::Origin => "origin",
        })
    };
    let mixed = move || {
        let secure = window()
            .location()
            .protocol()
            .is_ok_and(|scheme| scheme == "https:");
        secure && normalize(&typed.get()).is_some_and(|address| address.starts_with("http://"))
    };
    let test = move |_| {
        let text = typed.get_untracked();
        let address = match normalize(&text) {
            Some(address) => address,
            // With an empty field, the server in use is tested.
            None if text.trim().is_empty() => used(),
            None => return result.set(Test::NotAnAddress),
        };
        result.set(Test::Running);
        spawn_local(async move {
            let server = Server {
                base: address,
                source: Source::Saved,
            };
            let answer = http::get_json::<Health>(&server.url("api/health")).await;
            let _ = result.try_set(match answer {
                Ok(health) => Test::Good(health),
                Err(error) => Test::Bad(server.base, error),
            });
        });
    };
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let text = typed.get_untracked();
        let address = normalize(&text);
        if address.is_none() && !text.trim().is_empty() {
            return result.set(Test::NotAnAddress);
        }
        typed.set(address.clone().unwrap_or_default());
        app.settings.update(|settings| settings.server = address);
        result.set(Test::Not);
        saved.set(true);
    };
    let result_text = move || match result.get() {
        Test::Not => saved.get().then(|| ("ok", app.text().saved.to_owned())),
        Test::Running => Some(("", app.text().testing.to_owned())),
        Test::Good(health) => {
            let up = duration(health.uptime as f64, app.lang.get());
            Some((
                "ok",
                (app.text().test_passed)(&health.version, health.streams, &up),
            ))
        }
        Test::Bad(address, HttpError::Unreachable) => {
            Some(("bad", (app.text().unreachable_text)(&address)))
        }
        Test::Bad(address, HttpError::Unreadable) => {
            Some(("bad", (app.text().not_weir_text)(&address)))
        }
        Test::Bad(_, HttpError::Status { error, .. }) => Some(("bad", error)),
        Test::NotAnAddress => Some(("bad", app.text().bad_address.to_owned())),
    };
    view! {
        <form class="card form" on:submit=save>
            <h2>{app.localized(|text| text.server)}</h2>
            <p class="small quiet">
                {app.localized(|text| text.server_used)} {move || app.common().colon} <b class="mono" id="server-used" data-source=move || source()>{move || used()}</b>
                " " {move || from()}
            </p>
            <label>
                <span>{app.localized(|text| text.server_address)}</span>
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
                        result.set(Test::Not);
                    }
                />
            </label>
            <p class="small quiet" id="server-hint">{app.localized(|text| text.server_hint)}</p>
            <Show when=by_query><p class="notice small">{app.localized(|text| text.query_overrides)}</p></Show>
            <Show when=mixed><p class="notice small">{app.localized(|text| text.mixed_content)}</p></Show>
            <div class="row">
                <button class="button" type="submit" id="save-server">{app.localized(|text| text.save)}</button>
                <button class="button plain" type="button" id="test-server" on:click=test>{app.localized(|text| text.test)}</button>
            </div>
            <p class="small" role="status" id="server-result">
                {move || result_text().map(|(class, text)| view! { <span class=class>{text}</span> })}
            </p>
        </form>
    }
}

#[component]
fn IceSettings() -> impl IntoView {
    let app = use_app();
    let typed = RwSignal::new(
        app.settings
            .with_untracked(|settings| format_ice(&settings.ice_servers)),
    );
    let saved = RwSignal::new(None::<Result<(), String>>);
    let offered = use_poll::<IceConfig>(app, || "api/ice".to_owned(), 60_000.0);
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match parse_ice(&typed.get_untracked()) {
            Ok(servers) => {
                typed.set(format_ice(&servers));
                app.settings
                    .update(|settings| settings.ice_servers = servers);
                saved.set(Some(Ok(())));
            }
            Err(line) => saved.set(Some(Err(line.0))),
        }
    };
    // The saved ICE servers when there are any, else those of the server.
    let in_use = move || {
        let own = app.settings.with(|settings| settings.ice_servers.clone());
        let has_own = !own.is_empty();
        let from_server = || {
            offered
                .value
                .with(|offered| Some(offered.value()?.ice_servers.clone()))
        };
        let servers = if has_own { Some(own) } else { from_server() };
        let urls = servers?
            .into_iter()
            .flat_map(|server| server.urls)
            .collect::<Vec<_>>();
        Some((has_own, urls))
    };
    let shown = reactive_text(move || match in_use() {
        None => app.text().no_value.to_owned(),
        Some((_, urls)) if urls.is_empty() => app.text().ice_none.to_owned(),
        Some((_, urls)) => urls.join(app.common().comma),
    });
    let whose = reactive_text(move || match in_use() {
        Some((true, _)) => app.text().ice_used_own.to_owned(),
        _ => app.text().ice_used_server.to_owned(),
    });
    let relay_only = move || app.settings.with(|settings| settings.relay_only);
    let unreachable = reactive_view(move || {
        let none =
            in_use().is_some_and(|(_, urls)| !urls.iter().any(|url| url.starts_with("turn")));
        if relay_only() && none {
            view! { <p class="notice small">{app.localized(|text| text.relay_only_none)}</p> }
                .into_any()
        } else {
            no_view()
        }
    });
    view! {
        <form class="card form" on:submit=save>
            <h2>{app.localized(|text| text.ice_servers)}</h2>
            <p class="small quiet">
                {whose} {move || app.common().colon} <span class="mono" id="ice-used">{shown}</span>
            </p>
            <label>
                <span>{app.localized(|text| text.ice_servers_own)}</span>
                <textarea
                    id="ice"
                    class="field mono"
                    rows="3"
                    spellcheck="false"
                    placeholder="stun:stun.example.org:3478"
                    aria-describedby="ice-hint"
                    prop:value=typed
                    on:input=move |event| {
                        typed.set(event_target_value(&event));
                        saved.set(None);
                    }
                ></textarea>
            </label>
            <p class="small quiet" id="ice-hint">{app.localized(|text| text.ice_hint)}</p>
            <div class="row">
                <button class="button" type="submit" id="save-ice">{app.localized(|text| text.save)}</button>
                <a class="button plain" href="#/doctor">{reactive_text(move || app.text().connection_test.to_owned())}</a>
            </div>
            <p class="small" role="status">
                {move || saved.get().map(|saved| match saved {
                    Ok(()) => view! { <span class="ok">{app.text().saved.to_owned()}</span> },
                    Err(line) => view! { <span class="bad">{(app.text().bad_ice)(&line)}</span> },
                })}
            </p>
            <label class="choice">
                <input
                    type="checkbox"
                    id="relay-only"
                    prop:checked=move || relay_only()
                    on:change=move |event| app.settings.update(|settings| settings.relay_only = event_target_checked(&event))
                />
                <span>{app.localized(|text| text.relay_only)} <span class="small quiet">" " {app.localized(|text| text.relay_only_text)}</span></span>
            </label>
            {unreachable}
        </form>
    }
}

#[component]
fn RoomSettings() -> impl IntoView {
    let app = use_app();
    let name = move || {
        app.settings
            .with(|settings| settings.name.clone().unwrap_or_default())
    };
    let save = move |event: web_sys::Event| {
        let name = event_target_value(&event).trim().to_owned();
        // The server refuses a name that is too long, with a message.
        app.settings
            .update(|settings| settings.name = Some(name).filter(|name| !name.is_empty()));
    };
    view! {
        <section class="card form">
            <h2>{move || app.common().rooms}</h2>
            <label>
                <span>{move || app.common().your_name}</span>
                <input
                    id="own-name"
                    class="field"
                    type="text"
                    autocomplete="nickname"
                    spellcheck="false"
                    aria-describedby="own-name-hint"
                    prop:value=move || name()
                    on:change=save
                />
            </label>
            <p class="small quiet" id="own-name-hint">{move || app.common().name_hint}</p>
        </section>
    }
}

#[component]
fn LanguageSettings() -> impl IntoView {
    let app = use_app();
    let choice = move |lang: Option<Lang>, label: fn(crate::hooks::app::App) -> &'static str| {
        let code = lang.map(Lang::code);
        let chosen = move || {
            app.settings
                .with(|settings| settings.language.as_deref() == code)
        };
        let choose = move |_| {
            app.settings
                .update(|settings| settings.language = code.map(str::to_owned))
        };
        view! {
            <label class="choice">
                <input type="radio" name="language" value=code.unwrap_or("auto") prop:checked=move || chosen() on:change=choose />
                <span lang=lang.map(Lang::tag)>{move || label(app)}</span>
            </label>
        }
    };
    view! {
        <fieldset class="card form">
            <legend class="visually-hidden">{app.localized(|text| text.language)}</legend>
            <h2 aria-hidden="true">{app.localized(|text| text.language)}</h2>
            {choice(None, |app| app.text().browser_language)}
            {choice(Some(Lang::En), |_| Lang::En.text().this_language)}
            {choice(Some(Lang::Zh), |_| Lang::Zh.text().this_language)}
        </fieldset>
    }
}

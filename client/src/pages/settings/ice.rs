//! ICE servers and relays, of the settings.

use leptos::prelude::*;

use crate::components::reactive::{no_view, reactive_text, reactive_view};
use crate::components::switch::switch;
use crate::hooks::ice::Offered;
use crate::hooks::language::use_language;
use crate::hooks::settings::{SavedSettings, use_settings};
use crate::state::settings::{format_ice, parse_ice};

pub(super) fn ice_settings(offered: Offered) -> AnyView {
    let (language, settings) = (use_language(), use_settings());
    let typed =
        RwSignal::new(settings.with_untracked(|settings| format_ice(&settings.ice_servers)));
    let saved = RwSignal::new(None::<Result<(), String>>);
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match parse_ice(&typed.get_untracked()) {
            Ok(servers) => {
                typed.set(format_ice(&servers));
                settings.update(|settings| settings.ice_servers = servers);
                saved.set(Some(Ok(())));
            }
            Err(line) => saved.set(Some(Err(line.0))),
        }
    };
    let shown = reactive_text(move || match in_use(settings, offered) {
        None => language.text().no_value.to_owned(),
        Some((_, urls)) if urls.is_empty() => language.text().ice_none.to_owned(),
        Some((_, urls)) => urls.join(language.common().comma),
    });
    let whose = reactive_text(move || match in_use(settings, offered) {
        Some((true, _)) => language.text().ice_used_own.to_owned(),
        _ => language.text().ice_used_server.to_owned(),
    });
    view! {
        <form class="card form" on:submit=save>
            <h3>{language.localized(|text| text.ice_servers)}</h3>
            <p class="small quiet">
                {whose} {move || language.common().colon} <span class="mono" id="ice-used">{shown}</span>
            </p>
            <label>
                <span>{language.localized(|text| text.ice_servers_own)}</span>
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
            <p class="small quiet" id="ice-hint">{language.localized(|text| text.ice_hint)}</p>
            <div class="row">
                <button class="button" type="submit" id="save-ice">{language.localized(|text| text.save)}</button>
                <a class="button plain" href="#/doctor">{reactive_text(move || language.text().connection_test.to_owned())}</a>
            </div>
            <p class="small" role="status">
                {move || saved.get().map(|saved| match saved {
                    Ok(()) => view! { <span class="ok">{language.text().saved.to_owned()}</span> },
                    Err(line) => view! { <span class="bad">{(language.text().bad_ice)(&line)}</span> },
                })}
            </p>
        </form>
    }
    .into_any()
}

/// The saved ICE servers when there are any, else those of the server: whether they are saved, and their URLs.
fn in_use(settings: SavedSettings, offered: Offered) -> Option<(bool, Vec<String>)> {
    let own = settings.with(|settings| settings.ice_servers.clone());
    let has_own = !own.is_empty();
    let from_server = || offered.with(|offered| Some(offered.as_ref()?.ice_servers.clone()));
    let servers = if has_own { Some(own) } else { from_server() };
    let urls = servers?.into_iter().flat_map(|server| server.urls);
    Some((has_own, urls.collect()))
}

/// The choice to hide this machine's addresses from other peers.
pub(super) fn relay_only(offered: Offered) -> AnyView {
    let (language, settings) = (use_language(), use_settings());
    let chosen = move || settings.with(|settings| settings.relay_only);
    let unreachable = reactive_view(move || {
        let urls = in_use(settings, offered);
        let none = urls.is_some_and(|(_, urls)| !urls.iter().any(|url| url.starts_with("turn")));
        if chosen() && none {
            view! { <p class="notice small">{language.localized(|text| text.relay_only_none)}</p> }
                .into_any()
        } else {
            no_view()
        }
    });
    let label = view! {
        {language.localized(|text| text.relay_only)}
        <span class="small quiet">" " {language.localized(|text| text.relay_only_text)}</span>
    };
    let change = move |on| settings.update(|settings| settings.relay_only = on);
    view! {
        {switch("relay-only", true, Box::new(chosen), Box::new(change), label.into_any())}
        {unreachable}
    }
    .into_any()
}

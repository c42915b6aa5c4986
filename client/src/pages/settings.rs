//! Settings in two groups: those of a person (language, name, privacy), and those of the server's operator (its address, ICE servers).

mod alerts;
mod ice;
mod server;

use leptos::prelude::*;

use self::alerts::alert_settings;
use self::ice::{ice_settings, relay_only};
use self::server::ServerSettings;
use crate::hooks::ice::{Offered, use_offered};
use crate::hooks::language::{Language, use_language};
use crate::hooks::settings::use_settings;
use crate::hooks::window::use_title;
use crate::i18n::Lang;

#[component]
pub(crate) fn Settings() -> impl IntoView {
    let language = use_language();
    use_title(move || language.text().settings.to_owned());
    let offered = use_offered();
    view! {
        <main class="page narrow" id="main">
            <h1>{language.localized(|text| text.settings)}</h1>
            <div>
                <h2 class="group">{language.localized(|text| text.settings_own)}</h2>
                <p class="quiet small">{language.localized(|text| text.settings_text)}</p>
            </div>
            <LanguageSettings />
            {room_settings(offered)}
            {alert_settings()}
            <div>
                <h2 class="group">{language.localized(|text| text.settings_operator)}</h2>
                <p class="quiet small">{language.localized(|text| text.settings_operator_text)}</p>
            </div>
            <ServerSettings />
            {ice_settings(offered)}
        </main>
    }
}

fn room_settings(offered: Offered) -> AnyView {
    let (language, settings) = (use_language(), use_settings());
    let name = move || settings.with(|settings| settings.name.clone().unwrap_or_default());
    let save = move |event: web_sys::Event| {
        let name = event_target_value(&event).trim().to_owned();
        // The server refuses a name that is too long, with a message.
        settings.update(|settings| settings.name = Some(name).filter(|name| !name.is_empty()));
    };
    view! {
        <section class="card form">
            <h3>{move || language.common().rooms}</h3>
            <label>
                <span>{move || language.common().your_name}</span>
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
            <p class="small quiet" id="own-name-hint">{move || language.common().name_hint}</p>
            {relay_only(offered)}
        </section>
    }
    .into_any()
}

#[component]
fn LanguageSettings() -> impl IntoView {
    let settings = use_settings();
    let language = use_language();
    let choice = move |lang: Option<Lang>, label: fn(Language) -> &'static str| {
        let code = lang.map(Lang::code);
        let chosen = move || settings.with(|settings| settings.language.as_deref() == code);
        let choose =
            move |_| settings.update(|settings| settings.language = code.map(str::to_owned));
        view! {
            <label class="choice">
                <input type="radio" name="language" value=code.unwrap_or("auto") prop:checked=move || chosen() on:change=choose />
                <span lang=lang.map(Lang::tag)>{move || label(language)}</span>
            </label>
        }
    };
    view! {
        <fieldset class="card form">
            <legend class="visually-hidden">{language.localized(|text| text.language)}</legend>
            <h3 aria-hidden="true">{language.localized(|text| text.language)}</h3>
            {choice(None, |language| language.text().browser_language)}
            {choice(Some(Lang::En), |_| Lang::En.text().this_language)}
            {choice(Some(Lang::Zh), |_| Lang::Zh.text().this_language)}
        </fieldset>
    }
}

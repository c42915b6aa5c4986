//! How a person who is elsewhere is told of messages, of the settings.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::components::reactive::{RoomText, no_view, reactive_view, room_text};
use crate::components::switch::switch;
use crate::hooks::alerts::{Permission, ask, has_badge, permission};
use crate::hooks::language::use_language;
use crate::hooks::settings::use_settings;
use crate::state::settings::Settings;

type Field = fn(&mut Settings) -> &mut bool;

pub(super) fn alert_settings() -> AnyView {
    let (language, settings) = (use_language(), use_settings());
    let allowed = RwSignal::new(permission());
    let choice = move |id: &'static str, label: RoomText, field: Field, can: bool| {
        let is_on = move || settings.with(|settings| *field(&mut settings.clone()));
        let change = move |on| {
            settings.update(|settings| *field(settings) = on);
            if on && id == "notify" {
                spawn_local(async move {
                    let answer = ask().await;
                    let _ = allowed.try_set(answer);
                });
            }
        };
        let label = room_text(language, label).into_any();
        switch(id, can, Box::new(is_on), Box::new(change), label)
    };
    let obstacle = reactive_view(move || {
        let is_on = settings.with(|settings| settings.notify);
        let reason = match allowed.get() {
            Permission::Missing => room_text(language, |text| text.notify_missing),
            Permission::Denied if is_on => room_text(language, |text| text.notify_denied),
            Permission::Open if is_on => room_text(language, |text| text.notify_open),
            _ => return no_view(),
        };
        view! { <p class="notice small" id="notify-obstacle">{reason}</p> }.into_any()
    });
    let can_notify = allowed.get_untracked() != Permission::Missing;
    let no_badge = match has_badge() {
        true => no_view(),
        false => {
            view! { <p class="small quiet">{room_text(language, |text| text.badge_missing)}</p> }
                .into_any()
        }
    };
    view! {
        <section class="card form">
            <h3>{room_text(language, |text| text.alerts)}</h3>
            <p class="small quiet">{room_text(language, |text| text.alerts_text)}</p>
            {choice("notify", |text| text.notify, |settings| &mut settings.notify, can_notify)}
            {obstacle}
            {choice("notify-sound", |text| text.notify_sound, |settings| &mut settings.notify_sound, true)}
            {choice("notify-badge", |text| text.notify_badge, |settings| &mut settings.notify_badge, has_badge())}
            {no_badge}
        </section>
    }
    .into_any()
}

//! The search in a conversation: how many messages have the words, and a way from one to the next.

use leptos::html;
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::composer::focus;
use super::reactive::{button, click_handler, no_view, reactive_text, reactive_view, room_text};
use super::read_position::{ReadPosition, unmark_found};
use crate::hooks::derived::effect;
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::state::rows::MessageKey;
use crate::state::search::find;

/// Opens and closes the search.
pub(crate) fn search_button(language: Language, open: RwSignal<bool>) -> AnyView {
    let toggle = move || open.update(|open| *open = !*open);
    let label = room_text(language, |text| text.search);
    button("link", "search", label, toggle)
}

/// The bar over the messages, while it is open.
pub(crate) fn search_bar(
    language: Language,
    room: RoomHandle,
    read_position: ReadPosition,
    open: RwSignal<bool>,
) -> AnyView {
    let bar = move || match open.get() {
        true => open_bar(language, room, read_position, open),
        false => no_view(),
    };
    reactive_view(bar).into_any()
}

fn open_bar(
    language: Language,
    room: RoomHandle,
    read_position: ReadPosition,
    open: RwSignal<bool>,
) -> AnyView {
    let field = NodeRef::<html::Input>::new();
    let words = RwSignal::new(String::new());
    // The one that is shown, counted from the newest.
    let found = RwSignal::new((Vec::<MessageKey>::new(), 0));
    effect(move || {
        if let Some(field) = field.get() {
            let _ = field.focus();
        }
    });
    let show = move || {
        let key = found.with_untracked(|(keys, at)| keys.iter().rev().nth(*at).cloned());
        if let Some(key) = key {
            read_position.show_found(&key);
        }
    };
    let typed = move || {
        let Some(field) = field.get_untracked() else {
            return;
        };
        words.set(field.value());
        let keys = room
            .conversation
            .with_untracked(|all| find(all.entries(), &field.value()));
        found.set((keys, 0));
        unmark_found();
        show();
    };
    let step = move |older: bool| {
        found.update(|(keys, at)| {
            let last = keys.len().saturating_sub(1);
            *at = match older {
                true if *at < last => *at + 1,
                true => 0,
                false if *at > 0 => *at - 1,
                false => last,
            };
        });
        show();
    };
    let close = move || {
        unmark_found();
        open.set(false);
        focus("search");
    };
    let on_key = move |event: KeyboardEvent| match event.key().as_str() {
        "Enter" if !event.is_composing() => {
            event.prevent_default();
            step(!event.shift_key());
        }
        "Escape" if !event.is_composing() => close(),
        _ => {}
    };
    let count = reactive_text(move || {
        let has_words = words.with(|words| !words.trim().is_empty());
        found.with(|(keys, at)| match keys.len() {
            0 if has_words => language.room().nothing_found.to_owned(),
            0 => String::new(),
            all => (language.room().found)(at + 1, all),
        })
    });
    let way = |older: bool,
               sign: &'static str,
               label: fn(&crate::i18n::room::Room) -> &'static str| {
        let disabled = move || found.with(|(keys, _)| keys.len() < 2);
        let name = reactive_text(move || label(language.room()).to_owned());
        let act = click_handler(move || step(older));
        view! { <button type="button" class="button plain square" aria-label=name disabled=disabled on:click=act>{sign}</button> }.into_any()
    };
    view! {
        <div class="search-bar" role="search">
            <input
                type="search"
                class="field"
                id="search-field"
                autocomplete="off"
                aria-label=room_text(language, |text| text.search_hint)
                placeholder=room_text(language, |text| text.search_hint)
                node_ref=field
                on:input=move |_| typed()
                on:keydown=on_key
            />
            <span class="small quiet tabular" id="search-count" role="status">{count}</span>
            {way(true, "↑", |text| text.older_match)}
            {way(false, "↓", |text| text.newer_match)}
            {button("link", "search-close", room_text(language, |text| text.close_search), close)}
        </div>
    }
    .into_any()
}

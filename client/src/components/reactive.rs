//! Views that change, each kind with one type. Leptos compiles its code again for each type of closure.

use std::sync::{Arc, Mutex};

use leptos::prelude::*;
use leptos::tachys::reactive_graph::SharedReactiveFunction;
use web_sys::MouseEvent;

use crate::hooks::language::Language;
use crate::i18n::room::Room;

/// Text that follows signals, of the type that Leptos's macro makes of each closure.
pub(crate) type ReactiveText = SharedReactiveFunction<String>;
/// A view that follows signals.
pub(crate) type ReactiveView = SharedReactiveFunction<AnyView>;
/// Selects a message of the room table.
pub(crate) type RoomText = fn(&'static Room) -> &'static str;
pub(crate) type ClickHandler = Box<dyn FnMut(MouseEvent)>;

pub(crate) fn reactive_text(read: impl Fn() -> String + Send + 'static) -> ReactiveText {
    Arc::new(Mutex::new(read))
}

pub(crate) fn reactive_view(show: impl Fn() -> AnyView + Send + 'static) -> ReactiveView {
    Arc::new(Mutex::new(show))
}

pub(crate) fn click_handler(mut act: impl FnMut() + 'static) -> ClickHandler {
    Box::new(move |_| act())
}

/// An empty view.
pub(crate) fn no_view() -> AnyView {
    ().into_any()
}

/// A message of the room table, in the current language.
pub(crate) fn room_text(language: Language, read: RoomText) -> ReactiveText {
    reactive_text(move || read(language.room()).to_owned())
}

/// Text that stays.
pub(crate) fn fixed_text(text: &'static str) -> ReactiveText {
    reactive_text(move || text.to_owned())
}

/// A button with a label. `id` may be empty.
pub(crate) fn button(
    class: &'static str,
    id: &'static str,
    label: ReactiveText,
    act: impl FnMut() + 'static,
) -> AnyView {
    // Only this call is compiled for each type of `act`.
    button_view(class, id, label, click_handler(act))
}

fn button_view(
    class: &'static str,
    id: &'static str,
    label: ReactiveText,
    act: ClickHandler,
) -> AnyView {
    let id = (!id.is_empty()).then_some(id);
    view! { <button type="button" class=class id=id on:click=act>{label}</button> }.into_any()
}

/// A list that keeps the view of an item while its key is in the list. Items are found by their keys, so that all lists have one type.
pub(crate) fn keyed_list(
    keys: impl Fn() -> Vec<String> + Send + Sync + 'static,
    show: impl Fn(String) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    list_view(Box::new(keys), Arc::new(show))
}

/// A [`keyed_list`] for thousands of items, which are drawn again in another language. Nothing in them may follow a signal that they share: Leptos
/// unsubscribes by a search through all subscribers, so each change would take longer the more items there are.
pub(crate) fn localized_list(
    language: Language,
    keys: impl Fn() -> Vec<String> + Send + Sync + 'static,
    show: impl Fn(String) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    let keys = move || {
        let language = language.get().tag();
        let keys = keys().into_iter();
        keys.map(|key| format!("{language} {key}")).collect()
    };
    let show = move |key: String| {
        let (_, key) = key.split_once(' ').unwrap_or_default();
        untrack(|| show(key.to_owned()))
    };
    keyed_list(keys, show)
}

type Keys = Box<dyn Fn() -> Vec<String> + Send + Sync>;
type Show = Arc<dyn Fn(String) -> AnyView + Send + Sync>;

fn list_view(keys: Keys, show: Show) -> AnyView {
    view! { <For each=keys key=String::clone children=move |key| show(key) /> }.into_any()
}

//! Views that change, each kind with one type. Leptos compiles its code again for each type of closure.

use std::sync::{Arc, Mutex};

use leptos::prelude::*;
use leptos::tachys::reactive_graph::SharedReactiveFunction;
use web_sys::MouseEvent;

use crate::hooks::app::App;
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
pub(crate) fn room_text(app: App, read: RoomText) -> ReactiveText {
    reactive_text(move || read(app.room()).to_owned())
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

type Keys = Box<dyn Fn() -> Vec<String> + Send + Sync>;
type Show = Arc<dyn Fn(String) -> AnyView + Send + Sync>;

fn list_view(keys: Keys, show: Show) -> AnyView {
    view! { <For each=keys key=String::clone children=move |key| show(key) /> }.into_any()
}

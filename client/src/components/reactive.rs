//! Views that change, each kind under one type: every closure of its own type is compiled again with all that shows it.

use std::sync::{Arc, Mutex};

use leptos::prelude::*;
use leptos::tachys::reactive_graph::SharedReactiveFunction;
use web_sys::MouseEvent;

use crate::hooks::app::App;
use crate::i18n::room::Room;

/// A text that follows signals. The type is the one that Leptos's macro makes of every closure.
pub(crate) type ReactiveText = SharedReactiveFunction<String>;
/// A part of the page that follows signals.
pub(crate) type ReactiveView = SharedReactiveFunction<AnyView>;
/// One message about rooms.
pub(crate) type RoomText = fn(&'static Room) -> &'static str;
/// What a click does.
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

/// Nothing to be seen.
pub(crate) fn no_view() -> AnyView {
    ().into_any()
}

/// A message about rooms, in the language of the moment.
pub(crate) fn room_text(app: App, read: RoomText) -> ReactiveText {
    reactive_text(move || read(app.room()).to_owned())
}

/// A button with a word or two on it.
pub(crate) fn button(
    class: &'static str,
    id: &'static str,
    label: ReactiveText,
    act: impl FnMut() + 'static,
) -> AnyView {
    // Only this much is compiled for each button.
    pressed(class, id, label, click_handler(act))
}

fn pressed(
    class: &'static str,
    id: &'static str,
    label: ReactiveText,
    act: ClickHandler,
) -> AnyView {
    let id = (!id.is_empty()).then_some(id);
    view! { <button type="button" class=class id=id on:click=act>{label}</button> }.into_any()
}

/// A list that keeps what is shown of an item for as long as its key stays. An item is looked up by its key, so that one type serves all lists.
pub(crate) fn keyed_list(
    keys: impl Fn() -> Vec<String> + Send + Sync + 'static,
    show: impl Fn(String) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    listed(Box::new(keys), Arc::new(show))
}

type Keys = Box<dyn Fn() -> Vec<String> + Send + Sync>;
type Show = Arc<dyn Fn(String) -> AnyView + Send + Sync>;

fn listed(keys: Keys, show: Show) -> AnyView {
    view! { <For each=keys key=String::clone children=move |key| show(key) /> }.into_any()
}

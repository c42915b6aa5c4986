//! Views that change, each kind under one type: every closure of its own type is compiled again with all that shows it.

use leptos::prelude::*;
use web_sys::MouseEvent;

use crate::hooks::app::App;
use crate::i18n::room::Room;

/// A text that follows signals.
pub(crate) type Words = Box<dyn Fn() -> String + Send>;
/// A part of the page that follows signals.
pub(crate) type Part = Box<dyn Fn() -> AnyView + Send>;
/// One message about rooms.
pub(crate) type Read = fn(&'static Room) -> &'static str;
/// What a click does.
pub(crate) type Press = Box<dyn FnMut(MouseEvent)>;

pub(crate) fn words(read: impl Fn() -> String + Send + 'static) -> Words {
    Box::new(read)
}

pub(crate) fn part(show: impl Fn() -> AnyView + Send + 'static) -> Part {
    Box::new(show)
}

pub(crate) fn press(mut act: impl FnMut() + 'static) -> Press {
    Box::new(move |_| act())
}

/// Nothing to be seen.
pub(crate) fn nothing() -> AnyView {
    ().into_any()
}

/// A message about rooms, in the language of the moment.
pub(crate) fn say(app: App, read: Read) -> Words {
    words(move || read(&app.text().room).to_owned())
}

/// A button with an icon's or a word's worth of text.
pub(crate) fn button(
    class: &'static str,
    id: &'static str,
    label: Words,
    act: impl FnMut() + 'static,
) -> AnyView {
    let id = (!id.is_empty()).then_some(id);
    view! { <button type="button" class=class id=id on:click=press(act)>{label}</button> }
        .into_any()
}

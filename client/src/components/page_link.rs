//! A link to another page of the client.

use leptos::prelude::*;

use crate::hooks::app::App;
use crate::hooks::language::Language;
use crate::hooks::share_link::page_address;

/// From a player in a frame the page opens in a tab of its own.
pub(crate) fn page_link(
    app: App,
    fragment: &'static str,
    class: &'static str,
    label: fn(Language) -> &'static str,
) -> AnyView {
    let language = app.language;
    let address = move || match app.embedded {
        true => page_address(app, fragment),
        false => fragment.to_owned(),
    };
    let target = app.embedded.then_some("_blank");
    view! { <a class=class href=address target=target rel="noopener">{move || label(language)}</a> }
        .into_any()
}

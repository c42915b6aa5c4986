//! A link to another page of the client.

use leptos::prelude::*;

use crate::hooks::language::{Language, use_language};
use crate::hooks::route::is_embedded;
use crate::hooks::server::use_server;
use crate::hooks::share_link::page_address;

/// From a player in a frame the page opens in a tab of its own.
pub(crate) fn page_link(
    fragment: &'static str,
    class: &'static str,
    label: fn(Language) -> &'static str,
) -> AnyView {
    let (language, server) = (use_language(), use_server());
    let embedded = is_embedded();
    let address = move || match embedded {
        true => page_address(server, fragment),
        false => fragment.to_owned(),
    };
    let target = embedded.then_some("_blank");
    view! { <a class=class href=address target=target rel="noopener">{move || label(language)}</a> }
        .into_any()
}

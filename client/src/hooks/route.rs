//! The page that is open, by the fragment of the address.

use leptos::prelude::*;

use super::window::use_window;
use crate::state::route::{Route, query};

/// Call once, in the root component.
pub(crate) fn start() -> RwSignal<Route> {
    let location = window().location();
    let search = location.search().unwrap_or_default();
    let hash = location.hash().unwrap_or_default();
    let embedded = is_embedded();
    let stream = query(&search, "stream");
    let route = RwSignal::new(match embedded {
        true => Route::embedded(&hash, stream.as_deref()),
        false => Route::first(&hash, stream.as_deref()),
    });
    use_window(&["hashchange"], move |_| {
        let hash = window().location().hash().unwrap_or_default();
        route.set(match embedded {
            true => Route::embedded(&hash, stream.as_deref()),
            false => Route::parse(&hash),
        });
    });
    provide_context(route);
    route
}

/// The context of [`start`].
pub(crate) fn use_route() -> RwSignal<Route> {
    use_context().expect("the root component provides the route")
}

/// Opens a page.
pub(crate) fn go(route: &Route) {
    // The `hashchange` listener sets the signal.
    let _ = window().location().set_hash(&route.to_string());
}

/// `?embed=1`: the page shows only the player.
pub(crate) fn is_embedded() -> bool {
    let search = window().location().search().unwrap_or_default();
    query(&search, "embed").as_deref() == Some("1")
}

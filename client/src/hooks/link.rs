//! Addresses of this bundle, to hand to others.

use leptos::prelude::*;

use super::app::App;
use crate::state::route::encode;
use crate::state::server::Source;

/// The address of the bundle for one stream. The server is named unless the bundle comes from it.
pub(crate) fn bundle_link(app: App, name: &str, embedded: bool) -> String {
    let location = window().location();
    let origin = location.origin().unwrap_or_default();
    let path = location.pathname().unwrap_or_default();
    let mut link = format!("{origin}{path}?stream={}", encode(name));
    if embedded {
        link.push_str("&embed=1");
    }
    if let Some(server) = app
        .server_now()
        .filter(|server| server.source != Source::Origin && server.base != origin)
    {
        link.push_str(&format!("&server={}", encode(&server.base)));
    }
    link
}

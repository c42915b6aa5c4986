//! The description of the stream that a player in a frame shows.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::StreamInfo;

use super::derived::{effect, memo};
use super::server::use_server;
use crate::http;
use crate::state::route::encode;

/// Asked for at first, and when the player shows the stream or no longer does.
pub(crate) fn use_one_stream(name: String, shown: RwSignal<bool>) -> Memo<Option<StreamInfo>> {
    let server = use_server();
    let path = format!("api/streams/{}", encode(&name));
    let info = RwSignal::new(None::<StreamInfo>);
    effect(move || {
        shown.track();
        let Some(server) = server.get() else {
            return;
        };
        let url = server.url(&path);
        spawn_local(async move {
            if let Ok(found) = http::get_json(&url).await {
                let _ = info.try_set(Some(found));
            }
        });
    });
    memo(move || info.get())
}

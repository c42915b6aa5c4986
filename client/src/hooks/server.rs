//! The server that the page talks to.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::derived::memo;
use super::settings::SavedSettings;
use crate::http;
use crate::state::route::query;
use crate::state::server::{ConfigFile, Server, Source, normalize};

/// The context of [`ServerChoice::start`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerChoice {
    /// `None` while `config.json` is being fetched, `Some(None)` when there is no server.
    chosen: Memo<Option<Option<Server>>>,
    /// `?server=` when it is no address of a server.
    pub(crate) unusable: StoredValue<Option<String>>,
}

impl ServerChoice {
    /// Call once, in the root component.
    pub(crate) fn start(settings: SavedSettings) -> Self {
        let location = window().location();
        let search = location.search().unwrap_or_default();
        let origin = location.origin().unwrap_or_default();
        let config = RwSignal::new(None::<Option<String>>);
        spawn_local(async move {
            // Hosts may lack the file, or answer every path with a page.
            let file: Option<ConfigFile> = http::get_json("config.json").await.ok();
            config.set(Some(file.and_then(|file| file.server)));
        });
        let asked = query(&search, "server");
        let unusable = asked.clone().filter(|text| normalize(text).is_none());
        let chosen = memo(move || {
            let saved = settings.with(|settings| settings.server.clone());
            let config = config.get();
            let found = Server::choose(
                asked.as_deref(),
                saved.as_deref(),
                config.clone().flatten().as_deref(),
                &origin,
            );
            let sure = config.is_some()
                || found
                    .as_ref()
                    .is_some_and(|server| server.source < Source::Config);
            sure.then_some(found)
        });
        let choice = Self {
            chosen,
            unusable: StoredValue::new(unusable),
        };
        provide_context(choice);
        choice
    }

    /// Tracked; `None` while it is unknown or when there is none.
    pub(crate) fn get(self) -> Option<Server> {
        self.chosen.get().flatten()
    }

    /// As [`ServerChoice::get`], untracked.
    pub(crate) fn get_untracked(self) -> Option<Server> {
        self.chosen.try_get_untracked().flatten().flatten()
    }

    /// Tracked: whether it is known which one it is, or that there is none.
    pub(crate) fn is_decided(self) -> bool {
        self.chosen.get().is_some()
    }

    /// Tracked: whether there is none.
    pub(crate) fn is_missing(self) -> bool {
        matches!(self.chosen.get(), Some(None))
    }
}

pub(crate) fn use_server() -> ServerChoice {
    use_context().expect("the root component provides the server")
}

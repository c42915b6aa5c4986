//! The server that the page talks to.

use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::Url;

use super::derived::memo;
use super::settings::SavedSettings;
use crate::http;
use crate::state::route::query;
use crate::state::server::{ConfigFile, Server, normalize};
use crate::state::trust::{is_trusted, origin};

/// The context of [`ServerChoice::start`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerChoice {
    /// `None` while `config.json` is being fetched, `Some(None)` when there is no server.
    chosen: Memo<Option<Option<Server>>>,
    /// Whether the server is of this page, or chosen by its owner or the person.
    trusted: Memo<bool>,
    settings: SavedSettings,
    /// `?server=` as it is in the address.
    asked: StoredValue<Option<String>>,
}

/// What there is to say of `?server=`.
#[derive(PartialEq)]
pub(crate) enum QueryNotice {
    /// It is no address of a server.
    Unusable,
    /// The owner of the page has switched it off.
    SwitchedOff,
    /// It names a server that nobody has agreed to yet.
    Foreign,
}

impl ServerChoice {
    /// Call once, in the root component.
    pub(crate) fn start(settings: SavedSettings) -> Self {
        let location = window().location();
        let search = location.search().unwrap_or_default();
        let origin = location.origin().unwrap_or_default();
        let config = RwSignal::new(None::<ConfigFile>);
        spawn_local(async move {
            // Hosts may lack the file, or answer every path with a page.
            config.set(Some(
                http::get_json("config.json").await.unwrap_or_default(),
            ));
        });
        let asked = query(&search, "server");
        let named = asked.as_deref().and_then(canonical);
        let asked = StoredValue::new(asked);
        let page = origin.clone();
        let chosen = memo(move || {
            let saved = settings.with(|settings| settings.server.clone());
            let saved = saved.as_deref().and_then(canonical);
            let file = config.get();
            // Whether `?server=` counts, the file says.
            let is_sure = file.is_some() || (named.is_none() && saved.is_some());
            let file = file.unwrap_or_default();
            let configured = file.server.as_deref().and_then(canonical);
            let choose =
                |named| Server::choose(named, saved.as_deref(), configured.as_deref(), &page);
            let own = choose(None);
            let is_own = |base: &str| own.as_ref().is_some_and(|own| own.base == base);
            let named = named.as_deref();
            let found = choose(named.filter(|base| !file.ignore_server_query && !is_own(base)));
            is_sure.then_some(found)
        });
        let trusted = memo(move || {
            let Some(Some(server)) = chosen.get() else {
                return false;
            };
            let configured = config
                .get()
                .and_then(|file| canonical(file.server.as_deref()?));
            settings.with(|settings| {
                let saved = settings.server.as_deref().and_then(canonical);
                let known = [Some(&origin), saved.as_ref(), configured.as_ref()];
                let known = known.into_iter().flatten().chain(&settings.agreed);
                is_trusted(&server.base, known.map(String::as_str))
            })
        });
        let choice = Self {
            chosen,
            trusted,
            settings,
            asked,
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

    /// Tracked: whether it may have what is the person's own.
    pub(crate) fn is_trusted(self) -> bool {
        self.trusted.get()
    }

    /// The person agrees to this server, from now on.
    pub(crate) fn trust(self, server: &Server) {
        let origin = origin(&server.base).to_owned();
        self.settings
            .update(|settings| settings.agreed.push(origin));
    }

    /// Tracked, with `?server=` as it is in the address.
    pub(crate) fn query_notice(self) -> Option<(QueryNotice, String)> {
        let asked = self.asked.get_value()?;
        let used = self.chosen.get()?;
        let notice = match canonical(&asked) {
            None => QueryNotice::Unusable,
            Some(base) if used.is_none_or(|server| server.base != base) => QueryNotice::SwitchedOff,
            Some(_) if self.is_trusted() => return None,
            Some(_) => QueryNotice::Foreign,
        };
        Some((notice, asked))
    }
}

pub(crate) fn use_server() -> ServerChoice {
    use_context().expect("the root component provides the server")
}

/// A typed address as the browser reads it, so that no two spellings are of one server, and none looks like another one. `None`: it is unusable.
fn canonical(text: &str) -> Option<String> {
    let url = Url::new(&normalize(text)?).ok()?;
    normalize(&format!("{}{}", url.origin(), url.pathname()))
}

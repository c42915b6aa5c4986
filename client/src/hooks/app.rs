//! Shared by all pages: settings, server and route.

use super::derived::{effect, memo};
use super::language::Language;
use super::settings::use_settings;
use super::wake::{self, Wake};
use super::window::use_window;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::http;
use crate::state::route::{Route, query};
use crate::state::server::{ConfigFile, Server, normalize};
use crate::state::settings::Settings;

/// The context of hooks, and of components that need more than texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct App {
    pub(crate) settings: RwSignal<Settings>,
    pub(crate) route: RwSignal<Route>,
    pub(crate) language: Language,
    /// `None` while `config.json` is being fetched, `Some(None)` when there is no server.
    pub(crate) server: Memo<Option<Option<Server>>>,
    /// `?server=` when it is no address of a server.
    pub(crate) bad_server: StoredValue<Option<String>>,
    /// Set whenever what is waited for should be tried at once; see [`wake::use_wake`].
    pub(crate) woken: RwSignal<Option<Wake>>,
    /// `?embed=1`: shows only the player.
    pub(crate) embedded: bool,
}

impl App {
    /// Reads settings and route, and follows their changes. Call once, in the root component.
    pub(crate) fn start() -> Self {
        let location = window().location();
        let search = location.search().unwrap_or_default();
        let hash = location.hash().unwrap_or_default();
        let origin = location.origin().unwrap_or_default();

        let settings = use_settings();

        let embedded = query(&search, "embed").as_deref() == Some("1");
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

        let language = Language::start(settings);
        provide_context(language);

        let config = RwSignal::new(None::<Option<String>>);
        spawn_local(async move {
            // Hosts may lack the file, or answer every path with a page.
            let file: Option<ConfigFile> = http::get_json("config.json").await.ok();
            config.set(Some(file.and_then(|file| file.server)));
        });
        let asked = query(&search, "server");
        let bad_server = asked.clone().filter(|text| normalize(text).is_none());
        let server = memo(move || {
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
                    .is_some_and(|server| server.source < crate::state::server::Source::Config);
            sure.then_some(found)
        });

        Self {
            settings,
            route,
            language,
            server,
            bad_server: StoredValue::new(bad_server),
            woken: wake::start(),
            embedded,
        }
    }

    /// The server, tracked; `None` while it is unknown or when there is none.
    pub(crate) fn server_now(self) -> Option<Server> {
        self.server.get().flatten()
    }

    /// Opens a page.
    pub(crate) fn go(self, route: &Route) {
        // The `hashchange` listener sets the signal.
        let _ = window().location().set_hash(&route.to_string());
    }
}

/// The context of [`App::start`].
pub(crate) fn use_app() -> App {
    use_context().expect("the root component provides the app")
}

/// Sets the title of the tab: the name of the page, then "Weir".
pub(crate) fn use_title(title: impl Fn() -> String + 'static) {
    effect(move || {
        let title = title();
        document().set_title(&if title.is_empty() {
            "Weir".to_owned()
        } else {
            format!("{title} · Weir")
        });
    });
}

/// Local storage. `None` when the browser denies it; then nothing is saved.
pub(crate) fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

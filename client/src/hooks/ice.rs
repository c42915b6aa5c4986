//! ICE servers for rooms and media: the user's, or the server's, whose credentials expire.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::{IceConfig, IceServer, IceTransportPolicy};

use super::derived::{effect, memo};
use super::server::use_server;
use super::settings::SavedSettings;
use super::streams::use_streams;
use crate::http::{self, HttpError};
use crate::rtc::media_session::IceServers;
use crate::rtc::mesh::{IceProvider, IceSettings};
use crate::rtc::timer::now;
use crate::state::server::Server;

/// A response of the server is used for new connections up to this age.
const MAX_AGE_MS: f64 = 600_000.0;

/// Fetches the server's ICE servers when the cached ones are too old. Without a response, peers connect only within a network.
pub(crate) fn ice_provider(settings: SavedSettings, server: &Server) -> IceProvider {
    let server = server.clone();
    let known: Rc<RefCell<Option<(f64, IceConfig)>>> = Rc::default();
    Box::new(move || {
        let (chosen, relay_only) =
            settings.with_untracked(|settings| (settings.ice_servers.clone(), settings.relay_only));
        let (server, known) = (server.clone(), Rc::clone(&known));
        Box::pin(async move {
            if !chosen.is_empty() {
                return IceSettings {
                    servers: chosen,
                    relay_only,
                };
            }
            let config = fetch_config(&server, &known).await;
            let relayed = config.ice_transport_policy == IceTransportPolicy::Relay;
            IceSettings {
                servers: config.ice_servers,
                relay_only: relay_only || relayed,
            }
        })
    })
}

/// Asks for the server's ICE servers as its rooms will be asked, with the origin of the page: a refusal says which flag permits it.
pub(crate) async fn request_config(server: &Server) -> Result<IceConfig, HttpError> {
    let url = server.url("api/ice");
    let text = match http::post_text(&url).await {
        // An older server answers GET alone.
        Err(HttpError::Status { status: 405, .. } | HttpError::Unreadable) => {
            http::get_text(&url).await?
        }
        answer => answer?,
    };
    serde_json::from_str(&text).map_err(|_| HttpError::Unreadable)
}

/// For a connection to the server: the user's, else those of the server, without its TURN servers unless `relays`. Empty when the server has none.
pub(crate) fn media_servers(settings: SavedSettings, server: &Server, relays: bool) -> IceServers {
    let own = settings.with_untracked(|settings| settings.ice_servers.clone());
    let url = server.url("api/ice");
    // Every page may watch.
    let request = own.is_empty().then(|| http::get_text(&url));
    Box::pin(async move {
        let Some(request) = request else { return own };
        let config = request.await.ok();
        let config: Option<IceConfig> = config.and_then(|text| serde_json::from_str(&text).ok());
        let mut servers = config.unwrap_or_default().ice_servers;
        let relay = |server: &IceServer| server.urls.iter().any(|url| url.starts_with("turn"));
        servers.retain(|server| relays || !relay(server));
        servers
    })
}

/// What the server offers; `None` until it has answered.
pub(crate) type Offered = RwSignal<Option<IceConfig>>;

/// Asks the server, and again whenever it is back.
pub(crate) fn use_offered() -> Offered {
    let server = use_server();
    let offered = RwSignal::new(None);
    let streams = use_streams().value;
    let lost = memo(move || streams.with(|list| list.error().is_some()));
    effect(move || {
        let server = server.get().filter(|_| !lost.get());
        let Some(server) = server else { return };
        spawn_local(async move {
            if let Ok(config) = request_config(&server).await {
                let _ = offered.try_set(Some(config));
            }
        });
    });
    offered
}

async fn fetch_config(server: &Server, known: &RefCell<Option<(f64, IceConfig)>>) -> IceConfig {
    let before = known.borrow().clone();
    // Half of the credentials' lifetime is left for the connection that uses them.
    let fresh = |ttl: Option<u64>| ttl.map_or(MAX_AGE_MS, |ttl| MAX_AGE_MS.min(ttl as f64 * 500.0));
    if let Some((at, config)) = &before
        && now() < at + fresh(config.ttl)
    {
        return config.clone();
    }
    match request_config(server).await {
        Ok(config) => {
            known.replace(Some((now(), config.clone())));
            config
        }
        Err(_) => before.map(|(_, config)| config).unwrap_or_default(),
    }
}

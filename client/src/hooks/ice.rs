//! How to reach others: what the person set, or what the server names, whose credentials expire.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;
use shared::api::{IceConfig, IceTransportPolicy};

use super::app::App;
use crate::http;
use crate::rtc::mesh::{IceProvider, IceSettings};
use crate::rtc::timer::now;

/// Milliseconds for which an answer of the server is good enough for new connections.
const MAX_AGE_MS: f64 = 600_000.0;

/// Asks the server when there is nothing fresh; one that does not answer costs nothing but directness.
pub(crate) fn ice_provider(app: App) -> IceProvider {
    let known: Rc<RefCell<Option<(f64, IceConfig)>>> = Rc::default();
    Box::new(move || {
        let (chosen, relay_only) = app
            .settings
            .with_untracked(|settings| (settings.ice_servers.clone(), settings.relay_only));
        let url = app.server.get_untracked().flatten();
        let url = url.map(|server| server.url("api/ice"));
        let known = Rc::clone(&known);
        Box::pin(async move {
            let Some(url) = url.filter(|_| chosen.is_empty()) else {
                return IceSettings {
                    servers: chosen,
                    relay_only,
                };
            };
            let config = fetch_config(&url, &known).await;
            let relayed = config.ice_transport_policy == IceTransportPolicy::Relay;
            IceSettings {
                servers: config.ice_servers,
                relay_only: relay_only || relayed,
            }
        })
    })
}

async fn fetch_config(url: &str, known: &RefCell<Option<(f64, IceConfig)>>) -> IceConfig {
    let before = known.borrow().clone();
    // Half of their life is left for the connection that is made with them.
    let fresh = |ttl: Option<u64>| ttl.map_or(MAX_AGE_MS, |ttl| MAX_AGE_MS.min(ttl as f64 * 500.0));
    if let Some((at, config)) = &before
        && now() < at + fresh(config.ttl)
    {
        return config.clone();
    }
    match http::get_json::<IceConfig>(url).await {
        Ok(config) => {
            known.replace(Some((now(), config.clone())));
            config
        }
        Err(_) => before.map(|(_, config)| config).unwrap_or_default(),
    }
}

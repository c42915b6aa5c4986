//! The route table.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use super::client_counting::ClientCounting;
use super::connections::Connections;
use super::error::HttpError;
use super::events::{self, EventHub};
use super::ice::{self, Ice};
use super::listing::Listing;
use super::pace::ApiPace;
use super::page::{self, Builds};
use super::trust::{self, Https};
use super::{
    browser_policy, compression, cors, error, metrics, offer, session, streams, unread_body, whep,
    whip, ws,
};
use crate::publishing::Publishing;
use access::{Callers, KeyHash};
use connection::Viewers;
use room::registry::RoomRegistry;
use stream::registry::Registry;

/// The state that handlers share.
#[derive(Debug)]
pub struct App {
    pub registry: Registry,
    pub viewers: Viewers,
    pub publishing: Publishing,
    pub rooms: RoomRegistry,
    pub counting: Arc<ClientCounting>,
    pub connections: Connections,
    pub events: EventHub,
    /// STUN and TURN servers for clients.
    pub ice: Ice,
    pub callers: Callers,
    pub(crate) pace: ApiPace,
    pub(crate) listing: Listing,
    /// Of `--metrics-token`.
    pub(crate) metrics_token: Option<KeyHash>,
    /// The built client.
    pub builds: Arc<Builds>,
    pub https: Option<Https>,
    pub started: Instant,
}

pub fn router(app: Arc<App>) -> Router {
    // Nothing in their answers is secret.
    let compressed = Router::new()
        .route("/api/streams/{name}", get(streams::one))
        .route("/api/health", get(streams::health))
        .route("/metrics", get(metrics::by_token))
        .route_layer(from_fn(compression::compress));
    Router::new()
        .route("/offer", post(offer::offer))
        .route(
            "/whep/{stream}",
            post(whep::create)
                .options(whep::discover)
                .head(whep::discover),
        )
        .route("/whip", post(whip::create_by_key).options(whip::discover))
        .route("/whip/{stream}", post(whip::create).options(whip::discover))
        .route(
            "/session/{secret}",
            get(session::info)
                .patch(session::patch)
                .delete(session::end),
        )
        .merge(compressed)
        .route("/api/streams", get(streams::list))
        .route("/api/streams/{name}/poster.jpg", get(streams::poster))
        .route("/api/events", get(events::open))
        .route("/api/ice", get(ice::config).post(ice::config))
        .route("/ws", get(ws::open))
        .route("/trust", get(trust::page))
        .route("/trust/weir-authority.crt", get(trust::certificate))
        .fallback(page::page)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn_with_state(app.clone(), cors::allow))
        .layer(from_fn(browser_policy::restrict))
        .layer(from_fn(unread_body::discard))
        .with_state(app)
}

/// What `--metrics-listen` serves.
pub fn metrics_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::by_address))
        .route_layer(from_fn(compression::compress))
        .fallback(no_such_route)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn(browser_policy::restrict))
        .layer(from_fn(unread_body::discard))
        .with_state(app)
}

async fn no_such_route(uri: Uri) -> HttpError {
    error::no_such_route(&uri)
}

//! `/whip/{stream}` and `/whip`: RFC 9725.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;

use super::body;
use super::client_counting::Counted;
use super::error::HttpError;
use super::ice::LinkedServers;
use super::offer::{SDP, user_agent};
use super::router::App;
use super::session::PUBLISHER;
use super::whep::{created, options};

/// No `Debug`: both fields are secrets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishQuery {
    /// For devices that cannot send a header.
    key: Option<String>,
    /// The address of a session, or its secret: this session replaces it.
    after: Option<String>,
}

/// `POST /whip/{stream}`: 201 with the answer, and the session's address in `Location`.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    client: Counted,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<PublishQuery>, QueryRejection>,
    servers: LinkedServers,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let Path(name) = name.map_err(|_| HttpError::BadPath)?;
    publish(&app, client, Some(&name), query, servers, &headers, body).await
}

/// `POST /whip`: the same, to the stream that the key names.
pub(super) async fn create_by_key(
    State(app): State<Arc<App>>,
    client: Counted,
    query: Result<Query<PublishQuery>, QueryRejection>,
    servers: LinkedServers,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    publish(&app, client, None, query, servers, &headers, body).await
}

async fn publish(
    app: &App,
    client: Counted,
    name: Option<&str>,
    query: Result<Query<PublishQuery>, QueryRejection>,
    LinkedServers(servers): LinkedServers,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let Query(query) = query.map_err(|_| HttpError::BadPublishQuery)?;
    let key = bearer(headers).or(query.key.as_deref());
    // Before the body: nothing is kept of what a client without a key sends.
    let grant = app.publishing.authorize(client.0, key, name)?;
    let offer = body::text(headers, body, SDP).await?;
    let user_agent = user_agent(headers).map(str::to_owned);
    let after = query.after.as_deref().map(secret_of_publisher);
    let opened = app
        .publishing
        .open_session(grant, offer, client.0, user_agent, after);
    let opened = opened.await?;
    let location = format!("/session/{PUBLISHER}{}", opened.secret);
    Ok(created(opened.answer, &location, &opened.etag, &servers))
}

/// `OPTIONS`: accepted media types, and ICE servers for the offer (RFC 9725 4.6). Names and keys do not count.
pub(super) async fn discover(LinkedServers(servers): LinkedServers) -> Response {
    options(&servers, "POST, OPTIONS")
}

/// The secret in the address of a session.
fn secret_of_publisher(address: &str) -> String {
    let secret = address.rsplit('/').next().unwrap_or_default();
    secret.strip_prefix(PUBLISHER).unwrap_or(secret).to_owned()
}

/// The token of `Authorization: Bearer` (RFC 6750 2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("Bearer")
        .then_some(token.trim())
}

//! `/api/streams` and `/api/health`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::api::{Health, StreamDetails};

use super::content_coding::{Coding, choose};
use super::error::HttpError;
use super::pace::Paced;
use super::page::is_known;
use super::router::App;
use super::whep::find;

/// For responses that change all the time.
pub(super) const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Its entity tag tells a client that it has the list of now.
pub(super) async fn list(State(app): State<Arc<App>>, _: Paced, headers: HeaderMap) -> Response {
    let text = app.listing.current();
    let gzipped = match choose(&headers, &[Coding::Gzip]) {
        Some(Coding::Gzip) => text.gzipped().await,
        _ => None,
    };
    let etag = text.etag(gzipped.is_some());
    let mut response = match is_known(&headers, &etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            let coding = gzipped.as_ref().and_then(|_| Coding::Gzip.header());
            let body = Body::from(gzipped.unwrap_or_else(|| text.plain.clone()));
            let mut response = (json, body).into_response();
            if let Some(coding) = coding {
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_ENCODING, coding);
            }
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    let no_cache = HeaderValue::from_static("no-cache");
    headers.insert(header::CACHE_CONTROL, no_cache);
    let vary = HeaderValue::from_static("Accept-Encoding");
    headers.append(header::VARY, vary);
    response
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    _: Paced,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    let stream = find(&app, name)?.info();
    let publisher = app.publishing.session(&stream.name);
    let publisher = publisher.map(|publisher| publisher.stats());
    Ok((NO_STORE, Json(StreamDetails { stream, publisher })).into_response())
}

/// Browsers cache a poster for a minute: long enough to scroll a gallery, short enough to show a replaced file.
pub(super) async fn poster(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    let jpeg = find(&app, name)?.poster().await?;
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "max-age=60"),
    ];
    Ok((headers, jpeg).into_response())
}

pub(super) async fn health(State(app): State<Arc<App>>, _: Paced) -> Response {
    let admission = app.registry.admission();
    let limits = admission.limits();
    let refused = admission.refused().filter(|(_, times)| *times > 0);
    let shards = app.viewers.shards();
    let failed = shards
        .iter()
        .filter(|shard| shard.failed.load(Ordering::Relaxed));
    let health = Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        streams: count(app.registry.count()),
        viewers: admission.viewers(),
        max_viewers: limits.viewers.total,
        connecting: admission.connecting(),
        max_connecting: limits.connecting.total,
        encoders: admission.encoders(),
        max_encoders: limits.encoders.total,
        refused: refused
            .map(|(limit, times)| (limit.name().to_owned(), times))
            .collect(),
        egress: admission.egress(),
        max_egress: limits.egress,
        rooms: count(app.rooms.rooms()),
        sockets: count(app.rooms.sockets()),
        event_streams: app.events.readers(),
        failed_shards: count(failed.count()),
        shard_restarts: shards.iter().map(|shard| shard.restarts.get()).sum(),
        connection_restarts: shards
            .iter()
            .map(|shard| shard.connection_restarts.get())
            .sum(),
        uptime: app.started.elapsed().as_secs(),
    };
    (NO_STORE, Json(health)).into_response()
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

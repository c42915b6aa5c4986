//! `GET /api/events`: the list of streams as it changes, as Server-Sent Events (HTML 9.2; [`shared::stream_events`]).
//!
//! A reader that does not read holds one version number, one event that waits, and what the system buffers; `listen` closes its connection.

mod hub;
mod journal;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;

use super::client_counting::Counted;
use super::error::HttpError;
use super::router::App;
pub use hub::EventHub;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Neither stored, nor compressed, nor held back by a proxy: an event is worth something now.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "text/event-stream"),
    (header::CACHE_CONTROL, "no-store, no-transform"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

pub(super) async fn open(
    State(app): State<Arc<App>>,
    client: Counted,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let last = headers.get(LAST_EVENT_ID);
    let last = last.and_then(|last| last.to_str().ok());
    let reader = app
        .events
        .open(client.0, last)
        .map_err(HttpError::TooManyEventStreams)?;
    let body = unfold(reader, async |mut reader| {
        let bytes = reader.next().await?;
        Some((Ok::<_, Infallible>(bytes), reader))
    });
    Ok((HEADERS, Body::from_stream(body)).into_response())
}

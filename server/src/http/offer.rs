//! `POST /offer[?stream=NAME]`: the plain way to watch. Offer in, answer out, candidates included.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::body;
use super::error::HttpError;
use super::router::App;
use connection::NewSession;
use stream::Stream;

pub(super) const SDP: &str = "application/sdp";

/// Looking at a file on a slow disk may take this long.
const TO_ANSWER: Duration = Duration::from_secs(12);

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    stream: Option<String>,
}

pub(super) async fn offer(
    State(app): State<Arc<App>>,
    which: Result<Query<Which>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let offer = body::text(&headers, body, SDP).await?;
    let Query(which) = which.map_err(|_| HttpError::BadQuery)?;
    let stream = match which.stream {
        Some(name) => app
            .registry
            .get(&name)
            .ok_or(HttpError::NoSuchStream(name))?,
        None => app.registry.first().ok_or(HttpError::NoStreams)?,
    };
    let watching = watch(&app, stream, offer).await?;
    Ok((
        [
            (header::CONTENT_TYPE, SDP),
            (header::CACHE_CONTROL, "no-store"),
        ],
        watching.answer,
    )
        .into_response())
}

/// Answers an offer, within the limits on viewers and time.
pub(super) async fn watch(
    app: &App,
    stream: Arc<Stream>,
    offer: String,
) -> Result<NewSession, HttpError> {
    let permit = app.registry.admit().ok_or(HttpError::Full)?;
    let watching =
        tokio::time::timeout(TO_ANSWER, app.viewers.open_session(permit, stream, offer)).await;
    Ok(watching.map_err(|_| HttpError::Stalled)??)
}

//! `POST /offer[?stream=NAME]`: an SDP offer in, an answer with candidates out.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::body;
use super::client_counting::Counted;
use super::error::HttpError;
use super::router::App;
use connection::{NewSession, Session, ViewerOffer};
use stream::{Stream, StreamError};

pub(super) const SDP: &str = "application/sdp";

/// Probing a file on a slow disk may take this long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

#[derive(Debug, Deserialize)]
pub(super) struct OfferQuery {
    stream: Option<String>,
}

pub(super) async fn offer(
    State(app): State<Arc<App>>,
    client: Counted,
    query: Result<Query<OfferQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let offer = body::text(&headers, body, SDP).await?;
    let Query(query) = query.map_err(|_| HttpError::BadQuery)?;
    let stream = match query.stream {
        Some(name) => app
            .registry
            .get(&name)
            .ok_or(HttpError::NoSuchStream(name))?,
        None => app.registry.first().ok_or(HttpError::NoStreams)?,
    };
    let offer = ViewerOffer {
        sdp: &offer,
        user_agent: user_agent(&headers),
        waits: false,
    };
    let session = open_session(&app, client, stream, offer).await?;
    Ok((
        [
            (header::CONTENT_TYPE, SDP),
            (header::CACHE_CONTROL, "no-store"),
        ],
        session.answer,
    )
        .into_response())
}

/// Answers an offer, within the limits on viewers and time.
pub(super) async fn open_session(
    app: &App,
    client: Counted,
    stream: Arc<Stream>,
    offer: ViewerOffer<'_>,
) -> Result<NewSession<Session>, HttpError> {
    let permit = app.registry.admit(client.0).map_err(StreamError::from)?;
    let session = app.viewers.open_session(permit, stream, offer);
    let session = tokio::time::timeout(ANSWER_TIMEOUT, session).await;
    Ok(session.map_err(|_| HttpError::Stalled)??)
}

pub(super) fn user_agent(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::USER_AGENT)?.to_str().ok()
}

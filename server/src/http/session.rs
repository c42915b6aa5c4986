//! `/session/{secret}`: candidates, ICE restart, statistics and end of a session.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::api::ViewerInfo;

use super::body;
use super::error::HttpError;
use super::router::App;
use super::streams::NO_STORE;
use super::whep::FRAGMENT;
use connection::{Patched, Session};

/// `PATCH`: 204 when candidates were added, 200 with the credentials of the server when ICE restarts.
pub(super) async fn patch(
    State(app): State<Arc<App>>,
    secret: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let session = find(&app, secret)?;
    let fragment = body::text(&headers, body, FRAGMENT).await?;
    let if_match = headers
        .get(header::IF_MATCH)
        .map(|value| value.to_str().unwrap_or("\"\""));
    Ok(match session.patch(&fragment, if_match).await? {
        Patched::Trickled => StatusCode::NO_CONTENT.into_response(),
        Patched::Restarted { fragment, etag } => {
            let mut response = fragment.into_response();
            let etag = HeaderValue::try_from(format!("\"{etag}\""))
                .expect("hexadecimal digits are valid in a header");
            response.headers_mut().insert(header::ETAG, etag);
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(FRAGMENT));
            response
        }
    })
}

/// `GET`: statistics of this viewer.
pub(super) async fn info(
    State(app): State<Arc<App>>,
    secret: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    let session = find(&app, secret)?;
    let counters = session.counters();
    let sent = &counters.sent;
    let info = ViewerInfo {
        profile: counters.profile().map(|profile| profile.name().to_owned()),
        estimate: counters.estimate_bps(),
        rtt: counters.rtt().map(|rtt| rtt.as_secs_f64()),
        packets: sent.packets.get(),
        bytes: sent.bytes.get(),
        rtx: sent.rtx.get(),
        nacks: sent.nacks.get(),
        plis: sent.plis.get(),
        skips: sent.skips.get(),
        send_errors: sent.send_errors.get(),
    };
    Ok((NO_STORE, Json(info)).into_response())
}

/// `DELETE`: responds when the connection is closed.
pub(super) async fn end(
    State(app): State<Arc<App>>,
    secret: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, HttpError> {
    find(&app, secret)?.delete().await;
    Ok(StatusCode::OK)
}

fn find(app: &App, secret: Result<Path<String>, PathRejection>) -> Result<Arc<Session>, HttpError> {
    let Path(secret) = secret.map_err(|_| HttpError::NoSuchSession)?;
    app.viewers.session(&secret).ok_or(HttpError::NoSuchSession)
}

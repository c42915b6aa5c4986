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
use connection::{Patched, PublisherSession, Session};

/// Before the secret of a publisher's session.
pub(super) const PUBLISHER: char = 'p';
/// Of a secret, in hexadecimal digits.
const SECRET_LENGTH: usize = 32;

/// What a secret names.
enum Found {
    Viewer(Arc<Session>),
    Publisher(Arc<PublisherSession>),
}

/// `PATCH`: 204 when candidates were added, 200 with the credentials of the server when ICE restarts.
pub(super) async fn patch(
    State(app): State<Arc<App>>,
    secret: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let session = find(&app, &self::secret(secret)?)?;
    let fragment = body::text(&headers, body, FRAGMENT).await?;
    let if_match = headers
        .get(header::IF_MATCH)
        .map(|value| value.to_str().unwrap_or("\"\""));
    let patched = match session {
        Found::Viewer(session) => session.patch(&fragment, if_match).await,
        Found::Publisher(session) => session.patch(&fragment, if_match).await,
    };
    Ok(match patched? {
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

/// `GET`: statistics of this viewer, or publisher.
pub(super) async fn info(
    State(app): State<Arc<App>>,
    secret: Result<Path<String>, PathRejection>,
) -> Result<Response, HttpError> {
    let response = match find(&app, &self::secret(secret)?)? {
        Found::Viewer(session) => Json(viewer(&session)).into_response(),
        Found::Publisher(session) => Json(session.stats()).into_response(),
    };
    Ok((NO_STORE, response).into_response())
}

fn viewer(session: &Session) -> ViewerInfo {
    let counters = session.counters();
    let sent = &counters.sent;
    ViewerInfo {
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
    }
}

/// `DELETE`: responds when the connection is closed. The session of a publisher may have ended already: encoders close their connection before, and treat any
/// status but 200 as a failure.
pub(super) async fn end(
    State(app): State<Arc<App>>,
    secret: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, HttpError> {
    let secret = self::secret(secret)?;
    match publisher_secret(&secret) {
        Some(secret) => app.publishing.delete(secret).await,
        None => {
            let session = app.viewers.session(&secret);
            session.ok_or(HttpError::NoSuchSession)?.delete().await;
        }
    }
    Ok(StatusCode::OK)
}

fn secret(secret: Result<Path<String>, PathRejection>) -> Result<String, HttpError> {
    let Path(secret) = secret.map_err(|_| HttpError::NoSuchSession)?;
    Ok(secret)
}

/// The secret of a publisher's session, which may have ended.
fn publisher_secret(secret: &str) -> Option<&str> {
    let digits = secret.strip_prefix(PUBLISHER)?;
    let is_secret =
        digits.len() == SECRET_LENGTH && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_secret.then_some(digits)
}

fn find(app: &App, secret: &str) -> Result<Found, HttpError> {
    let found = match secret.strip_prefix(PUBLISHER) {
        Some(secret) => {
            let session = app.publishing.publishers().session(secret);
            session.map(Found::Publisher)
        }
        None => app.viewers.session(secret).map(Found::Viewer),
    };
    found.ok_or(HttpError::NoSuchSession)
}

//! `/whep/{stream}`: draft-ietf-wish-whep, in the mode where the client offers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use connection::ViewerOffer;
use serde::Deserialize;
use shared::api::IceServer;

use super::body;
use super::client_counting::Counted;
use super::error::HttpError;
use super::ice::LinkedServers;
use super::offer::{SDP, open_session, user_agent};
use super::router::App;
use stream::Stream;

pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

#[derive(Debug, Deserialize)]
pub(super) struct WhepQuery {
    /// `1`: a stream that nobody publishes is waited for.
    wait: Option<String>,
}

/// `POST`: 201 with the answer, and the session's address in `Location`.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    client: Counted,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<WhepQuery>, QueryRejection>,
    LinkedServers(servers): LinkedServers,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let stream = find(&app, name)?;
    let Query(query) = query.map_err(|_| HttpError::BadQuery)?;
    let sdp = body::text(&headers, body, SDP).await?;
    let offer = ViewerOffer {
        sdp: &sdp,
        user_agent: user_agent(&headers),
        waits: query.wait.as_deref() == Some("1"),
    };
    let session = open_session(&app, client, stream, offer).await?;
    let location = format!("/session/{}", session.secret);
    Ok(created(session.answer, &location, &session.etag, &servers))
}

/// 201 with an answer and the address of its session.
pub(super) fn created(
    answer: String,
    location: &str,
    etag: &str,
    servers: &[IceServer],
) -> Response {
    let mut response = (StatusCode::CREATED, answer).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    for (name, value) in [
        (header::LOCATION, location.to_owned()),
        (header::ETAG, format!("\"{etag}\"")),
    ] {
        headers.insert(
            name,
            HeaderValue::try_from(value).expect("hexadecimal digits are valid in a header"),
        );
    }
    link(headers, servers);
    response
}

/// `OPTIONS` and `HEAD`: accepted media types, and ICE servers for the offer.
pub(super) async fn discover(
    State(app): State<Arc<App>>,
    name: Result<Path<String>, PathRejection>,
    LinkedServers(servers): LinkedServers,
) -> Result<Response, HttpError> {
    find(&app, name)?;
    Ok(options(&servers, "POST, OPTIONS, HEAD"))
}

/// What an address for offers accepts.
pub(super) fn options(servers: &[IceServer], allowed: &'static str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP));
    headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    link(headers, servers);
    response
}

pub(super) fn find(
    app: &App,
    name: Result<Path<String>, PathRejection>,
) -> Result<Arc<Stream>, HttpError> {
    let Path(name) = name.map_err(|_| HttpError::BadPath)?;
    app.registry.get(&name).ok_or(HttpError::NoSuchStream(name))
}

/// `Link: <stun:host>; rel="ice-server"` (RFC 9725 4.6).
fn link(headers: &mut HeaderMap, servers: &[IceServer]) {
    for server in servers {
        for url in &server.urls {
            let mut value = format!("<{url}>; rel=\"ice-server\"");
            if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
                value.push_str(&format!(
                    "; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
                    quoted(username),
                    quoted(credential)
                ));
            }
            // A credential that no header can carry is still at /api/ice.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(header::LINK, value);
            }
        }
    }
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

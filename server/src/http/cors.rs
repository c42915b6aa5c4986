//! Cross-origin requests: every origin is allowed, unless `--cors-origin` names some.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::router::App;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE, OPTIONS");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Location, ETag, Link, Accept-Patch, Accept-Post, Retry-After");
const DEFAULT_HEADERS: HeaderValue =
    HeaderValue::from_static("Content-Type, If-Match, Authorization, Last-Event-ID");
const ONE_DAY: HeaderValue = HeaderValue::from_static("86400");
/// Private Network Access: a page of a public address calls a server at a private one.
const PRIVATE_REQUESTED: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const PRIVATE_ALLOWED: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Answers preflights and adds CORS headers to every response (Fetch 3.3).
pub(super) async fn allow(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let request_headers = request.headers().clone();
    let options = request.method() == Method::OPTIONS;
    let preflight = options && request_headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    let origin = allowed_origin(&app.cors_origins, request_headers.get(header::ORIGIN));
    let status = response.status();
    // Every route answers OPTIONS; some have a handler of their own. A preflight always succeeds (Fetch 3.3.5): otherwise the page
    // would see a network error instead of the response to its request, which says what is wrong.
    if options && status == StatusCode::METHOD_NOT_ALLOWED || preflight && !status.is_success() {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    if !app.cors_origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let Some(origin) = origin else {
        return response;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if preflight {
        allow_preflight(headers, &request_headers);
    }
    response
}

fn allow_preflight(headers: &mut HeaderMap, request: &HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    let requested = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        requested.unwrap_or(DEFAULT_HEADERS),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, ONE_DAY);
    if request.contains_key(PRIVATE_REQUESTED) {
        headers.insert(PRIVATE_ALLOWED, HeaderValue::from_static("true"));
    }
}

/// Whether a WebSocket may be opened. Browsers send the origin and leave the check to the server (RFC 6455 10.2). The server's
/// own origin is always allowed.
pub(super) fn may_connect(allowed: &[String], headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let page = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    page.is_some_and(|(_, page)| host == Some(page.as_bytes()))
        || allowed_origin(allowed, Some(origin)).is_some()
}

fn allowed_origin(allowed: &[String], origin: Option<&HeaderValue>) -> Option<HeaderValue> {
    if allowed.is_empty() {
        return Some(HeaderValue::from_static("*"));
    }
    origin
        .filter(|origin| {
            allowed
                .iter()
                .any(|allowed| allowed.as_bytes() == origin.as_bytes())
        })
        .cloned()
}

//! Cross-origin requests. Pages of every origin may watch, and publish with a key; `/ws` and `/api/ice` are for some ([`super::callers`]). Never with
//! credentials: the server has no cookies.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::callers::permits;
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

/// Routes that not every caller may use.
const GUARDED: [&str; 2] = ["/ws", "/api/ice"];

/// Answers preflights and adds CORS headers to every response (Fetch 3.3).
pub(super) async fn allow(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let request_headers = request.headers().clone();
    let options = request.method() == Method::OPTIONS;
    let preflight = options && request_headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let is_guarded = GUARDED.contains(&request.uri().path());
    let is_permitted = !is_guarded || permits(&app, request.extensions(), &request_headers).is_ok();
    let mut response = next.run(request).await;
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
    let origin = request_headers.get(header::ORIGIN);
    if is_guarded {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let allowed = match (is_guarded && is_permitted, origin) {
        (true, None) => return response,
        (true, Some(origin)) => origin.clone(),
        // Pages can read a refusal, which says what to set.
        (false, _) => HeaderValue::from_static("*"),
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if preflight && is_permitted {
        allow_preflight(headers, &request_headers);
        let is_named = origin
            .and_then(|origin| origin.to_str().ok())
            .is_some_and(|origin| app.callers.is_named(origin));
        if is_named && request_headers.contains_key(PRIVATE_REQUESTED) {
            headers.insert(PRIVATE_ALLOWED, HeaderValue::from_static("true"));
        }
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
}

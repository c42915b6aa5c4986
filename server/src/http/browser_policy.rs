//! What browsers may do with answers of this server.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Nothing is guessed to be of another type than the server says, and no page tells other sites its address, which may hold the name of a room.
pub(super) async fn restrict(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// The policy of the page (CSP 3). Other sites may frame the player alone, `?embed=1`: over a framed room, a site could lay what makes people click
/// without knowing.
pub(super) fn of_page(query: Option<&str>) -> HeaderValue {
    let mut parameters = query.unwrap_or_default().split('&');
    // The page reads the first pair of a name.
    let embed = parameters.find_map(|parameter| parameter.strip_prefix("embed="));
    match embed == Some("1") {
        true => HeaderValue::from_static("base-uri 'self'; object-src 'none'"),
        false => {
            HeaderValue::from_static("frame-ancestors 'self'; base-uri 'self'; object-src 'none'")
        }
    }
}

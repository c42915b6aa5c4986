//! What browsers may do with answers of this server.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// Neither this page nor frames in it.
const NO_DEVICES: HeaderValue = HeaderValue::from_static(
    "camera=(), microphone=(), display-capture=(), geolocation=(), payment=(), usb=()",
);
/// Frames of other sites in the page have none of them.
const OWN_DEVICES: HeaderValue = HeaderValue::from_static(
    "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()",
);

/// Nothing is guessed to be of another type than the server says, no page tells other sites its address, which may hold the name of a room, and none but
/// the page itself has devices.
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
    headers.entry(PERMISSIONS_POLICY).or_insert(NO_DEVICES);
    response
}

/// A page of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    /// With rooms and devices. Other sites may not frame it: over a framed room, a site could lay what makes people click without knowing.
    Whole,
    /// The player alone, for frames of other sites.
    Embed,
}

impl PageKind {
    /// Of `?embed=1`, as the client reads it.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        let mut parameters = query.unwrap_or_default().split('&');
        // The client reads the first pair of a name.
        let embed = parameters.find_map(|parameter| parameter.strip_prefix("embed="));
        match embed == Some("1") {
            true => Self::Embed,
            false => Self::Whole,
        }
    }
}

/// Puts the policy (CSP 3) of a page to its headers. `scripts`: the sources of its inline scripts. A client has its streams and pictures from any
/// server, so connections and pictures stay open.
pub(super) fn apply(kind: PageKind, scripts: &str, headers: &mut HeaderMap) {
    let frames = match kind {
        PageKind::Whole => "; frame-ancestors 'self'",
        PageKind::Embed => "",
    };
    let policy = format!(
        "script-src 'self' 'wasm-unsafe-eval'{scripts}; base-uri 'self'; object-src 'none'{frames}"
    );
    // Hashes and words are ASCII.
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if kind == PageKind::Whole {
        headers.insert(PERMISSIONS_POLICY, OWN_DEVICES);
    }
}

//! Compression of what the API answers.

use std::io::Write as _;

use axum::body::{self, Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::{Compression, write::GzEncoder};

use super::content_coding::{Coding, choose};

/// Bytes. What is smaller fits into one packet in any case.
pub(super) const FLOOR: usize = 1_000;
/// Bytes. What is larger is compressed on a thread where it delays nothing else.
const QUICK: usize = 64 * 1024;

/// Compresses JSON and text. Only for routes whose answers hold nothing secret: the size of a compressed answer tells of it, if a stranger has put
/// text beside it (BREACH). So sessions and the credentials of TURN are left out.
pub(super) async fn compress(mut request: Request, next: Next) -> Response {
    let coding = choose(request.headers(), &[Coding::Gzip]);
    // Its headers are those of GET (RFC 9110 9.3.2). The body is removed behind this layer.
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let mut response = next.run(request).await;
    if !is_text(response.headers()) {
        return response;
    }
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().append(header::VARY, vary);
    let is_large = response.body().size_hint().exact() >= Some(FLOOR as u64);
    if !is_large || coding != Some(Coding::Gzip) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // The body is in memory already, and of a known size.
    let Ok(bytes) = body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(head, Body::empty());
    };
    let body = match gzip(bytes.clone()).await {
        Some(gzipped) => {
            head.headers.remove(header::CONTENT_LENGTH);
            head.headers
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Body::from(gzipped)
        }
        None => Body::from(bytes),
    };
    Response::from_parts(head, body)
}

/// Whether the answer is text in full: a stream of events has no end.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_text = kind.starts_with("text/") || kind.starts_with("application/json");
    let is_whole = !kind.starts_with("text/event-stream");
    is_text && is_whole && !headers.contains_key(header::CONTENT_ENCODING)
}

/// `None`: no thread was free for it, because the server is stopping.
pub(super) async fn gzip(bytes: Bytes) -> Option<Vec<u8>> {
    let is_quick = bytes.len() <= QUICK;
    let work = move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes).and_then(|()| encoder.finish())
    };
    match is_quick {
        true => work().ok(),
        false => tokio::task::spawn_blocking(work).await.ok()?.ok(),
    }
}

//! Request bodies, limited in size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderMap, header};

use super::error::HttpError;

/// Bytes. An offer with every codec and many candidates has about 10 kB.
const MAX_BODY: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The body as text, if the Content-Type is `wanted`.
pub(super) async fn text(
    headers: &HeaderMap,
    body: Body,
    wanted: &'static str,
) -> Result<String, HttpError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case(wanted) {
        return Err(HttpError::WrongType { wanted });
    }
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(HttpError::TooLarge { limit: MAX_BODY });
    }
    // As a request of its own, so that axum's extractor distinguishes a body that is too large.
    let mut request = Request::new(body);
    DefaultBodyLimit::max(MAX_BODY).apply(&mut request);
    let bytes = tokio::time::timeout(TIMEOUT, Bytes::from_request(request, &()))
        .await
        .map_err(|_| HttpError::TooSlow)?;
    let bytes = bytes.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            HttpError::TooLarge { limit: MAX_BODY }
        }
        _ => HttpError::BadBody,
    })?;
    String::from_utf8(bytes.into()).map_err(|_| HttpError::BadBody)
}

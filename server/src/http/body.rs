//! Request bodies, bounded in size and time.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, header};

use super::error::HttpError;

/// An offer with every codec and many candidates has about 10 kB.
const LIMIT: usize = 64 * 1024;
const TIME: Duration = Duration::from_secs(10);

/// The body as text, when it is of the media type `wanted`.
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
    if declared.is_some_and(|length| length > LIMIT as u64) {
        return Err(HttpError::TooLarge { limit: LIMIT });
    }
    let bytes = tokio::time::timeout(TIME, to_bytes(body, LIMIT))
        .await
        .map_err(|_| HttpError::TooSlow)?;
    let bytes = bytes.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
        if too_large {
            HttpError::TooLarge { limit: LIMIT }
        } else {
            HttpError::BadBody
        }
    })?;
    String::from_utf8(bytes.into()).map_err(|_| HttpError::BadBody)
}

//! How long an allocation lives without a refresh (RFC 8656 3.2, 7.2). Pure.

use std::time::Duration;

/// In seconds.
const DEFAULT: u32 = 600;
const MAX: u32 = 3600;

/// The lifetime for a request of so many seconds.
pub(super) fn granted(requested: Option<u32>) -> Duration {
    let seconds = requested.unwrap_or(DEFAULT).clamp(DEFAULT, MAX);
    Duration::from_secs(seconds.into())
}

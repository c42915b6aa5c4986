//! Why a stream cannot be watched.

/// Why a stream cannot be watched. The text is shown to users.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    #[error("{0}")]
    Unreadable(String),
    #[error("This stream has no video, so it has no poster.")]
    NoVideo,
    #[error("This stream has no poster, because it is live; watch it instead.")]
    NoPoster,
    #[error("This stream does not offer that track any more; load the page again.")]
    NoTrack,
    #[error("This stream has just been removed from the server; choose another one.")]
    Removed,
    #[error("The server could not start this stream: {0}. Try again in a moment.")]
    NotStarted(String),
    #[error("The server has reached its bandwidth limit. Try again later.")]
    Full,
}

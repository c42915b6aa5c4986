//! Why a stream cannot be watched.

use super::admission::AdmissionError;

/// Why a stream cannot be watched. The text is shown to users.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    #[error("{0}")]
    Unreadable(String),
    /// Its file has not been read in time.
    #[error(
        "The file of this stream has not been read yet: its disk does not answer. Try again in a moment."
    )]
    Slow,
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
    /// A limit is reached.
    #[error(transparent)]
    Refused(#[from] AdmissionError),
}

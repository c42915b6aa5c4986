//! Why a stream cannot be watched.

use shared::error_code::ErrorCode;

use super::admission::AdmissionError;

/// Why a stream cannot be watched. The text is shown to users.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    /// Its file, or what else it is made of, cannot be read or played.
    #[error("{sentence}")]
    Unreadable { code: ErrorCode, sentence: String },
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
    /// Declared, and not published yet.
    #[error(
        "Nobody publishes this stream yet. It begins when its publisher comes; try again in a few seconds."
    )]
    NotBegun,
    #[error("This stream has ended. It begins again when a publisher comes; try again later.")]
    Ended,
    #[error("This stream has just been removed from the server; choose another one.")]
    Removed,
    /// The log has the cause.
    #[error("The server could not start this stream. Try again in a moment.")]
    NotStarted,
    /// A limit is reached.
    #[error(transparent)]
    Refused(#[from] AdmissionError),
}

impl StreamError {
    /// The next attempt may succeed: its result is not kept.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Slow | Self::NotStarted)
    }

    /// The code that clients say in the language of their user.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unreadable { code, .. } => *code,
            Self::Slow => ErrorCode::DiskSlow,
            Self::NoVideo => ErrorCode::NoVideo,
            Self::NoPoster => ErrorCode::NoPoster,
            Self::NoTrack => ErrorCode::TrackGone,
            Self::NotBegun | Self::Ended => ErrorCode::NotLive,
            Self::Removed => ErrorCode::StreamRemoved,
            Self::NotStarted => ErrorCode::NotStarted,
            Self::Refused(_) => ErrorCode::LimitReached,
        }
    }
}

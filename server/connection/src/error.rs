//! Why a viewer is not served, as sentences.

use super::negotiation_error::NegotiationError;
use super::sdpfrag::FragmentError;
use net::NetError;
use stream::StreamError;

/// Why an offer is not answered, or a session not changed. The text is a sentence for users.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Negotiation(#[from] NegotiationError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Fragment(#[from] FragmentError),
    #[error(
        "This session changed in the meantime; send If-Match with the newest ETag, or * to restart ICE."
    )]
    Stale,
    #[error("An ICE restart needs an If-Match header: the session's ETag, or *.")]
    Unconditional,
    #[error(
        "This session is changed more than {limit} times a second; send the request again in a moment."
    )]
    TooManyChanges { limit: u32 },
    #[error("The server is fully busy; try again later.")]
    Overloaded,
    /// The cause is for the log: it is in the words of a library.
    #[error("The server could not set up a connection; try again in a moment.")]
    Internal(String),
}

/// Why no viewer can be served.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("No thread for viewers could be started: {0}.")]
    Thread(std::io::Error),
    #[error(
        "The encryption of media does not work: {0}; please report this with the versions of Weir and of your system."
    )]
    Encryption(String),
    #[error("No certificate for encrypted media could be made: {0}.")]
    Certificate(String),
}

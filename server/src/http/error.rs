//! Errors of requests, and their status and sentence.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use shared::api::{ApiError, ViewerLimit};

use connection::{NegotiationError, SessionError};
use stream::StreamError;
use stream::admission::AdmissionError;

/// Why a request fails. The text is a sentence for users.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(
        "There is no stream called \"{0}\" here. GET /api/streams lists those that can be watched."
    )]
    NoSuchStream(String),
    #[error(
        "There is nothing to watch yet. Start the server with a file or a folder, or put a file into its folder."
    )]
    NoStreams,
    #[error("There is no such session: it has ended or never existed. Send a new offer.")]
    NoSuchSession,
    #[error(
        "Nothing is at {0}. The routes are /offer, /whep/STREAM, /session/SECRET, /ws, /api/streams, /api/ice, /api/health and /metrics."
    )]
    NoSuchRoute(String),
    #[error("{0} is not allowed here; the Allow header lists the allowed methods.")]
    MethodNotAllowed(Method),
    #[error("The address of this request is not valid UTF-8 when percent-decoded.")]
    BadPath,
    #[error("The query has to be ?stream=NAME, once, or nothing.")]
    BadQuery,
    #[error("The body has to be {wanted}; set the Content-Type header to that.")]
    WrongType { wanted: &'static str },
    #[error("The body is larger than {limit} bytes; an offer is a few thousand.")]
    TooLarge { limit: usize },
    #[error("The body did not arrive in time. Send the request again.")]
    TooSlow,
    #[error("The body ended early or is not text.")]
    BadBody,
    #[error(
        "This is a WebSocket, for rooms; open it with new WebSocket(...), or with the peer program."
    )]
    NotAWebSocket,
    #[error(
        "Pages of this origin may not use this server; its owner names those that may with --cors-origin."
    )]
    ForeignOrigin,
    /// `?room=` is no name of a room, for this reason.
    #[error("{0}")]
    BadRoom(String),
    /// No WebSocket can be opened, for this reason.
    #[error("{0}")]
    NoSocket(String),
    #[error(
        "None of the codings that the Accept-Encoding header allows is there; leave identity among them."
    )]
    NoCoding,
    #[error("The stream took too long to start. Try again in a moment.")]
    Stalled,
}

impl HttpError {
    /// The status, and the seconds of Retry-After.
    fn status(&self) -> (StatusCode, Option<u16>) {
        use StatusCode as S;
        match self {
            Self::Session(error) => match error {
                SessionError::Negotiation(error) => match error {
                    NegotiationError::Sdp(_) => (S::BAD_REQUEST, None),
                    NegotiationError::SendOnly
                    | NegotiationError::NoMid
                    | NegotiationError::NoIce
                    | NegotiationError::BadIce
                    | NegotiationError::IceLite
                    | NegotiationError::NoLiteCandidate
                    | NegotiationError::NoFingerprint
                    | NegotiationError::BadFingerprint
                    | NegotiationError::NothingSent
                    | NegotiationError::TooManyTracks { .. }
                    | NegotiationError::RepeatedMid => (S::UNPROCESSABLE_ENTITY, None),
                    NegotiationError::NothingWanted { .. }
                    | NegotiationError::NothingReceivable { .. }
                    | NegotiationError::PacketizationMode
                    | NegotiationError::NoCommonCodec { .. } => (S::NOT_ACCEPTABLE, None),
                },
                SessionError::Stream(error) => Self::status_of_stream(error),
                SessionError::Fragment(_) => (S::BAD_REQUEST, None),
                SessionError::Stale => (S::PRECONDITION_FAILED, None),
                SessionError::Unconditional => (S::PRECONDITION_REQUIRED, None),
                SessionError::TooManyChanges { .. } => (S::TOO_MANY_REQUESTS, Some(1)),
                SessionError::Overloaded => (S::SERVICE_UNAVAILABLE, Some(10)),
                SessionError::Internal(_) => (S::INTERNAL_SERVER_ERROR, None),
            },
            Self::Stream(error) => Self::status_of_stream(error),
            Self::NoSuchStream(_) | Self::NoSuchSession | Self::NoSuchRoute(_) => {
                (S::NOT_FOUND, None)
            }
            Self::NoStreams => (S::CONFLICT, Some(5)),
            Self::MethodNotAllowed(_) => (S::METHOD_NOT_ALLOWED, None),
            Self::BadPath | Self::BadQuery | Self::BadBody | Self::BadRoom(_) => {
                (S::BAD_REQUEST, None)
            }
            Self::NoCoding => (S::NOT_ACCEPTABLE, None),
            Self::WrongType { .. } => (S::UNSUPPORTED_MEDIA_TYPE, None),
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, None),
            Self::TooSlow => (S::REQUEST_TIMEOUT, None),
            Self::NotAWebSocket => (S::UPGRADE_REQUIRED, None),
            Self::ForeignOrigin => (S::FORBIDDEN, None),
            Self::NoSocket(_) => (S::SERVICE_UNAVAILABLE, Some(10)),
            Self::Stalled => (S::SERVICE_UNAVAILABLE, Some(2)),
        }
    }

    /// 409 for a file that cannot be read, which may be replaced or completed (WHEP 4.2).
    fn status_of_stream(error: &StreamError) -> (StatusCode, Option<u16>) {
        match error {
            StreamError::Unreadable(_) => (StatusCode::CONFLICT, Some(10)),
            StreamError::Removed | StreamError::NoVideo | StreamError::NoPoster => {
                (StatusCode::NOT_FOUND, None)
            }
            StreamError::NoTrack => (StatusCode::CONFLICT, None),
            StreamError::Refused(error) => Self::status_of_admission(*error),
            StreamError::NotStarted(_) | StreamError::Slow => {
                (StatusCode::SERVICE_UNAVAILABLE, Some(2))
            }
        }
    }

    /// The limit that was reached.
    fn limit(&self) -> Option<ViewerLimit> {
        match self {
            Self::Stream(StreamError::Refused(error))
            | Self::Session(SessionError::Stream(StreamError::Refused(error))) => Some(error.0),
            _ => None,
        }
    }

    /// 429 (RFC 6585 4) for a limit of the client's own address, 503 for one of all.
    fn status_of_admission(error: AdmissionError) -> (StatusCode, Option<u16>) {
        let status = match error.0.is_of_address() {
            true => StatusCode::TOO_MANY_REQUESTS,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let retry_after = match error.0 {
            // A session connects, or ends, within seconds.
            ViewerLimit::Connecting | ViewerLimit::ConnectingOfAddress => 2,
            _ => 10,
        };
        (status, Some(retry_after))
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let (status, retry_after) = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("a request failed: {self:?}");
        } else {
            tracing::debug!(status = status.as_u16(), "a request was rejected: {self}");
        }
        let mut response = (
            status,
            Json(ApiError {
                error: self.to_string(),
                limit: self.limit(),
            }),
        )
            .into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}

pub(super) async fn method_not_allowed(method: Method) -> HttpError {
    HttpError::MethodNotAllowed(method)
}

pub(super) fn no_such_route(uri: &Uri) -> HttpError {
    // A long path is not echoed completely.
    HttpError::NoSuchRoute(uri.path().chars().take(100).collect())
}

//! Errors of requests, and their status, code and sentence.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use shared::api::{ApiError, ErrorCode, ViewerLimit};

use crate::publishing::PublishError;
use access::CallerRefusal;
use connection::{NegotiationError, SessionError};
use limits::Exceeded;
use room::refusal::Refusal;
use stream::StreamError;
use stream::admission::AdmissionError;

/// Why a request fails. The text is a sentence for users of the API; the pages say the code.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Publish(#[from] PublishError),
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
        "Nothing is at {0}. The routes are /offer, /whep/STREAM, /whip, /whip/STREAM, /session/SECRET, /ws, /api/streams, /api/events, /api/ice and /api/health."
    )]
    NoSuchRoute(String),
    #[error("{0} is not allowed here; the Allow header lists the allowed methods.")]
    MethodNotAllowed(Method),
    #[error("The address of this request is not valid UTF-8 when percent-decoded.")]
    BadPath,
    #[error("The query has to be ?stream=NAME, once, or nothing.")]
    BadQuery,
    #[error("The query may have one ?key=KEY and one ?after=SESSION, and nothing else.")]
    BadPublishQuery,
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
    #[error(transparent)]
    Caller(#[from] CallerRefusal),
    #[error("The request has to name this server in one Host header, as host or host:port.")]
    BadHost,
    #[error("The query has to be ?room=NAME, once, or nothing.")]
    BadRoomQuery,
    /// No WebSocket is opened.
    #[error("{}", .0.sentence)]
    NoSocket(Refusal),
    #[error(
        "None of the codings that the Accept-Encoding header allows is there; leave identity among them."
    )]
    NoCoding,
    #[error(
        "Too many event streams are open{}. Close some, or ask GET /api/streams from time to time.",
        match .0 { Exceeded::Address => " from this address", Exceeded::Total => "" }
    )]
    TooManyEventStreams(Exceeded),
    #[error(
        "The API is asked too often{}. Try again in a second; GET /api/events tells what changes.",
        match .0 { Exceeded::Address => " from this address", Exceeded::Total => "" }
    )]
    TooOften(Exceeded),
    #[error(
        "The counters are not served here. The owner of the server reads them at --metrics-listen, or here with --metrics-token @FILE."
    )]
    NoMetrics,
    #[error("{}", no_reader(.0))]
    NoReader(CallerRefusal),
    #[error("Send the token of --metrics-token: Authorization: Bearer TOKEN.")]
    MetricsTokenRequired,
    #[error("This is not the token of --metrics-token.")]
    WrongMetricsToken,
    #[error("The stream took too long to start. Try again in a moment.")]
    Stalled,
}

impl HttpError {
    /// The status, the seconds of Retry-After, and the code.
    fn status(&self) -> (StatusCode, Option<u16>, ErrorCode) {
        use ErrorCode as C;
        use StatusCode as S;
        match self {
            Self::Session(error) => Self::status_of_session(error),
            Self::Publish(error) => Self::status_of_publishing(error),
            Self::Stream(error) => Self::status_of_stream(error),
            Self::NoSuchStream(_) => (S::NOT_FOUND, None, C::NoSuchStream),
            Self::NoSuchSession => (S::NOT_FOUND, None, C::NoSuchSession),
            Self::NoSuchRoute(_) => (S::NOT_FOUND, None, C::NoSuchRoute),
            Self::NoStreams => (S::CONFLICT, Some(5), C::NoStreams),
            Self::MethodNotAllowed(_) => (S::METHOD_NOT_ALLOWED, None, C::MethodNotAllowed),
            Self::BadPath => (S::BAD_REQUEST, None, C::BadPath),
            Self::BadQuery | Self::BadRoomQuery | Self::BadPublishQuery => {
                (S::BAD_REQUEST, None, C::BadQuery)
            }
            Self::BadBody => (S::BAD_REQUEST, None, C::BadBody),
            Self::NoCoding => (S::NOT_ACCEPTABLE, None, C::NoCoding),
            Self::WrongType { .. } => (S::UNSUPPORTED_MEDIA_TYPE, None, C::WrongContentType),
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, None, C::BodyTooLarge),
            Self::TooSlow => (S::REQUEST_TIMEOUT, None, C::BodyTooSlow),
            Self::NotAWebSocket => (S::UPGRADE_REQUIRED, None, C::NotAWebsocket),
            Self::Caller(refusal) | Self::NoReader(refusal) => match refusal {
                CallerRefusal::ForeignOrigin(_) => (S::FORBIDDEN, None, C::ForeignOrigin),
                CallerRefusal::UnknownHost(_) => (S::MISDIRECTED_REQUEST, None, C::UnknownHost),
            },
            Self::BadHost => (S::BAD_REQUEST, None, C::BadHost),
            Self::NoSocket(refusal) => match refusal.code {
                C::BadRoomName => (S::BAD_REQUEST, None, C::BadName),
                code => (S::SERVICE_UNAVAILABLE, Some(10), code),
            },
            Self::TooManyEventStreams(Exceeded::Address) => {
                (S::TOO_MANY_REQUESTS, Some(30), C::LimitReached)
            }
            Self::TooManyEventStreams(Exceeded::Total) => {
                (S::SERVICE_UNAVAILABLE, Some(30), C::LimitReached)
            }
            Self::TooOften(Exceeded::Address) => (S::TOO_MANY_REQUESTS, Some(1), C::LimitReached),
            Self::TooOften(Exceeded::Total) => (S::SERVICE_UNAVAILABLE, Some(1), C::LimitReached),
            Self::NoMetrics => (S::NOT_FOUND, None, C::NoSuchRoute),
            Self::MetricsTokenRequired => (S::UNAUTHORIZED, None, C::KeyRequired),
            Self::WrongMetricsToken => (S::UNAUTHORIZED, None, C::UnknownKey),
            Self::Stalled => (S::SERVICE_UNAVAILABLE, Some(2), C::StreamSlow),
        }
    }

    fn status_of_session(error: &SessionError) -> (StatusCode, Option<u16>, ErrorCode) {
        use {ErrorCode as C, StatusCode as S};
        match error {
            SessionError::Negotiation(error) => {
                let (status, code) = Self::status_of_offer(error);
                (status, None, code)
            }
            SessionError::Stream(error) => Self::status_of_stream(error),
            SessionError::Fragment(_) => (S::BAD_REQUEST, None, C::BadFragment),
            SessionError::Stale => (S::PRECONDITION_FAILED, None, C::SessionChanged),
            SessionError::Unconditional => (S::PRECONDITION_REQUIRED, None, C::IfMatchRequired),
            SessionError::TooManyChanges { .. } => {
                (S::TOO_MANY_REQUESTS, Some(1), C::TooManyChanges)
            }
            SessionError::Overloaded => (S::SERVICE_UNAVAILABLE, Some(10), C::Overloaded),
            SessionError::Internal(_) => (S::INTERNAL_SERVER_ERROR, None, C::Internal),
        }
    }

    /// As RFC 9725 4.2 and 4.7 have it.
    fn status_of_publishing(error: &PublishError) -> (StatusCode, Option<u16>, ErrorCode) {
        use PublishError as E;
        use {ErrorCode as C, StatusCode as S};
        match error {
            E::BadName(_) => (S::BAD_REQUEST, None, C::BadName),
            E::NameOfFile(_) => (S::CONFLICT, None, C::NameOfFile),
            E::NotDeclared(_) => (S::NOT_FOUND, None, C::NotDeclared),
            E::KeyRequired => (S::UNAUTHORIZED, None, C::KeyRequired),
            E::UnknownKey => (S::UNAUTHORIZED, None, C::UnknownKey),
            E::OtherStream => (S::FORBIDDEN, None, C::KeyOfOtherStream),
            E::TooManyFailures(wait) => {
                let seconds = u16::try_from(wait.as_secs() + 1).unwrap_or(u16::MAX);
                (S::TOO_MANY_REQUESTS, Some(seconds), C::TooManyFailures)
            }
            E::AlreadyLive => (S::CONFLICT, Some(2), C::AlreadyLive),
            E::Full => (S::SERVICE_UNAVAILABLE, Some(10), C::LimitReached),
            E::Session(error) => Self::status_of_session(error),
        }
    }

    fn status_of_offer(error: &NegotiationError) -> (StatusCode, ErrorCode) {
        use NegotiationError as E;
        use {ErrorCode as C, StatusCode as S};
        match error {
            E::Sdp(_) => (S::BAD_REQUEST, C::BadSdp),
            E::IceLite | E::NoLiteCandidate => (S::UNPROCESSABLE_ENTITY, C::IceLite),
            E::SendOnly
            | E::NoMid
            | E::NoIce
            | E::BadIce
            | E::NoFingerprint
            | E::BadFingerprint
            | E::NothingSent
            | E::TooManyTracks { .. }
            | E::TooManyLayers
            | E::AudioLayers
            | E::RepeatedMid => (S::UNPROCESSABLE_ENTITY, C::UnusableOffer),
            E::NothingWanted { .. } => (S::NOT_ACCEPTABLE, C::NothingWanted),
            E::NothingReceivable { .. } | E::PacketizationMode | E::NoCommonCodec { .. } => {
                (S::NOT_ACCEPTABLE, C::NoCommonCodec)
            }
        }
    }

    /// 409 for a file that cannot be read, which may be replaced or completed (WHEP 4.2).
    fn status_of_stream(error: &StreamError) -> (StatusCode, Option<u16>, ErrorCode) {
        let (status, retry_after) = match error {
            StreamError::Unreadable { .. } => (StatusCode::CONFLICT, Some(10)),
            // WHEP 4.2.
            StreamError::NotBegun | StreamError::Ended => (StatusCode::CONFLICT, Some(5)),
            StreamError::Removed | StreamError::NoVideo | StreamError::NoPoster => {
                (StatusCode::NOT_FOUND, None)
            }
            StreamError::NoTrack => (StatusCode::CONFLICT, None),
            StreamError::Refused(error) => Self::status_of_admission(*error),
            StreamError::NotStarted | StreamError::Slow => {
                (StatusCode::SERVICE_UNAVAILABLE, Some(2))
            }
        };
        (status, retry_after, error.code())
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
        let (status, retry_after, code) = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("a request failed: {self:?}");
        } else {
            tracing::debug!(status = status.as_u16(), "a request was rejected: {self}");
        }
        let mut response = (
            status,
            Json(ApiError {
                error: self.to_string(),
                code,
                limit: self.limit(),
            }),
        )
            .into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}

/// Of `--metrics-listen`.
fn no_reader(refusal: &CallerRefusal) -> String {
    match refusal {
        CallerRefusal::UnknownHost(Some(host)) => format!(
            "The counters are not served under the name {host}. Ask by the server's address; or its owner starts it with --host {host} to permit the name."
        ),
        CallerRefusal::UnknownHost(None) => {
            "This request does not name the server. Ask for the counters by its address.".to_owned()
        }
        CallerRefusal::ForeignOrigin(_) => {
            "Pages of other sites may not read the counters. Read them with a program such as Prometheus."
                .to_owned()
        }
    }
}

pub(super) async fn method_not_allowed(method: Method) -> HttpError {
    HttpError::MethodNotAllowed(method)
}

pub(super) fn no_such_route(uri: &Uri) -> HttpError {
    let path = match uri.path() {
        // What follows may be the secret of a session.
        path if path.starts_with("/session/") => "/session/…",
        path => path,
    };
    // A long path is not echoed completely.
    HttpError::NoSuchRoute(path.chars().take(100).collect())
}

//! Whether the failure to open a WHEP session is worth a retry.

use shared::api::ErrorCode;

use crate::http::HttpError;
use crate::rtc::media_session::MediaSessionError;
use crate::state::session::OpenError;

impl From<MediaSessionError> for OpenError {
    fn from(error: MediaSessionError) -> Self {
        match error {
            MediaSessionError::Browser(error) => Self::Browser(error),
            MediaSessionError::Http(HttpError::Unreachable) => Self::Unreachable,
            MediaSessionError::Http(HttpError::Unreadable) => Self::NotWeir,
            MediaSessionError::Http(HttpError::Status {
                status,
                error,
                retry_after,
            }) => {
                let after = retry_after.map(|s| s.saturating_mul(1_000));
                match status {
                    404 => Self::Gone(error),
                    409 if error.code == ErrorCode::NotLive => Self::NotLive,
                    // A live stream whose publisher is only connecting has no tracks yet.
                    406 if error.code == ErrorCode::NothingWanted => Self::Later { error, after },
                    429 | 500.. => Self::Later { error, after },
                    _ => Self::Refused(error),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::api::{ApiError, ViewerLimit};

    use super::*;

    fn no() -> ApiError {
        ApiError {
            error: "no".into(),
            code: ErrorCode::LimitReached,
            limit: Some(ViewerLimit::ViewersOfAddress),
        }
    }

    fn status(status: u16, retry_after: Option<u32>) -> MediaSessionError {
        MediaSessionError::Http(HttpError::Status {
            status,
            error: no(),
            retry_after,
        })
    }

    #[test]
    fn an_error_of_the_server_decides_whether_to_retry() {
        assert_eq!(OpenError::from(status(404, None)), OpenError::Gone(no()));
        assert_eq!(OpenError::from(status(406, None)), OpenError::Refused(no()));
        for code in [429, 500, 503] {
            let later = OpenError::Later {
                error: no(),
                after: Some(7_000),
            };
            assert_eq!(OpenError::from(status(code, Some(7))), later, "{code}");
        }
    }

    #[test]
    fn a_stream_that_is_not_live_is_waited_for() {
        let refused = |code| {
            let error = ApiError { code, ..no() };
            let (status, retry_after) = (409, Some(5));
            OpenError::from(MediaSessionError::Http(HttpError::Status {
                status,
                error,
                retry_after,
            }))
        };
        assert_eq!(refused(ErrorCode::NotLive), OpenError::NotLive);
        let other = refused(ErrorCode::TrackGone);
        assert!(matches!(other, OpenError::Refused(_)));
    }

    #[test]
    fn a_live_stream_without_tracks_is_asked_for_again() {
        let code = ErrorCode::NothingWanted;
        let error = ApiError { code, ..no() };
        let later = OpenError::Later {
            error: error.clone(),
            after: None,
        };
        let refused = MediaSessionError::Http(HttpError::Status {
            status: 406,
            error,
            retry_after: None,
        });
        assert_eq!(OpenError::from(refused), later);
    }

    #[test]
    fn a_retry_after_beyond_all_bounds_does_not_overflow() {
        assert_eq!(
            OpenError::from(status(503, Some(u32::MAX))),
            OpenError::Later {
                error: no(),
                after: Some(u32::MAX)
            }
        );
    }

    #[test]
    fn no_answer_is_distinguished_from_an_answer_that_is_not_from_weir() {
        assert_eq!(
            OpenError::from(MediaSessionError::Http(HttpError::Unreachable)),
            OpenError::Unreachable
        );
        assert_eq!(
            OpenError::from(MediaSessionError::Http(HttpError::Unreadable)),
            OpenError::NotWeir
        );
    }
}

//! The body of the HTTP errors of the server.

use serde::{Deserialize, Deserializer, Serialize};

use crate::error_code::ErrorCode;

/// The body of every HTTP error: a sentence that says what to do, in English, and its code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    pub error: String,
    /// [`ErrorCode::Unknown`] from servers before codes.
    #[serde(default)]
    pub code: ErrorCode,
    /// The limit that does not admit a viewer now; clients say it in the language of their user. Absent for other errors, and for
    /// limits that the reader does not know.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "known_limit"
    )]
    pub limit: Option<ViewerLimit>,
}

/// What there may be only so many of: for viewers of one address, and for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewerLimit {
    ViewersOfAddress,
    /// Sessions that have not connected yet.
    ConnectingOfAddress,
    /// Videos that are encoded for viewers.
    EncodersOfAddress,
    Viewers,
    Connecting,
    Encoders,
    /// Bandwidth.
    Egress,
    /// Time of the processor.
    Processor,
}

impl ViewerLimit {
    pub const ALL: [Self; 8] = [
        Self::ViewersOfAddress,
        Self::ConnectingOfAddress,
        Self::EncodersOfAddress,
        Self::Viewers,
        Self::Connecting,
        Self::Encoders,
        Self::Egress,
        Self::Processor,
    ];

    /// The name in JSON and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ViewersOfAddress => "viewers_of_address",
            Self::ConnectingOfAddress => "connecting_of_address",
            Self::EncodersOfAddress => "encoders_of_address",
            Self::Viewers => "viewers",
            Self::Connecting => "connecting",
            Self::Encoders => "encoders",
            Self::Egress => "egress",
            Self::Processor => "processor",
        }
    }

    /// True for a limit of the client's own address, false for one of all clients together.
    pub const fn is_of_address(self) -> bool {
        matches!(
            self,
            Self::ViewersOfAddress | Self::ConnectingOfAddress | Self::EncodersOfAddress
        )
    }
}

fn known_limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ViewerLimit>, D::Error> {
    let name = Option::<String>::deserialize(from)?;
    let mut all = ViewerLimit::ALL.into_iter();
    Ok(all.find(|limit| Some(limit.name()) == name.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_limit_and_readers_ignore_those_that_they_do_not_know() {
        for limit in ViewerLimit::ALL {
            let error = ApiError {
                error: "no".to_owned(),
                code: ErrorCode::LimitReached,
                limit: Some(limit),
            };
            let text = serde_json::to_string(&error).unwrap();
            assert!(text.contains(limit.name()), "{text}");
            assert_eq!(serde_json::from_str::<ApiError>(&text).unwrap(), error);
        }
        for text in [r#"{"error":"no"}"#, r#"{"error":"no","limit":"patience"}"#] {
            let error: ApiError = serde_json::from_str(text).unwrap();
            assert_eq!(
                (error.code, error.limit),
                (ErrorCode::Unknown, None),
                "{text}"
            );
        }
    }
}

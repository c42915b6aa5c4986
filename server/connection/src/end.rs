//! Why a session ended.

use std::fmt;

use egress::EndReason;
use transport::EndReason as TransportEnd;
use transport::dtls::DtlsError;

use super::playable::Unplayable;

/// The one reason for which a session ended. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    NeverChecked,
    NeverConnected,
    HandshakeFailed(DtlsError),
    KeysRefused,
    /// A limit was reached while it connected.
    Refused(String),
    Deleted,
    Left,
    Silent,
    SourceFailed(String),
    Unplayable(Unplayable),
    StreamOver,
    TrackGone,
    ShardFailed,
    Shutdown,
}

impl From<TransportEnd> for End {
    fn from(end: TransportEnd) -> Self {
        match end {
            TransportEnd::NeverChecked => Self::NeverChecked,
            TransportEnd::NeverConnected => Self::NeverConnected,
            TransportEnd::HandshakeFailed(error) => Self::HandshakeFailed(error),
            TransportEnd::PeerClosed => Self::Left,
            TransportEnd::Silent => Self::Silent,
        }
    }
}

impl From<EndReason> for End {
    fn from(end: EndReason) -> Self {
        match end {
            EndReason::StreamOver => Self::StreamOver,
            EndReason::TrackGone => Self::TrackGone,
            EndReason::ShardFailed => Self::ShardFailed,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NeverChecked => "it never sent a connectivity check",
            Self::NeverConnected => "it never connected",
            Self::HandshakeFailed(error) => {
                return write!(formatter, "the DTLS handshake failed: {error}");
            }
            Self::KeysRefused => "its SRTP keys cannot be used",
            Self::Refused(reason) => {
                return write!(formatter, "it connected when there was no place: {reason}");
            }
            Self::Deleted => "it deleted its session",
            Self::Left => "it closed the connection",
            Self::Silent => "nothing has arrived from it for too long",
            Self::SourceFailed(error) => {
                return write!(formatter, "the stream could not be started: {error}");
            }
            Self::Unplayable(Unplayable::Size) => {
                "its pictures have more than 8192 pixels in a direction, which no browser decodes; send smaller ones"
            }
            Self::Unplayable(Unplayable::Profile) => {
                "its video has a profile that not every browser decodes; send H.264 as Constrained Baseline, Main or High up to level 5.2 (8 bits, 4:2:0), VP8, VP9 of profile 0, or AV1 Main"
            }
            Self::StreamOver => "the stream ended",
            Self::TrackGone => "the stream does not have its track any more",
            Self::ShardFailed => "the thread that served it has failed",
            Self::Shutdown => "the server is shutting down",
        })
    }
}

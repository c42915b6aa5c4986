//! Deserializers of the tagged enums of this crate: each reads the fields of every variant, then picks those of the tag.
//!
//! The derived deserializer of `#[serde(tag = "..")]` buffers the object and reads it again per variant: 70 kB of the client's
//! bundle. These accept the same input; unknown fields are ignored, unknown tags are errors.

use serde::Deserialize;

use crate::api::{Codec, Delivery, ErrorCode, Reason, StreamState, UnixTime};
use crate::chat::{About, Body, ChatFrame, FileInfo, GoneReason, Message};
use crate::file_channel::FileFrame;
use crate::signaling::{Candidate, LeaveReason, Peer, PeerId, ServerMessage};

/// The message of an error; serde adds its position.
type ParseError = &'static str;

fn need<T>(field: Option<T>) -> Result<T, ParseError> {
    field.ok_or("a field that belongs to this tag is missing")
}

const UNKNOWN: ParseError = "an unknown tag";

#[derive(Deserialize)]
pub(crate) struct FlatServerMessage {
    r#type: String,
    version: Option<u32>,
    room: Option<String>,
    you: Option<Peer>,
    peers: Option<Vec<Peer>>,
    peer: Option<Peer>,
    id: Option<PeerId>,
    why: Option<LeaveReason>,
    from: Option<PeerId>,
    sdp: Option<String>,
    candidate: Option<Candidate>,
    code: Option<ErrorCode>,
    message: Option<String>,
    to: Option<PeerId>,
}

impl TryFrom<FlatServerMessage> for ServerMessage {
    type Error = ParseError;

    fn try_from(flat: FlatServerMessage) -> Result<Self, ParseError> {
        Ok(match flat.r#type.as_str() {
            "welcome" => Self::Welcome {
                version: need(flat.version)?,
                room: need(flat.room)?,
                you: need(flat.you)?,
                peers: need(flat.peers)?,
            },
            "arrived" => Self::Arrived {
                peer: need(flat.peer)?,
            },
            "away" => Self::Away { id: need(flat.id)? },
            "left" => Self::Left {
                id: need(flat.id)?,
                why: need(flat.why)?,
            },
            "offer" => Self::Offer {
                from: need(flat.from)?,
                sdp: need(flat.sdp)?,
            },
            "answer" => Self::Answer {
                from: need(flat.from)?,
                sdp: need(flat.sdp)?,
            },
            "candidate" => Self::Candidate {
                from: need(flat.from)?,
                candidate: need(flat.candidate)?,
            },
            "error" => Self::Error {
                code: need(flat.code)?,
                message: need(flat.message)?,
                to: flat.to,
            },
            "pong" => Self::Pong,
            _ => return Err(UNKNOWN),
        })
    }
}

/// Frames of both channels: one deserializer for both.
#[derive(Deserialize)]
pub(crate) struct FlatFrame {
    r#type: String,
    number: Option<u64>,
    at: Option<u64>,
    body: Option<Body>,
    about: Option<About>,
    on: Option<bool>,
    offset: Option<u64>,
    sha256: Option<String>,
    reason: Option<String>,
    until: Option<u64>,
    oldest: Option<u64>,
    count: Option<u64>,
    author: Option<PeerId>,
    name: Option<String>,
    message: Option<Message>,
    why: Option<String>,
}

impl TryFrom<FlatFrame> for ChatFrame {
    type Error = ParseError;

    fn try_from(flat: FlatFrame) -> Result<Self, ParseError> {
        let number = need(flat.number);
        Ok(match flat.r#type.as_str() {
            "message" => Self::Message(Message {
                number: number?,
                at: need(flat.at)?,
                body: need(flat.body)?,
                about: flat.about,
            }),
            "received" => Self::Received { number: number? },
            "typing" => Self::Typing { on: need(flat.on)? },
            "want" => Self::Want {
                number: number?,
                offset: need(flat.offset)?,
            },
            "stop" => Self::Stop { number: number? },
            "gone" => Self::Gone {
                number: number?,
                why: match flat.why.as_deref() {
                    Some("cancelled") => GoneReason::Cancelled,
                    Some("missing") => GoneReason::Missing,
                    _ => GoneReason::Withdrawn,
                },
            },
            "available" => Self::Available { number: number? },
            "kept" => Self::Kept { number: number? },
            "history" => Self::History {
                number: number?,
                on: need(flat.on)?,
                oldest: need(flat.oldest)?,
                count: need(flat.count)?,
            },
            "past" => Self::Past,
            "told" => Self::Told {
                author: need(flat.author)?,
                name: need(flat.name)?,
                message: need(flat.message)?,
            },
            _ => return Err(UNKNOWN),
        })
    }
}

impl TryFrom<FlatFrame> for FileFrame {
    type Error = ParseError;

    fn try_from(flat: FlatFrame) -> Result<Self, ParseError> {
        let number = need(flat.number);
        Ok(match flat.r#type.as_str() {
            "begin" => Self::Begin {
                number: number?,
                offset: need(flat.offset)?,
            },
            "end" => Self::End {
                number: number?,
                sha256: need(flat.sha256)?,
            },
            "broke" => Self::Broke {
                number: number?,
                reason: need(flat.reason)?,
            },
            "more" => Self::More {
                until: need(flat.until)?,
            },
            _ => return Err(UNKNOWN),
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct FlatBody {
    is: String,
    text: Option<String>,
    name: Option<String>,
    size: Option<u64>,
    mime: Option<String>,
}

impl TryFrom<FlatBody> for Body {
    type Error = ParseError;

    fn try_from(flat: FlatBody) -> Result<Self, ParseError> {
        match flat.is.as_str() {
            "text" => Ok(Self::Text {
                text: need(flat.text)?,
            }),
            "file" => Ok(Self::File(FileInfo {
                name: need(flat.name)?,
                size: need(flat.size)?,
                mime: flat.mime.unwrap_or_default(),
            })),
            _ => Err(UNKNOWN),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct FlatState {
    is: String,
    #[serde(default)]
    code: ErrorCode,
    error: Option<String>,
    #[serde(default)]
    since: UnixTime,
}

impl TryFrom<FlatState> for StreamState {
    type Error = ParseError;

    fn try_from(flat: FlatState) -> Result<Self, ParseError> {
        let since = flat.since;
        Ok(match flat.is.as_str() {
            "probing" => Self::Probing,
            "idle" => Self::Idle,
            "running" => Self::Running,
            "waiting" => Self::Waiting { since },
            "live" => Self::Live { since },
            "interrupted" => Self::Interrupted { since },
            "ended" => Self::Ended { since },
            "failed" => Self::Failed {
                code: flat.code,
                error: need(flat.error)?,
            },
            _ => return Err(UNKNOWN),
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct FlatDelivery {
    how: String,
    codec: Option<Codec>,
    reasons: Option<Vec<Reason>>,
}

impl TryFrom<FlatDelivery> for Delivery {
    type Error = ParseError;

    fn try_from(flat: FlatDelivery) -> Result<Self, ParseError> {
        match flat.how.as_str() {
            "passthrough" => Ok(Self::Passthrough),
            "reencode" => Ok(Self::Reencode {
                codec: need(flat.codec)?,
                reasons: need(flat.reasons)?,
            }),
            _ => Err(UNKNOWN),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct FlatReason {
    why: String,
    bits: Option<u32>,
    format: Option<String>,
    degrees: Option<i32>,
}

impl TryFrom<FlatReason> for Reason {
    type Error = ParseError;

    fn try_from(flat: FlatReason) -> Result<Self, ParseError> {
        Ok(match flat.why.as_str() {
            "codec" => Self::Codec,
            "profile" => Self::Profile,
            "b_frames" => Self::BFrames,
            "bit_depth" => Self::BitDepth {
                bits: need(flat.bits)?,
            },
            "chroma" => Self::Chroma {
                format: need(flat.format)?,
            },
            "interlaced" => Self::Interlaced,
            "odd_size" => Self::OddSize,
            "rotated" => Self::Rotated {
                degrees: need(flat.degrees)?,
            },
            "variable_frame_rate" => Self::VariableFrameRate,
            "sparse_keyframes" => Self::SparseKeyframes,
            "timestamps" => Self::Timestamps,
            "too_large" => Self::TooLarge,
            "pixel_aspect" => Self::PixelAspect,
            "output_gain" => Self::OutputGain,
            _ => return Err(UNKNOWN),
        })
    }
}

#[cfg(test)]
mod tests;

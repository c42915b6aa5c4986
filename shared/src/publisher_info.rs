//! What is received of a publisher: `GET /session/{secret}`, and in `GET /api/streams/{name}`.

use serde::{Deserialize, Serialize};

use crate::api::{Codec, StreamInfo};

/// `GET /api/streams/{name}`: one stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamDetails {
    #[serde(flatten)]
    pub stream: StreamInfo,
    /// Absent when nobody publishes the stream. Not in the list and its events: the counters change all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<PublisherInfo>,
}

/// Statistics of one publisher. Totals are since its offer was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublisherInfo {
    /// Its program, as it calls itself: `OBS-Studio 30.2`, `Chrome 156`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How its media is encrypted (RFC 5764 4.1.2, RFC 7714 14.2), as `AEAD_AES_128_GCM`. Absent until it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Authentic datagrams of media and reports, and their octets.
    pub datagrams: u64,
    pub bytes: u64,
    /// Datagrams that were forged or repeated.
    pub rejected: u64,
    /// Whole pictures and packets of sound.
    pub units: u64,
    /// Packets that were lost and came again.
    pub recovered: u64,
    /// Packets that never came in time.
    pub lost: u64,
    /// Pictures that were not whole, or could not be decoded without one that was not.
    pub dropped: u64,
    /// The newest round-trip time, in seconds. Absent while unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<f64>,
    /// The simulcast layers that have begun, largest first. Absent: it sends one picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<PublisherLayer>,
    /// What its owner should change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<PublisherWarning>,
}

/// A simulcast layer of a publisher (RFC 8853).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublisherLayer {
    /// As the publisher names it (`a=rid`).
    pub rid: String,
    pub codec: Codec,
    /// Of its newest keyframe, in pixels; absent while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u32, u32)>,
    /// Pictures, and bits of them, in the last second.
    pub fps: u32,
    pub bit_rate: u64,
    /// Viewers can be sent it. False: the publisher has stopped it, as browsers do under load, or another layer has the same size.
    pub offered: bool,
}

/// What a publisher sends can be watched, and could be better. docs/publish.md says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublisherWarning {
    /// Keyframes are more than 4 s apart, and come no sooner when they are asked for.
    LongGop,
    /// Pictures are sent in another order than shown, which stutters in browsers.
    BFrames,
    /// More than 2 % of its packets were lost at first, in the last 10 s.
    UplinkLoss,
    /// Packets wait on its line: a round trip has become longer by more than 0.25 s.
    UplinkLow,
    /// Its RTP clock is faster or slower than it says.
    ClockDrift,
    /// Its sound has been silent for 10 s, or does not come.
    Silent,
    /// One that is newer than this code.
    #[serde(other)]
    Unknown,
}

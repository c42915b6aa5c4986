//! The answers of the server's `GET /api/...` routes, as JSON.
//!
//! Times are in seconds, rates per second, sizes in pixels. An unknown field is absent.
//! Fields and variants may be added: readers ignore unknown fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::api_error::{ApiError, ViewerLimit};
pub use crate::error_code::ErrorCode;
pub use crate::publisher_info::{PublisherInfo, PublisherLayer, PublisherWarning, StreamDetails};

/// `GET /api/streams`: every stream of the server, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamList {
    pub streams: Vec<StreamInfo>,
}

/// One stream; in `GET /api/streams/{name}` with more ([`StreamDetails`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// The name in URLs (`/whep/{name}`, percent-encoded there) and on the pages.
    pub name: String,
    pub state: StreamState,
    /// Duration of one pass, in seconds. Absent for a source without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Absent when the source has no readable video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoTrack>,
    /// Absent when the source has no readable audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioTrack>,
    /// A second picture, which a page shows over the first: a camera over a screen. Viewers get it in the second video m-line of their offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inset: Option<VideoTrack>,
    /// The renditions being sent now: one entry per codec with viewers.
    #[serde(default)]
    pub renditions: Vec<Rendition>,
    /// Frames skipped since the source started, because encoding was too slow.
    #[serde(default)]
    pub dropped: u64,
    /// Current viewers.
    #[serde(default)]
    pub viewers: u32,
    /// Path of a poster image (JPEG) on this server. Absent for a stream without video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<String>,
}

/// The state of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "is",
    rename_all = "snake_case",
    try_from = "crate::flat::FlatState"
)]
pub enum StreamState {
    /// The file is being probed; its tracks are unknown.
    Probing,
    /// Ready, without viewers; the source is stopped.
    Idle,
    /// The source is running for viewers.
    Running,
    /// Declared for publishers, and not published since the server started, or since it was declared.
    Waiting { since: UnixTime },
    /// Published. `since`: when it began; interruptions do not count.
    Live { since: UnixTime },
    /// Nothing comes from its publisher, or the publisher has lost its connection. Viewers stay, and go on when it returns.
    Interrupted { since: UnixTime },
    /// It was live. The next publisher begins anew.
    Ended { since: UnixTime },
    /// The stream cannot be watched. `error` is a sentence that says why and what to do.
    Failed { code: ErrorCode, error: String },
}

/// Seconds since 1970 in UTC, by the clock of the server.
pub type UnixTime = u64;

impl StreamState {
    /// The tag in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Probing => "probing",
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Waiting { .. } => "waiting",
            Self::Live { .. } => "live",
            Self::Interrupted { .. } => "interrupted",
            Self::Ended { .. } => "ended",
            Self::Failed { .. } => "failed",
        }
    }
}

/// The video track of a source, as in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoTrack {
    /// FFmpeg's name: `h264`, `hevc`, `vp9`, `mpeg4`.
    pub codec: String,
    /// `High`, `Main 10`; absent when the codec has no profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Of the displayed frame, after rotation.
    pub width: u32,
    pub height: u32,
    /// The size of re-encoded frames, where it is smaller than the displayed size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoded_size: Option<FrameSize>,
    /// Average frames per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    pub delivery: Delivery,
    /// Of a publisher: why it is not encoded, for viewers that do not take what it sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_encoded: Option<NotEncoded>,
}

/// Why the server does not encode a publisher's video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotEncoded {
    /// Its decoded pictures, by their size, bits and chroma, are larger than the server decodes.
    TooLarge,
    /// The FFmpeg of the server has no decoder of its codec.
    NoDecoder,
    /// An encoder could not be started. It is tried again.
    EncoderFails,
    /// It is a second picture, which is sent as it is.
    Inset,
    /// One that is newer than this code.
    #[serde(other)]
    Unknown,
}

/// In pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameSize {
    pub width: u32,
    pub height: u32,
}

/// The audio track of a source, as in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioTrack {
    /// FFmpeg's name: `aac`, `opus`, `mp3`, `pcm_s16le`.
    pub codec: String,
    pub channels: u32,
    /// Samples per second.
    pub sample_rate: u32,
    pub delivery: Delivery,
}

/// How a track is delivered to a browser that accepts every codec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "how",
    rename_all = "snake_case",
    try_from = "crate::flat::FlatDelivery"
)]
pub enum Delivery {
    /// The coded data of the file is sent unchanged.
    Passthrough,
    /// Decoded and re-encoded to `codec`, for each of `reasons` (never empty).
    Reencode { codec: Codec, reasons: Vec<Reason> },
}

/// Why a track cannot be passed through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "why",
    rename_all = "snake_case",
    try_from = "crate::flat::FlatReason"
)]
pub enum Reason {
    /// Browsers do not accept this codec over WebRTC.
    Codec,
    /// The codec is used in a way (an H.264 profile) that not every browser decodes.
    Profile,
    /// Frames are stored in another order than displayed, which WebRTC does not support.
    BFrames,
    /// More than 8 bits per sample.
    BitDepth { bits: u32 },
    /// The chroma subsampling is not 4:2:0.
    Chroma { format: String },
    /// Interlaced; it is deinterlaced.
    Interlaced,
    /// Width or height is odd.
    OddSize,
    /// The file asks for a rotation by this many degrees, clockwise.
    Rotated { degrees: i32 },
    /// The distance between frames varies so much that browsers would count freezes.
    VariableFrameRate,
    /// Keyframes are further apart than the log keeps, or there is only the first one.
    SparseKeyframes,
    /// The timestamps of the file are missing or run backwards.
    Timestamps,
    /// The frame is larger than browsers decode in real time.
    TooLarge,
    /// Pixels are not square.
    PixelAspect,
    /// The header of Opus asks for a gain, which browsers do not get (RFC 7845 5.1).
    OutputGain,
}

/// One encoding of the video that is being sent now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendition {
    pub codec: Codec,
    /// False: the data of the file. True: made by an encoder while there are viewers.
    pub encoded: bool,
    pub viewers: u32,
}

/// The codecs that Weir sends over RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    H264,
    Vp8,
    Vp9,
    Av1,
    Opus,
}

impl Codec {
    /// The name in an SDP `a=rtpmap` (RFC 6184 8.2.1, RFC 7741 6.2.1, RFC 9628 7, RFC 7587 7).
    pub const fn rtpmap_name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::Opus => "opus",
        }
    }

    /// Units of RTP timestamps per second: 90 kHz for video, 48 kHz for Opus.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::H264 | Self::Vp8 | Self::Vp9 | Self::Av1 => 90_000,
        }
    }

    pub const fn is_video(self) -> bool {
        !matches!(self, Self::Opus)
    }
}

/// `GET /api/ice`: what a client passes to `new RTCPeerConnection(...)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceConfig {
    pub ice_servers: Vec<IceServer>,
    #[serde(default)]
    pub ice_transport_policy: IceTransportPolicy,
    /// Seconds until the first credentials expire; fetch again before a later connection. Absent when none expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
}

/// Which candidates may be used (`RTCIceTransportPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceTransportPolicy {
    #[default]
    All,
    /// Relayed ones only: peers do not learn each other's addresses.
    Relay,
}

/// One STUN or TURN server, as an `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:host:3478`, `turn:host:3478?transport=udp`.
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// `GET /api/health`: the load of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The server's own version.
    pub version: String,
    pub streams: u32,
    /// Connected viewers.
    pub viewers: u32,
    /// Limit on concurrent viewers.
    pub max_viewers: u32,
    /// Sessions that have not connected yet.
    #[serde(default)]
    pub connecting: u32,
    /// Limit on these.
    #[serde(default)]
    pub max_connecting: u32,
    /// Encoders of video that run or are reserved.
    #[serde(default)]
    pub encoders: u32,
    /// Limit on these.
    #[serde(default)]
    pub max_encoders: u32,
    /// How often viewers were refused because of a limit, since the start; only limits that were reached.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    /// Bitrate to all viewers together in bit/s, headers included: the number of viewers times the bitrate of their renditions, and
    /// what was sent beyond that of late.
    #[serde(default)]
    pub egress: u64,
    /// Limit on that bitrate. Absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_egress: Option<u64>,
    /// Rooms with at least one peer.
    #[serde(default)]
    pub rooms: u32,
    /// Open sockets of rooms, joined or not.
    #[serde(default)]
    pub sockets: u32,
    /// Readers of `GET /api/events`.
    #[serde(default)]
    pub event_streams: u32,
    /// Threads that send media that have failed and not started again.
    #[serde(default)]
    pub failed_shards: u32,
    /// How often such a thread has failed, and all of its viewers were disconnected. More than 0: look at the log.
    #[serde(default)]
    pub shard_restarts: u64,
    /// The same, of threads that run connections.
    #[serde(default)]
    pub connection_restarts: u64,
    /// Seconds since the server started.
    pub uptime: u64,
}

/// `GET /session/{secret}`: statistics of one viewer. Totals are since its offer was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewerInfo {
    /// How its media is encrypted (RFC 5764 4.1.2, RFC 7714 14.2), as `AEAD_AES_128_GCM`. Absent until it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The server's estimate of the viewer's bandwidth, in bit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<u64>,
    /// The newest round-trip time, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<f64>,
    /// RTP packets sent to the viewer, and their octets.
    pub packets: u64,
    pub bytes: u64,
    /// Packets retransmitted.
    pub rtx: u64,
    /// Packets requested by NACK.
    pub nacks: u64,
    /// Keyframes requested by PLI or FIR.
    pub plis: u64,
    /// Times that the viewer was too slow: frames were skipped up to a later keyframe.
    pub skips: u64,
    /// Sends that the operating system refused.
    pub send_errors: u64,
}

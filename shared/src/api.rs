//! What the server's `GET /api/...` routes answer, as JSON.
//!
//! Times are seconds, rates are per second, sizes are pixels. A field that is not known is absent.
//! New fields and new variants may come: a reader ignores the fields that it does not know.

use serde::{Deserialize, Serialize};

/// `GET /api/streams`: everything that can be watched here, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamList {
    pub streams: Vec<StreamInfo>,
}

/// `GET /api/streams/{name}`: one stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// The name in URLs (`/whep/{name}`, percent-encoded there) and on the screen.
    pub name: String,
    pub state: StreamState,
    /// Length of one pass, in seconds. Absent for a source without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Absent when the source has no picture, or none that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoTrack>,
    /// Absent when the source has no sound, or none that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioTrack>,
    /// What is being sent right now: one entry a codec that somebody watches.
    #[serde(default)]
    pub renditions: Vec<Rendition>,
    /// Pictures that were left out since the source started, because encoding could not keep up.
    #[serde(default)]
    pub dropped: u64,
    /// People watching now.
    #[serde(default)]
    pub viewers: u32,
    /// Path of a poster picture (JPEG) on this server. Absent for a stream without picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<String>,
}

/// Where a stream is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "is",
    rename_all = "snake_case",
    try_from = "crate::flat::FlatState"
)]
pub enum StreamState {
    /// The file is being looked at; tracks are not known yet.
    Probing,
    /// Can be watched; nobody does.
    Idle,
    /// Somebody watches; the source is running.
    Running,
    /// Cannot be watched. `error` is a sentence that says why and what to do.
    Failed { error: String },
}

/// The picture of a source, as it is in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoTrack {
    /// As ffmpeg names it: `h264`, `hevc`, `vp9`, `mpeg4`.
    pub codec: String,
    /// `High`, `Main 10`; absent when the codec has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// As shown, after rotation.
    pub width: u32,
    pub height: u32,
    /// Frames per second, averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    pub delivery: Delivery,
}

/// The sound of a source, as it is in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioTrack {
    /// As ffmpeg names it: `aac`, `opus`, `mp3`, `pcm_s16le`.
    pub codec: String,
    pub channels: u32,
    /// Samples per second.
    pub sample_rate: u32,
    pub delivery: Delivery,
}

/// How a track reaches a browser that could take any codec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "how",
    rename_all = "snake_case",
    try_from = "crate::flat::FlatDelivery"
)]
pub enum Delivery {
    /// The coded bytes of the file are sent untouched.
    Passthrough,
    /// Decoded and encoded again to `codec`, because of every one of `reasons` (never empty).
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
    /// Browsers do not take this codec over WebRTC.
    Codec,
    /// Pictures are stored in another order than shown; WebRTC has no room for that.
    BFrames,
    /// More than 8 bits a sample.
    BitDepth { bits: u32 },
    /// Colour is not 4:2:0.
    Chroma { format: String },
    /// Two half pictures a frame; it is deinterlaced.
    Interlaced,
    /// Width or height is odd.
    OddSize,
    /// The file asks to be shown turned by this many degrees, clockwise.
    Rotated { degrees: i32 },
    /// The time between pictures varies so much that browsers would count freezes.
    VariableFrameRate,
    /// Keyframes are further apart than the log keeps, or there is none after the first.
    SparseKeyframes,
    /// The timestamps of the file are missing or run backwards.
    Timestamps,
    /// A picture larger than browsers decode at once.
    TooLarge,
    /// A pixel is not square.
    PixelAspect,
}

/// One coded form of the picture that is being sent now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendition {
    pub codec: Codec,
    /// False: the bytes of the file. True: made by an encoder while somebody watches.
    pub encoded: bool,
    pub viewers: u32,
}

/// The codecs that travel over RTP here.
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

    /// RTP timestamp units a second: 90 kHz for pictures, 48 kHz for Opus.
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
    /// Seconds until the credentials in it end; ask again before a new connection then. Absent when none end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
}

/// Which candidates may be used (`RTCIceTransportPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IceTransportPolicy {
    #[default]
    All,
    /// Only relayed ones: peers do not learn each other's addresses.
    Relay,
}

/// One STUN or TURN server, in the words of `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:host:3478`, `turn:host:3478?transport=udp`.
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// `GET /api/health`: alive, and how loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The server's own version.
    pub version: String,
    pub streams: u32,
    pub viewers: u32,
    /// As many may watch at once.
    pub max_viewers: u32,
    /// What goes to all viewers together, in bits a second: viewers times what their renditions have, headers included.
    #[serde(default)]
    pub egress: u64,
    /// As much may go to them. Absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_egress: Option<u64>,
    /// Rooms that somebody is in.
    #[serde(default)]
    pub rooms: u32,
    /// Sockets of people in rooms, or about to join one.
    #[serde(default)]
    pub sockets: u32,
    /// Seconds since the server started.
    pub uptime: u64,
}

/// `GET /session/{secret}`: how it goes for one viewer. Totals are since its offer was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewerInfo {
    pub path: MediaPath,
    /// What its network can carry by the server's estimate, in bits a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<u64>,
    /// The newest round trip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<f64>,
    /// RTP packets sent to it, and their octets.
    pub packets: u64,
    pub bytes: u64,
    /// Packets sent again.
    pub rtx: u64,
    /// Packets that it asked for again.
    pub nacks: u64,
    /// Keyframes that it asked for.
    pub plis: u64,
    /// Times that it was too slow: pictures were left out up to a later keyframe.
    pub skips: u64,
    /// Sends that the server's system refused.
    pub send_errors: u64,
}

/// Which way a viewer's pictures and sound take through the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaPath {
    /// Sealed by the fan-out, many viewers at once.
    Sealed,
    /// Through a connection of its own, packet by packet.
    Ordinary,
}

impl MediaPath {
    /// As it stands in JSON and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Ordinary => "ordinary",
        }
    }
}

/// Every error of the HTTP interface: a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    pub error: String,
}

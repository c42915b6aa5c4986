//! Facts about tracks, from which the plan follows.

use serde::{Deserialize, Serialize};
use shared::api::Codec;

use super::orientation::Orientation;
use super::packet_scan::PacketFacts;

/// Facts about a video track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoFacts {
    /// FFmpeg's name of the codec.
    pub codec: String,
    /// Every browser that decodes the codec decodes this profile of it.
    pub common_profile: bool,
    /// As stored, before rotation, in pixels.
    pub width: u32,
    pub height: u32,
    /// Width to height of a pixel.
    pub pixel_aspect: (u32, u32),
    /// The pixel aspect is the container's; what the frames say does not count.
    pub container_aspect: bool,
    pub orientation: Orientation,
    /// FFmpeg's name of the pixel format.
    pub pixel_format: String,
    pub bits: u32,
    pub is_420: bool,
    pub interlaced: bool,
    /// The brightness has a high dynamic range (PQ or HLG).
    pub hdr: bool,
    pub frame_rate: Option<f64>,
    pub packets: PacketFacts,
}

/// Facts about an audio track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFacts {
    pub codec: String,
    pub channels: u32,
    pub sample_rate: u32,
    /// In bytes.
    pub largest_packet: usize,
    /// Of Opus, in 1/256 dB: the decoder is to amplify by it (RFC 7845 5.1).
    pub output_gain: i16,
}

impl VideoFacts {
    /// Of a video without peculiarities: progressive, upright, 8 bits, 4:2:0, of a rate that is not known. `codec`: FFmpeg's name.
    pub(super) fn plain(codec: impl Into<String>, (width, height): (u32, u32)) -> Self {
        Self {
            codec: codec.into(),
            common_profile: true,
            width,
            height,
            pixel_aspect: (1, 1),
            container_aspect: false,
            orientation: Orientation::default(),
            pixel_format: "yuv420p".to_owned(),
            bits: 8,
            is_420: true,
            interlaced: false,
            hdr: false,
            frame_rate: None,
            packets: PacketFacts::default(),
        }
    }

    /// The file's codec, if browsers can decode it.
    pub fn native_codec(&self) -> Option<Codec> {
        native_codec(&self.codec)
    }

    /// The displayed size: with square pixels, upright.
    pub fn shown_size(&self) -> (u32, u32) {
        shown_size(self.width, self.height, self.pixel_aspect, self.orientation)
    }
}

/// The codec with this name in FFmpeg, if browsers can decode it.
pub(super) fn native_codec(name: &str) -> Option<Codec> {
    match name {
        "h264" => Some(Codec::H264),
        "vp8" => Some(Codec::Vp8),
        "vp9" => Some(Codec::Vp9),
        "av1" => Some(Codec::Av1),
        _ => None,
    }
}

/// The displayed size of a stored frame: with square pixels, upright.
pub(super) fn shown_size(
    width: u32,
    height: u32,
    (num, den): (u32, u32),
    orientation: Orientation,
) -> (u32, u32) {
    let width = if is_not_square((num, den)) {
        (f64::from(width) * f64::from(num) / f64::from(den))
            .round()
            .clamp(1.0, 65_535.0) as u32
    } else {
        width
    };
    let (width, height) = (width.max(1), height.max(1));
    if orientation.swaps_sides() {
        (height, width)
    } else {
        (width, height)
    }
}

/// True when width and height of a pixel differ by more than 1 %; less is rounding (such as 4320:4319).
pub(super) fn is_not_square((num, den): (u32, u32)) -> bool {
    num == 0 || den == 0 || (f64::from(num) / f64::from(den) - 1.0).abs() > 0.01
}

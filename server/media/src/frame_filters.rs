//! The filters that bring decoded frames to the form in which they are shown: progressive, upright, with square pixels
//! and the colours of standard dynamic range. The size is reduced first, so that the other filters have less to do.

use ffmpeg_next as ffmpeg;

use super::color::{Color, scale_matrix};
use super::facts::VideoFacts;
use super::orientation::Orientation;
use super::{plan, tone_map};

/// How the frames of a track are displayed, as the container says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DisplayParams {
    pub orientation: Orientation,
    /// Width to height of a pixel.
    pub pixel_aspect: (u32, u32),
    /// The container gives the pixel aspect; what the frames say does not count.
    pub container_aspect: bool,
    /// All frames are interlaced, whether they say so or not.
    pub interlaced: bool,
}

/// The properties of a frame that decide which filters it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FrameFormat {
    size: (u32, u32),
    pixel: ffmpeg::format::Pixel,
    /// As the frame says; numerator or denominator may be zero.
    aspect: ffmpeg::Rational,
    pub color: Color,
}

/// What the filters produce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilterTarget {
    /// Frames of a video, to be encoded.
    Video,
    /// A single frame, to become a JPEG.
    Still,
}

impl DisplayParams {
    pub(super) fn of(facts: &VideoFacts) -> Self {
        Self {
            orientation: facts.orientation,
            pixel_aspect: facts.pixel_aspect,
            container_aspect: facts.container_aspect,
            interlaced: facts.interlaced,
        }
    }

    /// The size of the filtered frame: as displayed, scaled down to fit `max_size` (long side, short side).
    pub(super) fn size(self, format: &FrameFormat, max_size: (u32, u32)) -> (u32, u32) {
        let own = (
            u32::try_from(format.aspect.numerator()).unwrap_or(0),
            u32::try_from(format.aspect.denominator()).unwrap_or(0),
        );
        let aspect = if self.container_aspect || own.0 == 0 || own.1 == 0 {
            self.pixel_aspect
        } else {
            own
        };
        plan::encoded_size(
            format.size.0,
            format.size.1,
            aspect,
            self.orientation,
            max_size,
        )
    }

    /// True when frames of this format are encoded as they are.
    pub(super) fn keeps(self, format: &FrameFormat, size: (u32, u32)) -> bool {
        size == format.size
            && format.pixel == ffmpeg::format::Pixel::YUV420P
            && self.orientation == Orientation::default()
            && !self.interlaced
            && !format.color.full_range
            && format.color.hdr().is_none()
    }

    /// In FFmpeg's filtergraph syntax, for filtered frames of `size`.
    pub(super) fn spec(
        self,
        format: &FrameFormat,
        size: (u32, u32),
        target: FilterTarget,
    ) -> String {
        let mut filters = Vec::new();
        if self.interlaced {
            filters.push(
                match target {
                    FilterTarget::Video => "bwdif=mode=send_frame:parity=auto:deint=interlaced",
                    // bwdif takes a single frame for a picture without motion, and keeps both fields.
                    FilterTarget::Still => "estdif=mode=frame:parity=auto:deint=interlaced",
                }
                .to_owned(),
            );
        }
        let (width, height) = if self.orientation.swaps_sides() {
            (size.1, size.0)
        } else {
            size
        };
        // Much smaller frames need no sharp filter.
        let shrinks = u64::from(width) * u64::from(height) * 3
            < u64::from(format.size.0) * u64::from(format.size.1) * 2;
        let scaler = if shrinks { "bilinear" } else { "bicubic" };
        let source = scale_matrix(format.color.matrix);
        let (matrix, range, pixel) = match target {
            FilterTarget::Video => (scale_matrix(format.color.encoded().matrix), "tv", "yuv420p"),
            FilterTarget::Still => ("bt601", "pc", "yuvj420p"),
        };
        filters.push(format!(
            "scale={width}:{height}:flags={scaler}:in_color_matrix={source}"
        ));
        if let Some(transfer) = format.color.hdr() {
            filters.push(tone_map::filters(transfer, format.color.has_wide_gamut()));
            filters.push("scale=flags=bilinear".to_owned());
        }
        // Options of the last `scale`.
        filters
            .last_mut()
            .expect("there is a scale filter")
            .push_str(&format!(":out_color_matrix={matrix}:out_range={range}"));
        filters.push(format!("format={pixel}"));
        filters.extend(rotation(self.orientation).map(str::to_owned));
        filters.push("setsar=1".to_owned());
        filters.join(",")
    }
}

impl FrameFormat {
    pub(super) fn of(frame: &ffmpeg::frame::Video) -> Self {
        Self {
            size: (frame.width(), frame.height()),
            pixel: frame.format(),
            aspect: frame.aspect_ratio(),
            color: Color::of(frame),
        }
    }
}

fn rotation(orientation: Orientation) -> impl Iterator<Item = &'static str> {
    let rotate = match orientation.degrees {
        90 => Some("transpose=clock"),
        180 => Some("hflip,vflip"),
        270 => Some("transpose=cclock"),
        _ => None,
    };
    rotate
        .into_iter()
        .chain(orientation.mirrored.then_some("hflip"))
}

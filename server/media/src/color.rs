//! The colours of decoded frames: what an untagged frame means, and what encoders write into the stream.

use bitstream::is_sd;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::color::{Primaries, Range, Space, TransferCharacteristic};

use super::raw;

/// How the samples of a frame represent colours (ITU-T H.273).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Color {
    /// The matrix between YUV and RGB.
    pub matrix: Space,
    primaries: Primaries,
    transfer: TransferCharacteristic,
    /// Samples use all values (0 to 255) instead of the limited range (16 to 235).
    pub full_range: bool,
    /// The samples are RGB, or indices of a palette of RGB.
    is_rgb: bool,
}

/// The transfer function of a video with a high dynamic range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HdrTransfer {
    /// Perceptual quantizer, SMPTE ST 2084.
    Pq,
    /// Hybrid log-gamma, ARIB STD-B67.
    Hlg,
}

impl Color {
    /// As the frame says. What it does not specify is filled in as players do; without that, browsers would guess, each
    /// in its own way. Unspecified primaries are those of the viewer's display.
    pub(super) fn of(frame: &ffmpeg::frame::Video) -> Self {
        let is_rgb = raw::is_rgb(frame.format()) || frame.color_space() == Space::RGB;
        let matrix = match frame.color_space() {
            known @ (Space::BT709
            | Space::FCC
            | Space::BT470BG
            | Space::SMPTE170M
            | Space::SMPTE240M
            | Space::BT2020NCL) => known,
            _ if is_rgb || is_sd(frame.width(), frame.height()) => Space::SMPTE170M,
            _ => Space::BT709,
        };
        let primaries = match frame.color_primaries() {
            Primaries::Unspecified | Primaries::Reserved | Primaries::Reserved0 => Primaries::BT709,
            known => known,
        };
        let transfer = match frame.color_transfer_characteristic() {
            TransferCharacteristic::Unspecified
            | TransferCharacteristic::Reserved
            | TransferCharacteristic::Reserved0 => TransferCharacteristic::BT709,
            known => known,
        };
        Self {
            matrix,
            primaries,
            transfer,
            full_range: frame.color_range() == Range::JPEG,
            is_rgb,
        }
    }

    pub(super) fn hdr(self) -> Option<HdrTransfer> {
        match self.transfer {
            TransferCharacteristic::SMPTE2084 => Some(HdrTransfer::Pq),
            TransferCharacteristic::ARIB_STD_B67 => Some(HdrTransfer::Hlg),
            _ => None,
        }
    }

    /// The primaries are those of BT.2020.
    pub(super) fn has_wide_gamut(self) -> bool {
        self.primaries == Primaries::BT2020
    }

    /// The colours of the frame after the filters: YUV in the limited range, with the same matrix where there is one.
    pub(super) fn encoded(self) -> Self {
        let sdr = Self {
            full_range: false,
            is_rgb: false,
            ..self
        };
        match self.hdr() {
            Some(_) => Self {
                matrix: Space::BT709,
                primaries: Primaries::BT709,
                transfer: TransferCharacteristic::BT709,
                ..sdr
            },
            None => sdr,
        }
    }

    /// The filter to the matrix of BT.601, in FFmpeg's filtergraph syntax; `None` where that is the matrix.
    pub(super) fn to_bt601(self) -> Option<String> {
        match self.matrix {
            Space::SMPTE170M | Space::BT470BG => None,
            other => Some(format!(
                "colorspace=ispace={}:iprimaries=bt709:itrc=bt709:irange=tv:space=smpte170m:primaries=bt709:trc=bt709:range=tv",
                other.name()?
            )),
        }
    }

    /// Writes these colours into the properties of `frame`.
    pub(super) fn tag(self, frame: &mut ffmpeg::frame::Video) {
        frame.set_color_space(self.matrix);
        frame.set_color_primaries(self.primaries);
        frame.set_color_transfer_characteristic(self.transfer);
        frame.set_color_range(if self.full_range {
            Range::JPEG
        } else {
            Range::MPEG
        });
    }

    /// Makes the encoder write these colours into its stream.
    pub(super) fn tag_stream(self, encoder: &mut ffmpeg::encoder::video::Video) {
        encoder.set_colorspace(self.matrix);
        encoder.set_color_primaries(self.primaries);
        encoder.set_color_transfer_characteristic(self.transfer);
        encoder.set_color_range(Range::MPEG);
    }
}

/// The name of a matrix in the options of FFmpeg's `scale` filter.
pub(super) fn scale_matrix(matrix: Space) -> &'static str {
    match matrix {
        Space::BT709 => "bt709",
        Space::FCC => "fcc",
        Space::SMPTE240M => "smpte240m",
        Space::BT2020NCL => "bt2020",
        _ => "bt601",
    }
}

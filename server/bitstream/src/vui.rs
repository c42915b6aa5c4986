//! The VUI of H.264 sequence parameter sets (ITU-T H.264 E.1): reads whether pictures are reordered, and writes the matrix of untagged video. Browsers take
//! untagged video for BT.709, but SD is BT.601.

use super::bit_reader::{BitReader, rbsp};
use super::sd::is_sd;
use super::sps::SpsInfo;

/// `colour_primaries` and `transfer_characteristics` of BT.709: what browsers assume for untagged video.
const BT709: u32 = 1;
/// `matrix_coefficients` of BT.601.
const SMPTE170M: u32 = 6;
const UNSPECIFIED: u32 = 2;
/// `aspect_ratio_idc`: width and height follow.
const EXTENDED_SAR: u32 = 255;

/// The NAL unit with the matrix of SD. `None` when it has a matrix, is not SD, or is malformed: it is then left as it is.
pub(super) fn with_sd_matrix(nal: &[u8]) -> Option<Vec<u8>> {
    let (&header, coded) = nal.split_first()?;
    let payload = rbsp(coded);
    let mut bits = BitReader::new(&payload);
    let info = SpsInfo::read(&mut bits)?;
    if !is_sd(info.width, info.height) {
        return None;
    }
    let mut out = BitWriter::default();
    out.copy(&payload, 0..bits.position());
    let has_vui = bits.flag()?;
    out.bits(1, 1);
    if has_vui {
        let start = bits.position();
        if bits.flag()? && bits.bits(8)? == EXTENDED_SAR {
            bits.bits(32)?;
        }
        if bits.flag()? {
            bits.flag()?; // overscan_appropriate_flag
        }
        out.copy(&payload, start..bits.position());
        let (mut format, mut full_range) = (5, 0); // unspecified video format, limited range
        if bits.flag()? {
            format = bits.bits(3)?;
            full_range = bits.bits(1)?;
            if bits.flag()? {
                let (primaries, transfer) = (bits.bits(8)?, bits.bits(8)?);
                if bits.bits(8)? != UNSPECIFIED {
                    return None;
                }
                let known = |value| if value == UNSPECIFIED { BT709 } else { value };
                out.signal_type(format, full_range, known(primaries), known(transfer));
            } else {
                out.signal_type(format, full_range, BT709, BT709);
            }
        } else {
            out.signal_type(format, full_range, BT709, BT709);
        }
        // The rest, up to the stop bit.
        let end = stop_bit(&payload)? + 1;
        if end <= bits.position() {
            return None;
        }
        out.copy(&payload, bits.position()..end);
    } else {
        out.bits(0, 2); // no aspect ratio, no overscan information
        out.signal_type(5, 0, BT709, BT709);
        // No chroma location, timing, HRD parameters, picture structure and bitstream restriction; the stop bit.
        out.bits(1, 7);
    }
    Some(out.into_nal(header))
}

/// The position of `rbsp_stop_one_bit`.
fn stop_bit(payload: &[u8]) -> Option<usize> {
    let last = payload.iter().rposition(|byte| *byte != 0)?;
    Some(last * 8 + 7 - payload[last].trailing_zeros() as usize)
}

/// Whether pictures are shown in another order than they are decoded in (`max_num_reorder_frames`, E.2.1). `bits` of `payload` are left at
/// `vui_parameters_present_flag`. `None`: the VUI does not tell, or is truncated.
pub(super) fn reorders(payload: &[u8], mut bits: BitReader<'_>) -> Option<bool> {
    if !bits.flag()? {
        return None;
    }
    if bits.flag()? && bits.bits(8)? == EXTENDED_SAR {
        bits.bits(32)?;
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.bits(4)?; // video_format, video_full_range_flag
        if bits.flag()? {
            bits.bits(24)?;
        }
    }
    if bits.flag()? {
        bits.ue()?; // chroma_sample_loc_type_top_field
        bits.ue()?;
    }
    if bits.flag()? {
        bits.bits(32)?; // num_units_in_tick
        bits.bits(32)?; // time_scale
        bits.flag()?;
    }
    let nal_hrd = bits.flag()?;
    if nal_hrd {
        skip_hrd(&mut bits)?;
    }
    let vcl_hrd = bits.flag()?;
    if vcl_hrd {
        skip_hrd(&mut bits)?;
    }
    if nal_hrd || vcl_hrd {
        bits.flag()?; // low_delay_hrd_flag
    }
    bits.flag()?; // pic_struct_present_flag
    if !bits.flag()? {
        return None;
    }
    bits.flag()?; // motion_vectors_over_pic_boundaries_flag
    for _ in 0..4 {
        bits.ue()?; // max_bytes_per_pic_denom to log2_max_mv_length_vertical
    }
    let reordered = bits.ue()?;
    bits.ue()?; // max_dec_frame_buffering
    (bits.position() <= stop_bit(payload)?).then_some(reordered > 0)
}

/// E.1.2.
fn skip_hrd(bits: &mut BitReader<'_>) -> Option<()> {
    let last = bits.ue()?; // cpb_cnt_minus1
    if last > 31 {
        return None;
    }
    bits.bits(8)?;
    for _ in 0..=last {
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
    }
    bits.bits(20)?;
    Some(())
}

/// Writes the most significant bit first.
#[derive(Default)]
struct BitWriter {
    data: Vec<u8>,
    length: usize,
}

impl BitWriter {
    /// `u(count)`; at most 32 bits.
    fn bits(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            if self.length.is_multiple_of(8) {
                self.data.push(0);
            }
            let set = (value >> bit & 1) as u8;
            if let Some(last) = self.data.last_mut() {
                *last |= set << (7 - self.length % 8);
            }
            self.length += 1;
        }
    }

    /// These bits of `payload`.
    fn copy(&mut self, payload: &[u8], range: std::ops::Range<usize>) {
        for at in range {
            let byte = payload.get(at / 8).copied().unwrap_or(0);
            self.bits(u32::from(byte >> (7 - at % 8) & 1), 1);
        }
    }

    fn signal_type(&mut self, format: u32, full_range: u32, primaries: u32, transfer: u32) {
        self.bits(1, 1); // video_signal_type_present_flag
        self.bits(format, 3);
        self.bits(full_range, 1);
        self.bits(1, 1); // colour_description_present_flag
        self.bits(primaries, 8);
        self.bits(transfer, 8);
        self.bits(SMPTE170M, 8);
    }

    /// The NAL unit with this header, with `emulation_prevention_three_byte`s.
    fn into_nal(self, header: u8) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len() + 4);
        out.push(header);
        let mut zeros = 0;
        for byte in self.data {
            if zeros >= 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // x264, 1280x720, Main, level 3.1; the VUI is truncated.
    const SPS_720: &[u8] = &[
        0x67, 0x4d, 0x40, 0x1f, 0xe8, 0x80, 0x28, 0x02, 0xdd, 0x80, 0xb5, 0x01, 0x01, 0x01, 0x40,
    ];
    // Baseline, level 1.1, 320x192, no VUI.
    const SPS_192: &[u8] = &[0x67, 0x42, 0xc0, 0x0b, 0xda, 0x05, 0x06, 0x64];

    #[test]
    fn a_set_without_vui_gets_one_and_only_once() {
        let before = SpsInfo::parse(SPS_192).unwrap();
        assert_eq!((before.width, before.height), (320, 192));
        let tagged = with_sd_matrix(SPS_192).unwrap();
        assert_eq!(SpsInfo::parse(&tagged), Some(before));
        assert_eq!(with_sd_matrix(&tagged), None);
    }

    #[test]
    fn hd_is_left_as_it_is() {
        assert_eq!(with_sd_matrix(SPS_720), None);
    }

    proptest! {
        #[test]
        fn any_bytes_keep_their_meaning(mut nal in prop::collection::vec(any::<u8>(), 0..60), from in 0usize..8) {
            // Mostly valid sets with a random end.
            nal.splice(0..0, SPS_192[..from].iter().copied());
            if let Some(tagged) = with_sd_matrix(&nal) {
                prop_assert_eq!(SpsInfo::parse(&[&[0x67], &tagged[1..]].concat()), SpsInfo::parse(&[&[0x67], &nal[1..]].concat()));
                prop_assert_eq!(with_sd_matrix(&tagged), None);
            }
        }
    }
}

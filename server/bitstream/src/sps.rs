//! The content of H.264 sequence parameter sets.
//!
//! The crate `h264-reader` (0.9.0) reads the same values from every set of the test files, but it rejects a set whose VUI is
//! truncated or followed by stray bytes, and an `avcC` that is truncated. FFmpeg plays such files. This parser stops after
//! the cropping fields, which come before the VUI.

use super::bit_reader::{BitReader, rbsp};

/// `nal_unit_type` of a sequence parameter set.
const SPS: u8 = 7;

/// The fields of a sequence parameter set (H.264 7.3.2.1.1) that decide how a track is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpsInfo {
    pub profile: u8,
    pub constraints: u8,
    pub level: u8,
    /// `chroma_format_idc`: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma: u32,
    pub bits: u32,
    /// False: frames may be coded as two fields (interlaced).
    pub frames_only: bool,
    /// After cropping.
    pub width: u32,
    pub height: u32,
    /// Slice groups, redundant pictures or slices in any order are in use, as [`H264Normalizer`](super::h264::H264Normalizer) found in what
    /// goes with the set.
    pub has_baseline_tools: bool,
}

const BASELINE: u8 = 66;
const MAIN: u8 = 77;
const HIGH: u8 = 100;
/// `level_idc` of 5.2; decoders of browsers end there.
const MAX_LEVEL: u8 = 52;

/// Every browser that decodes H.264 decodes this profile, by `profile_idc` and `level_idc`.
pub fn is_common_profile(profile: u8, level: u8) -> bool {
    matches!(profile, BASELINE | MAIN | HIGH) && level <= MAX_LEVEL
}

impl SpsInfo {
    /// Every browser that decodes H.264 decodes this. Of Baseline that is what Constrained Baseline has too (H.264 A.2.1.1), whatever the constraint flags
    /// say: many encoders do not set them.
    pub fn is_common(&self) -> bool {
        is_common_profile(self.profile, self.level)
            && !(self.profile == BASELINE && self.has_baseline_tools)
    }

    /// From a NAL unit with its header byte. `None` when it is malformed.
    pub fn parse(nal: &[u8]) -> Option<Self> {
        if nal.first().is_none_or(|byte| byte & 0x1f != SPS) {
            return None;
        }
        Self::read(&mut BitReader::new(&rbsp(&nal[1..])))
    }

    /// `bits` begin after the header byte, and are left at `vui_parameters_present_flag`.
    pub(super) fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let profile = bits.bits(8)? as u8;
        let constraints = bits.bits(8)? as u8;
        let level = bits.bits(8)? as u8;
        bits.ue()?; // seq_parameter_set_id
        let (mut chroma, mut depth, mut separate_planes) = (1, 8, false);
        if matches!(
            profile,
            100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
        ) {
            chroma = bits.ue()?;
            if chroma == 3 {
                separate_planes = bits.flag()?;
            }
            depth = bits.ue()?.checked_add(8)?;
            bits.ue()?; // bit_depth_chroma_minus8
            bits.flag()?; // qpprime_y_zero_transform_bypass_flag
            if bits.flag()? {
                for list in 0..if chroma == 3 { 12 } else { 8 } {
                    if bits.flag()? {
                        skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        bits.ue()?; // log2_max_frame_num_minus4
        match bits.ue()? {
            0 => {
                bits.ue()?;
            }
            1 => {
                bits.flag()?;
                bits.ue()?;
                bits.ue()?;
                let cycle = bits.ue()?;
                if cycle > 255 {
                    return None;
                }
                for _ in 0..cycle {
                    bits.ue()?;
                }
            }
            _ => {}
        }
        bits.ue()?; // max_num_ref_frames
        bits.flag()?; // gaps_in_frame_num_value_allowed_flag
        let width_mbs = bits.ue()?.checked_add(1)?;
        let height_units = bits.ue()?.checked_add(1)?;
        let frames_only = bits.flag()?;
        if !frames_only {
            bits.flag()?; // mb_adaptive_frame_field_flag
        }
        bits.flag()?; // direct_8x8_inference_flag
        let mut width = width_mbs.checked_mul(16)?;
        let field_factor = if frames_only { 1 } else { 2 };
        let mut height = height_units.checked_mul(16)?.checked_mul(field_factor)?;
        if bits.flag()? {
            let unit_x = if matches!(chroma, 1 | 2) && !separate_planes {
                2
            } else {
                1
            };
            let unit_y = if chroma == 1 {
                2 * field_factor
            } else {
                field_factor
            };
            let (left, right, top, bottom) = (bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?);
            width = width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?;
            height = height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?;
        }
        Some(Self {
            profile,
            constraints,
            level,
            chroma,
            bits: depth,
            frames_only,
            width,
            height,
            has_baseline_tools: false,
        })
    }
}

fn skip_scaling_list(bits: &mut BitReader<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + i64::from(bits.se()?)).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // x264, 1280x720, Main, level 3.1; the VUI is truncated.
    const SPS_720: &[u8] = &[
        0x67, 0x4d, 0x40, 0x1f, 0xe8, 0x80, 0x28, 0x02, 0xdd, 0x80, 0xb5, 0x01, 0x01, 0x01, 0x40,
    ];

    #[test]
    fn a_sequence_parameter_set_with_a_truncated_vui_gives_size_and_profile() {
        let sps = SpsInfo::parse(SPS_720).unwrap();
        assert_eq!((sps.profile, sps.level), (77, 31));
        assert_eq!((sps.width, sps.height), (1280, 720));
        assert_eq!((sps.chroma, sps.bits, sps.frames_only), (1, 8, true));
    }

    #[test]
    fn the_list_of_common_profiles_has_baseline_main_and_high_up_to_level_5_2() {
        // Extended, High 10, High 4:2:2, High 4:4:4 Predictive, CAVLC 4:4:4 Intra, Scalable and Multiview High.
        for (common, profiles) in [
            (true, &[66, 77, 100][..]),
            (false, &[88, 110, 122, 244, 44, 83, 86, 118, 128, 0, 255]),
        ] {
            for &profile in profiles {
                assert_eq!(is_common_profile(profile, 31), common, "{profile}");
                assert!(!is_common_profile(profile, 60), "{profile}");
            }
        }
        let main = SpsInfo::parse(SPS_720).unwrap();
        let with = |profile, constraints, has_baseline_tools| SpsInfo {
            profile,
            constraints,
            has_baseline_tools,
            ..main
        };
        for constraints in [0, 0x40, 0xc0, 0xe0] {
            assert!(with(66, constraints, false).is_common());
            assert!(!with(66, constraints, true).is_common());
            assert!(!with(88, constraints, false).is_common());
        }
    }
}

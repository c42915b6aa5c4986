//! The content of H.264 sequence parameter sets.
//!
//! The crate `h264-reader` (0.9.0) reads the same values from every set of the test files, but it rejects a set whose VUI is
//! truncated or followed by stray bytes, and an `avcC` that is truncated. FFmpeg plays such files. Of the VUI this parser takes what it can get.

use super::bit_reader::{BitReader, rbsp};
use super::picture_format::PictureFormat;
use super::vui;

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
    /// Pictures are shown in another order than they are decoded in: B-frames. `None`: the set does not tell.
    pub reorders: Option<bool>,
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
    pub fn format(&self) -> PictureFormat {
        PictureFormat {
            width: self.width,
            height: self.height,
            bits: self.bits,
            chroma: self.chroma,
        }
    }

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
        let payload = rbsp(&nal[1..]);
        let mut bits = BitReader::new(&payload);
        let info = Self::read(&mut bits)?;
        let reorders = info.reorders.or_else(|| vui::reorders(&payload, bits));
        Some(Self { reorders, ..info })
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
        let order_count = bits.ue()?; // pic_order_cnt_type
        match order_count {
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
            // H.264 A.2.1 and 8.2.1.3.
            reorders: (profile == BASELINE || order_count == 2).then_some(false),
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
    fn the_set_tells_whether_pictures_are_reordered() {
        // x264 with B-frames, 320x180, High; the same without; Baseline has none.
        const B_FRAMES: &[u8] = &[
            0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00, 0x00,
            0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60,
        ];
        const NO_B_FRAMES: &[u8] = &[
            0x67, 0x64, 0x00, 0x0c, 0xac, 0xb4, 0x0a, 0x0c, 0xfc, 0xf8, 0x08, 0x80, 0x00, 0x00,
            0x03, 0x00, 0x80, 0x00, 0x00, 0x19, 0x07, 0x8a, 0x15, 0x50,
        ];
        const BASELINE: &[u8] = &[0x67, 0x42, 0xc0, 0x0b, 0xda, 0x05, 0x06, 0x64];
        let reorders = |nal| SpsInfo::parse(nal).unwrap().reorders;
        assert_eq!(reorders(B_FRAMES), Some(true));
        assert_eq!(reorders(NO_B_FRAMES), Some(false));
        assert_eq!(reorders(BASELINE), Some(false));
        // Its VUI is truncated.
        assert_eq!(reorders(SPS_720), None);
        for end in 4..B_FRAMES.len() {
            let known = SpsInfo::parse(&B_FRAMES[..end]).and_then(|sps| sps.reorders);
            assert_eq!(known, None, "{end}");
        }
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

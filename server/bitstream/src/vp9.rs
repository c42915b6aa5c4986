//! VP9 frame headers (VP9 bitstream specification 6.2).

use bytes::Bytes;

use super::bit_reader::BitReader;
use super::picture_format::PictureFormat;
use super::sd::is_sd;

const FRAME_MARKER: u32 = 2;
const SYNC_CODE: u32 = 0x49_8342;
/// `color_space`.
const UNKNOWN: u32 = 0;
const SMPTE170M: u8 = 3;
/// Not in profile 0.
const RGB: u32 = 7;
/// The position of `color_space`, three bits, in a keyframe of profile 0.
const COLOR_SPACE: usize = 32;

/// The frame with the matrix of BT.601 in its header, if it is a keyframe of SD that names none: Chromium would take it
/// for BT.709.
pub fn with_sd_matrix(frame: Bytes) -> Bytes {
    if !is_untagged_sd_keyframe(&frame) {
        return frame;
    }
    let mut tagged = frame.to_vec();
    tagged[COLOR_SPACE / 8] |= SMPTE170M << 5;
    tagged.into()
}

fn is_untagged_sd_keyframe(frame: &[u8]) -> bool {
    Keyframe::parse(frame).is_some_and(|keyframe| {
        let (width, height) = keyframe.format.size();
        keyframe.profile == 0 && keyframe.color_space == UNKNOWN && is_sd(width, height)
    })
}

/// The profile of a frame: 0 has 8 bits and 4:2:0.
pub fn profile(frame: &[u8]) -> Option<u8> {
    let mut bits = BitReader::new(frame);
    if bits.bits(2)? != FRAME_MARKER {
        return None;
    }
    let (low, high) = (bits.flag()?, bits.flag()?);
    Some(u8::from(high) << 1 | u8::from(low))
}

/// The format of the pictures, if the frame is a keyframe.
pub fn keyframe_format(frame: &[u8]) -> Option<PictureFormat> {
    Keyframe::parse(frame).map(|keyframe| keyframe.format)
}

/// The header of a keyframe.
struct Keyframe {
    profile: u8,
    color_space: u32,
    format: PictureFormat,
}

impl Keyframe {
    fn parse(frame: &[u8]) -> Option<Self> {
        let profile = profile(frame)?;
        let mut bits = BitReader::new(frame);
        bits.bits(4)?; // frame_marker, profile
        if profile == 3 && bits.flag()? {
            return None; // reserved_zero
        }
        // No repeated frame, a keyframe.
        if bits.bits(2)? != 0 {
            return None;
        }
        bits.bits(2)?; // show_frame, error_resilient_mode
        if bits.bits(24)? != SYNC_CODE {
            return None;
        }
        let depth = match profile >= 2 {
            true if bits.flag()? => 12,
            true => 10,
            false => 8,
        };
        let color_space = bits.bits(3)?;
        // Profiles 0 and 2 have 4:2:0 alone.
        let has_subsampling = profile & 1 == 1;
        let chroma = match (color_space == RGB, has_subsampling) {
            (true, false) => return None,
            (true, true) => {
                bits.flag()?; // reserved_zero
                3
            }
            (false, false) => {
                bits.flag()?; // color_range
                1
            }
            (false, true) => {
                bits.flag()?; // color_range
                let (halves_x, halves_y) = (bits.flag()?, bits.flag()?);
                bits.flag()?; // reserved_zero
                match (halves_x, halves_y) {
                    (true, true) => 1,
                    (true, false) | (false, true) => 2,
                    (false, false) => 3,
                }
            }
        };
        Some(Self {
            profile,
            color_space,
            format: PictureFormat {
                // frame_width_minus_1, frame_height_minus_1
                width: bits.bits(16)? + 1,
                height: bits.bits(16)? + 1,
                bits: depth,
                chroma,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bit_reader::packed;

    /// The header of a keyframe of 320 x `height`.
    fn keyframe(color_space: u8, height: u16) -> Vec<u8> {
        let size = (319u64 << 16 | u64::from(height - 1)) << 28;
        let mut frame = vec![0x82, 0x49, 0x83, 0x42];
        let rest = (u64::from(color_space) << 61) | size;
        frame.extend(rest.to_be_bytes());
        frame
    }

    #[test]
    fn an_untagged_sd_keyframe_gets_a_matrix_and_no_other_frame_does() {
        let tag = |frame: Vec<u8>| with_sd_matrix(frame.into()).to_vec();
        assert_eq!(tag(keyframe(0, 576)), keyframe(SMPTE170M, 576));
        assert_eq!(tag(keyframe(0, 720)), keyframe(0, 720));
        assert_eq!(tag(keyframe(2, 576)), keyframe(2, 576));
        let mut between = keyframe(0, 576);
        between[0] |= 4; // frame_type
        assert_eq!(tag(between.clone()), between);
    }

    #[test]
    fn the_size_of_a_keyframe_is_read_and_another_frame_has_none() {
        let format = keyframe_format(&keyframe(2, 720)).expect("a keyframe");
        assert_eq!(format.size(), (320, 720));
        assert_eq!((format.bits, format.chroma), (8, 1));
        let mut between = keyframe(0, 576);
        between[0] |= 4;
        assert_eq!(keyframe_format(&between), None);
        assert_eq!(keyframe_format(&keyframe(RGB as u8, 576)), None);
    }

    #[test]
    fn other_profiles_tell_their_bits_and_chroma() {
        let sync = u64::from(SYNC_CODE);
        let size = (4095 << 16 | 2303, 32);
        // The marker, both bits of the profile, and what they bring with them.
        for (profile, more, bits, chroma) in [
            (0b10, &[(2, 3), (0, 1), (0b000, 3)][..], 8, 3),
            (0b10, &[(2, 3), (0, 1), (0b110, 3)], 8, 1),
            (0b10, &[(7, 3), (0, 1)], 8, 3),
            (0b01, &[(0, 1), (2, 3), (0, 1)], 10, 1),
            (0b01, &[(1, 1), (2, 3), (0, 1)], 12, 1),
            (0b11, &[(1, 1), (2, 3), (0, 1), (0b100, 3)], 12, 2),
        ] {
            let reserved = if profile == 0b11 { &[(0, 1)][..] } else { &[] };
            let begin = [(2, 2), (profile, 2)];
            let fields = [
                &begin[..],
                reserved,
                &[(0, 2), (0, 2), (sync, 24)],
                more,
                &[size],
            ];
            let found = keyframe_format(&packed(&fields.concat()));
            let expected = PictureFormat {
                width: 4_096,
                height: 2_304,
                bits,
                chroma,
            };
            assert_eq!(found, Some(expected), "{profile:b} {more:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(frame in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = keyframe_format(&frame);
            let _ = with_sd_matrix(frame.into());
        }
    }
}

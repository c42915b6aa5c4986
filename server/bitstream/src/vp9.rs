//! VP9 frame headers (VP9 bitstream specification 6.2).

use bytes::Bytes;

use super::bit_reader::BitReader;
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
        keyframe.color_space == UNKNOWN && is_sd(keyframe.width, keyframe.height)
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

/// Width and height, if the frame is a keyframe of profile 0, which is the one that browsers send.
pub fn keyframe_size(frame: &[u8]) -> Option<(u32, u32)> {
    let keyframe = Keyframe::parse(frame)?;
    Some((keyframe.width, keyframe.height))
}

/// The header of a keyframe of profile 0.
struct Keyframe {
    color_space: u32,
    width: u32,
    height: u32,
}

impl Keyframe {
    fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = BitReader::new(frame);
        // Profile 0, no repeated frame, a keyframe.
        if bits.bits(2)? != FRAME_MARKER || bits.bits(2)? != 0 || bits.bits(2)? != 0 {
            return None;
        }
        bits.bits(2)?; // show_frame, error_resilient_mode
        if bits.bits(24)? != SYNC_CODE {
            return None;
        }
        let color_space = bits.bits(3)?;
        if color_space == RGB {
            return None;
        }
        bits.flag()?; // color_range
        Some(Self {
            color_space,
            // frame_width_minus_1, frame_height_minus_1
            width: bits.bits(16)? + 1,
            height: bits.bits(16)? + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert_eq!(keyframe_size(&keyframe(2, 720)), Some((320, 720)));
        let mut between = keyframe(0, 576);
        between[0] |= 4;
        assert_eq!(keyframe_size(&between), None);
        assert_eq!(keyframe_size(&keyframe(RGB as u8, 576)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(frame in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = with_sd_matrix(frame.into());
        }
    }
}

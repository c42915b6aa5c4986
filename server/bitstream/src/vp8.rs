//! VP8 frame headers (RFC 6386 9.1).

use super::picture_format::PictureFormat;

/// Before the size: the frame tag and the start code.
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// The format of the pictures, if the frame is a keyframe.
pub fn keyframe_format(frame: &[u8]) -> Option<PictureFormat> {
    let [tag, _, _, s0, s1, s2, w0, w1, h0, h1] = *frame.first_chunk()?;
    if tag & 1 != 0 || [s0, s1, s2] != START_CODE {
        return None;
    }
    // The upper two bits are the scale at which it is to be shown.
    let field = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some(PictureFormat {
        width: field(w0, w1),
        height: field(h0, h1),
        bits: 8,
        chroma: 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyframe_size(frame: &[u8]) -> Option<(u32, u32)> {
        keyframe_format(frame).map(|format| format.size())
    }

    #[test]
    fn the_size_of_a_keyframe_is_read_and_another_frame_has_none() {
        let keyframe = [0x50, 0x11, 0, 0x9d, 0x01, 0x2a, 0x40, 0x41, 0xb4, 0x00];
        assert_eq!(keyframe_size(&keyframe), Some((320, 180)));
        let mut between = keyframe;
        between[0] |= 1;
        assert_eq!(keyframe_size(&between), None);
        for length in 0..keyframe.len() {
            assert_eq!(keyframe_size(&keyframe[..length]), None);
        }
    }
}

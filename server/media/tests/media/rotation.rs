//! Files of phones, whose frames are to be rotated for display.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::write_file;

/// A copy of the MP4 file `upright` that is displayed rotated clockwise by `degrees`. The command for that is not the same in all versions: FFmpeg 7
/// ignores the tag `rotate`, and FFmpeg 5 has no `-display_rotation`.
pub(crate) fn rotated(name: &str, upright: &Path, degrees: i32) -> PathBuf {
    let (a, b) = match degrees {
        90 => (0, 1),
        180 => (-1, 0),
        270 => (0, -1),
        _ => panic!("{degrees} is not a quarter turn"),
    };
    // ISO/IEC 14496-12 8.3.2: 16.16 fixed point, 2.30 in the last column.
    let matrix = [a << 16, b << 16, 0, -b << 16, a << 16, 0, 0, 0, 1 << 30];
    let matrix: Vec<u8> = matrix.into_iter().flat_map(i32::to_be_bytes).collect();
    let mut mp4 = fs::read(upright).unwrap();
    let track_header = mp4.windows(4).rposition(|name| name == b"tkhd").unwrap();
    assert_eq!(mp4[track_header + 4], 0, "times have 32 bits");
    mp4[track_header + 44..][..matrix.len()].copy_from_slice(&matrix);
    write_file(name, &mp4)
}

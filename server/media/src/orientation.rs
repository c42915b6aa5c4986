//! How a video is rotated and mirrored for display. Phones store unrotated frames with a display matrix.

use serde::{Deserialize, Serialize};

/// The rotation, and then the mirroring, that brings a stored frame upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orientation {
    /// Clockwise: 0, 90, 180 or 270.
    pub degrees: i32,
    /// Mirrored left to right after the rotation.
    pub mirrored: bool,
}

impl Orientation {
    /// `matrix`: FFmpeg's display matrix, nine 32-bit integers in native byte order. The upper left 2x2 part is
    /// `(a, b)`, `(c, d)` in 16.16 fixed point. A short matrix counts as no rotation.
    pub(super) fn from_display_matrix(matrix: &[u8]) -> Self {
        let entry = |n: usize| {
            let bytes = matrix
                .get(n * 4..n * 4 + 4)
                .and_then(|bytes| bytes.try_into().ok());
            f64::from(bytes.map_or(0, i32::from_ne_bytes))
        };
        let (a, b, c, d) = (entry(0), entry(1), entry(3), entry(4));
        let mirrored = a * d - b * c < 0.0;
        // A mirrored matrix is a rotation followed by x -> -x, which negates the first column.
        let (a, b) = if mirrored { (-a, b) } else { (a, b) };
        let quarters = (b.atan2(a).to_degrees() / 90.0).round() as i32;
        Self {
            degrees: (quarters * 90).rem_euclid(360),
            mirrored,
        }
    }

    /// True when width and height change places.
    pub fn swaps_sides(self) -> bool {
        self.degrees % 180 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> Vec<u8> {
        [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
            .iter()
            .flat_map(|n: &i32| n.to_ne_bytes())
            .collect()
    }

    #[test]
    fn a_display_matrix_gives_rotation_and_mirroring() {
        let orientation = |a, b, c, d| Orientation::from_display_matrix(&matrix(a, b, c, d));
        assert_eq!(
            orientation(1, 0, 0, 1),
            Orientation {
                degrees: 0,
                mirrored: false
            }
        );
        assert_eq!(
            orientation(0, 1, -1, 0),
            Orientation {
                degrees: 90,
                mirrored: false
            }
        );
        assert_eq!(
            orientation(-1, 0, 0, -1),
            Orientation {
                degrees: 180,
                mirrored: false
            }
        );
        assert_eq!(
            orientation(0, -1, 1, 0),
            Orientation {
                degrees: 270,
                mirrored: false
            }
        );
        assert_eq!(
            orientation(-1, 0, 0, 1),
            Orientation {
                degrees: 0,
                mirrored: true
            }
        );
        assert_eq!(
            orientation(1, 0, 0, -1),
            Orientation {
                degrees: 180,
                mirrored: true
            }
        );
        assert_eq!(
            Orientation::from_display_matrix(&[]),
            Orientation::default()
        );
    }
}

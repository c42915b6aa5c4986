//! How a picture is turned to be shown: phones store what their sensor saw, and say how they were held.

/// How a picture is turned to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// 0, 90, 180 or 270, clockwise.
    pub degrees: i32,
    /// Mirrored left to right after turning.
    pub mirrored: bool,
}

impl Turn {
    /// `matrix`: nine big 32-bit numbers of this machine's byte order, 16.16 fixed point, as FFmpeg keeps them.
    /// The shown axes are `(a, b)` and `(c, d)`.
    pub(super) fn from_display_matrix(matrix: &[u8]) -> Self {
        let entry = |n: usize| {
            let bytes = matrix
                .get(n * 4..n * 4 + 4)
                .and_then(|bytes| bytes.try_into().ok());
            f64::from(bytes.map_or(0, i32::from_ne_bytes))
        };
        let (a, b, c, d) = (entry(0), entry(1), entry(3), entry(4));
        let mirrored = a * d - b * c < 0.0;
        // A mirrored matrix is a turn followed by x -> -x, which negates the first column.
        let (a, b) = if mirrored { (-a, b) } else { (a, b) };
        let quarters = (b.atan2(a).to_degrees() / 90.0).round() as i32;
        Self {
            degrees: (quarters * 90).rem_euclid(360),
            mirrored,
        }
    }

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
    fn a_display_matrix_says_how_the_picture_is_turned() {
        let turn = |a, b, c, d| Turn::from_display_matrix(&matrix(a, b, c, d));
        assert_eq!(
            turn(1, 0, 0, 1),
            Turn {
                degrees: 0,
                mirrored: false
            }
        );
        assert_eq!(
            turn(0, 1, -1, 0),
            Turn {
                degrees: 90,
                mirrored: false
            }
        );
        assert_eq!(
            turn(-1, 0, 0, -1),
            Turn {
                degrees: 180,
                mirrored: false
            }
        );
        assert_eq!(
            turn(0, -1, 1, 0),
            Turn {
                degrees: 270,
                mirrored: false
            }
        );
        assert_eq!(
            turn(-1, 0, 0, 1),
            Turn {
                degrees: 0,
                mirrored: true
            }
        );
        assert_eq!(
            turn(1, 0, 0, -1),
            Turn {
                degrees: 180,
                mirrored: true
            }
        );
        assert_eq!(Turn::from_display_matrix(&[]), Turn::default());
    }
}

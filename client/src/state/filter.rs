//! Filters and histogram of the canvas page, over RGBA pixels with eight bits per channel, rows from the top.

use super::decimal::decimal;

/// The filters that are applied to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Filters {
    pub grey: bool,
    pub invert: bool,
    pub edges: bool,
    pub mirror: bool,
}

impl Filters {
    pub fn any(self) -> bool {
        self != Self::default()
    }

    /// Applies the active filters in the order edges, grey, invert, mirror. A buffer of another size is left unchanged.
    pub fn apply(self, pixels: &mut [u8], width: usize, height: usize) {
        if width == 0 || height == 0 || pixels.len() != width * height * 4 {
            return;
        }
        if self.edges {
            edges(pixels, width, height);
        }
        for pixel in pixels.chunks_exact_mut(4) {
            if self.grey {
                let grey = luma(pixel);
                pixel[..3].fill(grey);
            }
            if self.invert {
                for channel in &mut pixel[..3] {
                    *channel = !*channel;
                }
            }
        }
        if self.mirror {
            for row in pixels.chunks_exact_mut(width * 4) {
                for left in 0..width / 2 {
                    let right = width - 1 - left;
                    for channel in 0..4 {
                        row.swap(left * 4 + channel, right * 4 + channel);
                    }
                }
            }
        }
    }
}

/// Luma of BT.709 in 8-bit fixed point (weights sum to 256).
fn luma(pixel: &[u8]) -> u8 {
    let sum = 54 * u32::from(pixel[0]) + 183 * u32::from(pixel[1]) + 19 * u32::from(pixel[2]);
    // At most 256 * 255 / 256.
    (sum >> 8) as u8
}

/// The luma gradient of each pixel (Sobel) as grey. Border pixels are black.
fn edges(pixels: &mut [u8], width: usize, height: usize) {
    let grey: Vec<i32> = pixels
        .chunks_exact(4)
        .map(|pixel| i32::from(luma(pixel)))
        .collect();
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            let strength = if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
                0
            } else {
                let (up, down) = (at - width, at + width);
                let across = grey[up + 1] + 2 * grey[at + 1] + grey[down + 1]
                    - grey[up - 1]
                    - 2 * grey[at - 1]
                    - grey[down - 1];
                let along = grey[down - 1] + 2 * grey[down] + grey[down + 1]
                    - grey[up - 1]
                    - 2 * grey[up]
                    - grey[up + 1];
                (across.abs() + along.abs()).min(255)
            };
            pixels[at * 4..at * 4 + 3].fill(strength as u8);
        }
    }
}

/// Columns of the histogram.
pub const BINS: usize = 64;

/// The frequency of each level relative to the most frequent one (0.0 to 1.0): red, green, blue, luma.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    pub channels: [[f32; BINS]; 4],
}

impl Histogram {
    /// Counts one pixel in `every`.
    pub fn of(pixels: &[u8], every: usize) -> Self {
        let mut counts = [[0_u32; BINS]; 4];
        for pixel in pixels.chunks_exact(4).step_by(every.max(1)) {
            for (counts, level) in
                counts
                    .iter_mut()
                    .zip([pixel[0], pixel[1], pixel[2], luma(pixel)])
            {
                counts[usize::from(level) * BINS / 256] += 1;
            }
        }
        let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1) as f32;
        Self {
            channels: counts.map(|counts| counts.map(|count| count as f32 / most)),
        }
    }

    /// A closed SVG path of one channel in a box of `width` by `height`. The scale is the square root, so that a uniform
    /// background does not hide the other levels.
    pub fn path(&self, channel: usize, width: f32, height: f32) -> String {
        let mut path = format!("M0 {}", decimal(height.into(), 0));
        for (bin, share) in self.channels[channel].iter().enumerate() {
            let x = width * bin as f32 / (BINS - 1) as f32;
            let y = height * (1.0 - share.sqrt());
            path.push_str(&format!(
                "L{} {}",
                decimal(x.into(), 1),
                decimal(y.into(), 1)
            ));
        }
        let (x, y) = (decimal(width.into(), 0), decimal(height.into(), 0));
        path.push_str(&format!("L{x} {y}Z"));
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Filters = Filters {
        grey: false,
        invert: false,
        edges: false,
        mirror: false,
    };

    fn frame() -> Vec<u8> {
        // 3 x 1: red, white, dark blue.
        vec![255, 0, 0, 255, 255, 255, 255, 255, 0, 0, 100, 255]
    }

    #[test]
    fn grey_has_equal_channels_and_keeps_white() {
        let mut pixels = frame();
        Filters { grey: true, ..ON }.apply(&mut pixels, 3, 1);
        assert!(
            pixels
                .chunks_exact(4)
                .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2] && pixel[3] == 255)
        );
        assert_eq!(pixels[4], 255);
    }

    #[test]
    fn inverting_or_mirroring_twice_restores_the_frame() {
        for filters in [
            Filters { invert: true, ..ON },
            Filters { mirror: true, ..ON },
        ] {
            let mut pixels = frame();
            filters.apply(&mut pixels, 3, 1);
            assert_ne!(pixels, frame());
            filters.apply(&mut pixels, 3, 1);
            assert_eq!(pixels, frame());
        }
    }

    #[test]
    fn edges_are_bright_where_the_luma_changes_and_dark_elsewhere() {
        let (width, height) = (8, 8);
        let mut pixels: Vec<u8> = (0..width * height)
            .flat_map(|at| {
                if at % width < 4 {
                    [0, 0, 0, 255]
                } else {
                    [255; 4]
                }
            })
            .collect();
        Filters { edges: true, ..ON }.apply(&mut pixels, width, height);
        let at = |x: usize, y: usize| pixels[(y * width + x) * 4];
        assert_eq!(at(3, 4), 255);
        assert_eq!(at(4, 4), 255);
        assert_eq!(at(1, 4), 0);
        assert_eq!(at(6, 4), 0);
        assert_eq!(at(0, 0), 0);
    }

    #[test]
    fn a_buffer_of_another_size_is_left_unchanged() {
        let mut pixels = frame();
        Filters {
            edges: true,
            grey: true,
            invert: true,
            mirror: true,
        }
        .apply(&mut pixels, 4, 1);
        assert_eq!(pixels, frame());
        Filters { edges: true, ..ON }.apply(&mut [], 0, 0);
    }

    #[test]
    fn a_histogram_counts_levels_as_shares_of_the_most_frequent() {
        let histogram = Histogram::of(&frame(), 1);
        assert_eq!(
            histogram.channels[0][BINS - 1],
            1.0,
            "two of three pixels are fully red"
        );
        assert_eq!(histogram.channels[0][0], 0.5);
        assert_eq!(Histogram::of(&[], 4).channels[3], [0.0; BINS]);
        assert!(histogram.path(3, 100.0, 40.0).starts_with("M0 40L0.0 "));
    }
}

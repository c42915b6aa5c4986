//! Filters of the canvas page, which the browser applies, and its histogram, over RGBA pixels with eight bits per channel.

use super::decimal::decimal;

/// Of the page, for [`Filters::css`]: each pixel without the mean of those around it.
pub const EDGE_FILTER: &str = r#"<filter id="edge-filter" color-interpolation-filters="sRGB"><feConvolveMatrix kernelMatrix="-1 -1 -1 -1 8 -1 -1 -1 -1" preserveAlpha="true"/></filter>"#;

/// The filters that are applied to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Filters {
    pub grey: bool,
    pub invert: bool,
    pub edges: bool,
    pub mirror: bool,
}

impl Filters {
    /// The `filter` of CSS and of a canvas; mirroring is a transform.
    pub fn css(self) -> String {
        let filters = [
            (self.edges, "url(#edge-filter)"),
            (self.edges || self.grey, "grayscale(1)"),
            (self.invert, "invert(1)"),
        ];
        let filters = filters.into_iter().filter(|(on, _)| *on);
        let filters: Vec<&str> = filters.map(|(_, filter)| filter).collect();
        match filters.is_empty() {
            true => "none".to_owned(),
            false => filters.join(" "),
        }
    }

    /// The style of an element. Empty without filters.
    pub fn style(self) -> String {
        let mut style = String::new();
        let css = self.css();
        if css != "none" {
            style += &format!("filter:{css};");
        }
        if self.mirror {
            style += "transform:scaleX(-1)";
        }
        style
    }
}

/// Luma of BT.709 in 8-bit fixed point (weights sum to 256).
fn luma(pixel: &[u8]) -> u8 {
    let sum = 54 * u32::from(pixel[0]) + 183 * u32::from(pixel[1]) + 19 * u32::from(pixel[2]);
    // At most 256 * 255 / 256.
    (sum >> 8) as u8
}

/// Columns of the histogram.
pub const BINS: usize = 64;

/// The frequency of each level relative to the most frequent one (0.0 to 1.0): red, green, blue, luma.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    pub channels: [[f32; BINS]; 4],
}

impl Histogram {
    pub fn of(pixels: &[u8]) -> Self {
        let mut counts = [[0_u32; BINS]; 4];
        for pixel in pixels.chunks_exact(4) {
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

    fn frame() -> Vec<u8> {
        // 3 x 1: red, white, dark blue.
        vec![255, 0, 0, 255, 255, 255, 255, 255, 0, 0, 100, 255]
    }

    #[test]
    fn filters_are_applied_in_one_order() {
        let none = Filters::default();
        assert_eq!(none.style(), "");
        let mirror = Filters {
            mirror: true,
            ..none
        };
        assert_eq!(
            (mirror.css().as_str(), mirror.style().as_str()),
            ("none", "transform:scaleX(-1)")
        );
        let edges = Filters {
            edges: true,
            invert: true,
            ..none
        };
        assert_eq!(edges.css(), "url(#edge-filter) grayscale(1) invert(1)");
        let grey = Filters { grey: true, ..none };
        assert_eq!(grey.style(), "filter:grayscale(1);");
    }

    #[test]
    fn a_histogram_counts_levels_as_shares_of_the_most_frequent() {
        let histogram = Histogram::of(&frame());
        assert_eq!(
            histogram.channels[0][BINS - 1],
            1.0,
            "two of three pixels are fully red"
        );
        assert_eq!(histogram.channels[0][0], 0.5);
        assert_eq!(Histogram::of(&[]).channels[3], [0.0; BINS]);
        assert!(histogram.path(3, 100.0, 40.0).starts_with("M0 40L0.0 "));
    }
}

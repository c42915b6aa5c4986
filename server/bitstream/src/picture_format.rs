//! The pictures of coded video, as its headers describe them.

/// Size and samples of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureFormat {
    /// In pixels.
    pub width: u32,
    pub height: u32,
    /// Of a sample.
    pub bits: u32,
    /// `chroma_format_idc` of H.264: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma: u32,
}

impl PictureFormat {
    /// Bytes of a decoded picture. Decoders store samples of more than 8 bits in 16.
    pub fn bytes(&self) -> u64 {
        let half_samples = match self.chroma {
            0 | 1 => 3,
            2 => 4,
            _ => 6,
        };
        let bytes = if self.bits > 8 { 2 } else { 1 };
        let pixels = u64::from(self.width) * u64::from(self.height);
        // A damaged header can claim any size.
        pixels.saturating_mul(half_samples) / 2 * bytes
    }

    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_more_than_8_bits_take_two_bytes_and_full_chroma_twice_the_samples() {
        let bytes = |bits, chroma| {
            let format = PictureFormat {
                width: 1_920,
                height: 1_080,
                bits,
                chroma,
            };
            format.bytes() as f64 / (1_920.0 * 1_080.0)
        };
        let expected = [
            (8, 0, 1.5),
            (8, 1, 1.5),
            (8, 2, 2.0),
            (8, 3, 3.0),
            (10, 1, 3.0),
            (10, 3, 6.0),
        ];
        for (bits, chroma, expected) in expected {
            assert_eq!(bytes(bits, chroma), expected, "{bits} bits, {chroma}");
        }
        let largest = PictureFormat {
            width: u32::MAX,
            height: u32::MAX,
            bits: 14,
            chroma: 3,
        };
        assert!(largest.bytes() > u64::MAX / 2, "without overflow");
    }
}

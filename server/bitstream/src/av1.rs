//! AV1's open bitstream units (AV1 specification 5.3, low-overhead format).

use bytes::{BufMut, Bytes, BytesMut};

use super::bit_reader::BitReader;
use super::picture_format::PictureFormat;

/// `obu_type` (AV1 specification 6.2.2).
pub const SEQUENCE_HEADER: u8 = 1;
pub const TEMPORAL_DELIMITER: u8 = 2;
pub const FRAME_HEADER: u8 = 3;
pub const FRAME: u8 = 6;
pub const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// One OBU: header, extension and payload, without its size field.
#[derive(Clone, Debug)]
pub struct Obu {
    pub header: u8,
    pub extension: Option<u8>,
    pub payload: Bytes,
}

impl Obu {
    fn kind(&self) -> u8 {
        self.header >> 3 & 0xf
    }

    /// False for temporal delimiters and tile lists, which must not be sent (AV1 RTP 5), and for padding.
    pub fn is_sent(&self) -> bool {
        !matches!(self.kind(), TEMPORAL_DELIMITER | TILE_LIST | PADDING)
    }
}

/// The OBUs of a temporal unit. Stops at the first malformed one.
pub fn obus(unit: &Bytes) -> impl Iterator<Item = Obu> {
    let mut rest = unit.clone();
    std::iter::from_fn(move || {
        let header = *rest.first()?;
        let mut at = 1;
        let extension = if header & 0x04 != 0 {
            at += 1;
            Some(*rest.get(1)?)
        } else {
            None
        };
        let size = if header & 0x02 != 0 {
            let (size, bytes) = leb128(rest.get(at..)?)?;
            at += bytes;
            size
        } else {
            rest.len() - at
        };
        let end = at.checked_add(size).filter(|end| *end <= rest.len())?;
        let payload = rest.slice(at..end);
        rest = rest.slice(end..);
        Some(Obu {
            header,
            extension,
            payload,
        })
    })
}

/// `seq_profile` of the sequence header in a temporal unit, if it has one (AV1 5.5.1): 0 is Main.
pub fn profile(unit: &Bytes) -> Option<u8> {
    let header = obus(unit).find(|obu| obu.kind() == SEQUENCE_HEADER)?;
    header.payload.first().map(|byte| byte >> 5)
}

/// The format of the largest frames, by the sequence header in a temporal unit, if it has one (AV1 5.5.1). Chroma is the fullest that the profile permits.
pub fn format(unit: &Bytes) -> Option<PictureFormat> {
    let header = obus(unit).find(|obu| obu.kind() == SEQUENCE_HEADER)?;
    let mut bits = BitReader::new(&header.payload);
    let profile = bits.bits(3)?;
    bits.flag()?; // still_picture
    let is_reduced = bits.flag()?;
    if is_reduced {
        bits.bits(5)?; // seq_level_idx
    } else {
        skip_operating_points(&mut bits)?;
    }
    let (width_bits, height_bits) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
    let (width, height) = (bits.bits(width_bits)? + 1, bits.bits(height_bits)? + 1);
    let is_high = high_bitdepth(&mut bits, is_reduced);
    Some(PictureFormat {
        width,
        height,
        bits: match (is_high.unwrap_or(true), profile) {
            (false, _) => 8,
            (true, 0 | 1) => 10,
            (true, _) => 12,
        },
        chroma: if profile == 0 { 1 } else { 3 },
    })
}

/// What is between the size and `high_bitdepth` (AV1 5.5.1, 5.5.2).
fn high_bitdepth(bits: &mut BitReader<'_>, is_reduced: bool) -> Option<bool> {
    if !is_reduced && bits.flag()? {
        bits.bits(4 + 3)?; // lengths of frame ids
    }
    bits.bits(3)?; // superblocks, filter_intra, intra_edge_filter
    if !is_reduced {
        bits.bits(4)?; // compound modes, warped motion, dual filter
        let has_order_hint = bits.flag()?;
        if has_order_hint {
            bits.bits(2)?; // jnt_comp, ref_frame_mvs
        }
        // Chosen in each frame, or forced here, or not at all.
        let has_screen_content = bits.flag()? || bits.flag()?;
        if has_screen_content && !bits.flag()? {
            bits.flag()?; // seq_force_integer_mv
        }
        if has_order_hint {
            bits.bits(3)?; // order_hint_bits_minus_1
        }
    }
    bits.bits(3)?; // superres, cdef, restoration
    bits.flag()
}

/// Timing, and the operating points with their models.
fn skip_operating_points(bits: &mut BitReader<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.bits(32)?; // num_units_in_display_tick
        bits.bits(32)?; // time_scale
        if bits.flag()? {
            bits.ue()?; // num_ticks_per_picture_minus_1
        }
        if bits.flag()? {
            delay_bits = Some(bits.bits(5)? + 1);
            bits.bits(32)?; // num_units_in_decoding_tick
            bits.bits(5 + 5)?; // lengths of removal and presentation times
        }
    }
    let has_delays = bits.flag()?;
    for _ in 0..=bits.bits(5)? {
        bits.bits(12)?; // operating_point_idc
        if bits.bits(5)? > 7 {
            bits.flag()?; // seq_tier
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.bits(delay_bits)?;
            bits.bits(delay_bits)?;
            bits.flag()?; // low_delay_mode_flag
        }
        if has_delays && bits.flag()? {
            bits.bits(4)?;
        }
    }
    Some(())
}

/// A keyframe's temporal unit with a sequence header before it, which is taken from the `av1C` box if the unit has none.
pub fn with_sequence_header(unit: Bytes, extradata: &[u8]) -> Bytes {
    if obus(&unit).any(|obu| obu.kind() == SEQUENCE_HEADER)
        || extradata.first() != Some(&0x81)
        || extradata.len() <= 4
    {
        return unit;
    }
    let mut out = BytesMut::with_capacity(extradata.len() + unit.len());
    out.put_slice(&extradata[4..]);
    out.put_slice(&unit);
    out.freeze()
}

/// The value and its size in bytes; `None` past the end or past 32 bits (AV1 4.10.5).
pub fn leb128(data: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (n, byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(u32::try_from(value).ok()?).ok()?, n + 1));
        }
    }
    None
}

/// Writes `leb128()` (AV1 4.10.5).
pub fn put_leb128(out: &mut BytesMut, mut value: usize) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bit_reader::packed;

    /// A temporal unit whose sequence header has these fields: values and their lengths in bits.
    fn unit(fields: &[(u64, u32)]) -> Bytes {
        let bytes = packed(fields);
        // A temporal delimiter, then the sequence header.
        [&[0x12, 0, 0x0a, bytes.len() as u8], &bytes[..]]
            .concat()
            .into()
    }

    fn size(unit: &Bytes) -> Option<(u32, u32)> {
        format(unit).map(|format| format.size())
    }

    #[test]
    fn the_bits_are_in_the_sequence_header_and_many_where_they_are_not() {
        let size = [(9, 4), (8, 4), (639, 10), (359, 9)];
        let begin = |profile| [(profile, 3), (0, 2), (0, 2), (0, 5), (0, 12), (4, 5)];
        // As libaom: no frame ids, all tools, order hints of 7 bits, screen content chosen in each frame, and so are vectors.
        let tools = [
            (0, 1),
            (0b111, 3),
            (0b1111, 4),
            (1, 1),
            (0b11, 2),
            (1, 1),
            (1, 1),
            (6, 3),
            (0b011, 3),
        ];
        // Frame ids, no order hint, screen content forced off.
        let lean = [
            (1, 1),
            (0, 7),
            (0, 3),
            (0, 4),
            (0, 1),
            (0, 1),
            (0, 1),
            (0, 3),
        ];
        // Screen content forced on, whole vectors as well.
        let forced = [
            (0, 1),
            (0, 3),
            (0, 4),
            (0, 1),
            (0, 1),
            (1, 1),
            (0, 1),
            (1, 1),
            (0, 3),
        ];
        for between in [&tools[..], &lean, &forced] {
            for (profile, high, bits, chroma) in
                [(0, 0, 8, 1), (0, 1, 10, 1), (1, 0, 8, 3), (2, 1, 12, 3)]
            {
                let fields = [&begin(profile)[..], &size, between, &[(high, 1), (0, 8)]];
                let found = format(&unit(&fields.concat())).expect("a header");
                assert_eq!((found.bits, found.chroma), (bits, chroma), "{between:?}");
            }
        }
        let short = format(&unit(&[&begin(0)[..], &size].concat())).expect("a size");
        assert_eq!(short.bits, 10);
    }

    #[test]
    fn the_size_is_in_the_sequence_header() {
        let size_of = [(9, 4), (8, 4), (639, 10), (359, 9)];
        let reduced = [(0, 3), (1, 1), (1, 1), (5, 5)];
        assert_eq!(
            size(&unit(&[&reduced[..], &size_of].concat())),
            Some((640, 360))
        );
        // As libaom: no timing, one operating point.
        let lean = [(0, 3), (0, 2), (0, 2), (0, 5), (0, 12), (4, 5)];
        assert_eq!(
            size(&unit(&[&lean[..], &size_of].concat())),
            Some((640, 360))
        );
        // A decoder model, and two points, one of a high level.
        let timing = [
            (0, 3),
            (0, 2),
            (1, 1),
            (1, 32),
            (50, 32),
            (1, 1),
            (1, 1),
            (1, 1),
            (9, 5),
            (7, 32),
            (0, 10),
        ];
        let points = [
            (1, 1),
            (1, 5),
            (1, 12),
            (9, 5),
            (0, 1),
            (1, 1),
            (3, 20),
            (0, 1),
            (1, 1),
            (2, 4),
            (2, 12),
            (4, 5),
            (0, 1),
            (0, 1),
        ];
        let all = unit(&[&timing[..], &points, &size_of].concat());
        assert_eq!(size(&all), Some((640, 360)));
        for end in 0..all.len() {
            // Whatever is missing.
            let _ = size(&all.slice(..end));
        }
        assert_eq!(size(&Bytes::from_static(&[0x12, 0])), None);
    }
}

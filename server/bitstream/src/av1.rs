//! AV1's open bitstream units (AV1 specification 5.3, low-overhead format).

use bytes::{BufMut, Bytes, BytesMut};

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

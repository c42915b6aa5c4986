//! AV1's open bitstream units (AV1 specification 5.3, low-overhead format), as far as RTP and the plan
//! need them.

use bytes::{BufMut, Bytes, BytesMut};

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// One OBU: header, extension and payload, without its size field.
#[derive(Clone, Debug)]
pub(super) struct Obu {
    header: u8,
    extension: Option<u8>,
    payload: Bytes,
}

impl Obu {
    fn kind(&self) -> u8 {
        self.header >> 3 & 0xf
    }

    /// Temporal delimiters and tile lists must not be sent (AV1 RTP 5), and padding need not.
    pub(super) fn is_sent(&self) -> bool {
        !matches!(self.kind(), TEMPORAL_DELIMITER | TILE_LIST | PADDING)
    }

    /// As bytes, with `obu_has_size_field` cleared.
    pub(super) fn without_size(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(2 + self.payload.len());
        out.put_u8(self.header & !0x02);
        out.extend(self.extension);
        out.put_slice(&self.payload);
        out.freeze()
    }
}

/// The OBUs of a temporal unit. Ends where the bytes make no sense.
pub(super) fn obus(unit: &Bytes) -> impl Iterator<Item = Obu> {
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

/// A keyframe's temporal unit with a sequence header in front, taken from the `av1C` box when the file
/// keeps it only there.
pub(super) fn with_sequence_header(unit: Bytes, extradata: &[u8]) -> Bytes {
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

/// AV1 RTP 4.4: each payload is an aggregation header and OBU elements, of which the last may go on in
/// the next payload. Up to three elements a payload are counted in W, so the last needs no length.
pub(super) fn payloads(unit: &Bytes, keyframe: bool, most: usize) -> Vec<Bytes> {
    /// Bytes for the length of an element; 2 are enough for a datagram.
    const LENGTH: usize = 2;
    let mut payloads = Vec::with_capacity(unit.len() / most + 1);
    let mut elements: Vec<Bytes> = Vec::new();
    let mut room = most - 1;
    let mut continues = false;
    let mut flush = |elements: &mut Vec<Bytes>, continues: bool, continued: bool| {
        let counted = elements.len() <= 3;
        let new_sequence = payloads.is_empty() && keyframe;
        let mut out = BytesMut::with_capacity(most);
        out.put_u8(
            u8::from(continues) << 7
                | u8::from(continued) << 6
                | if counted {
                    (elements.len() as u8) << 4
                } else {
                    0
                }
                | u8::from(new_sequence) << 3,
        );
        for (n, element) in elements.iter().enumerate() {
            if !counted || n + 1 < elements.len() {
                put_leb128(&mut out, element.len());
            }
            out.put_slice(element);
        }
        elements.clear();
        payloads.push(out.freeze());
    };
    for obu in obus(unit).filter(|obu| obu.is_sent()) {
        let mut rest = obu.without_size();
        while !rest.is_empty() {
            if room <= LENGTH {
                // The element before ended with its payload unless this is a continuation.
                flush(&mut elements, continues, false);
                continues = false;
                room = most - 1;
            }
            let piece = rest.split_to(rest.len().min(room - LENGTH));
            room -= LENGTH + piece.len();
            elements.push(piece);
            if !rest.is_empty() {
                flush(&mut elements, continues, true);
                continues = true;
                room = most - 1;
            }
        }
    }
    if !elements.is_empty() {
        flush(&mut elements, continues, false);
    }
    payloads
}

/// Value and bytes taken; `None` past the end or past 32 bits (AV1 4.10.5).
fn leb128(data: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (n, byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(u32::try_from(value).ok()?).ok()?, n + 1));
        }
    }
    None
}

pub(super) fn put_leb128(out: &mut BytesMut, mut value: usize) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

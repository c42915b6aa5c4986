//! AV1's open bitstream units (AV1 specification 5.3, low-overhead format), as far as RTP needs them.

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

    /// False for temporal delimiters and tile lists, which must not be sent (AV1 RTP 5), and for padding.
    pub(super) fn is_sent(&self) -> bool {
        !matches!(self.kind(), TEMPORAL_DELIMITER | TILE_LIST | PADDING)
    }

    /// The OBU with `obu_has_size_field` cleared.
    pub(super) fn without_size(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(2 + self.payload.len());
        out.put_u8(self.header & !0x02);
        out.extend(self.extension);
        out.put_slice(&self.payload);
        out.freeze()
    }
}

/// The OBUs of a temporal unit. Stops at the first malformed one.
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

/// A keyframe's temporal unit with a sequence header before it, which is taken from the `av1C` box if the unit has none.
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

/// RTP payloads of a temporal unit (AV1 RTP 4.4): an aggregation header and OBU elements, the last of which may continue
/// in the next payload. Up to three elements are counted in W, so that the last needs no length.
pub(super) fn payloads(unit: &Bytes, keyframe: bool, max_payload: usize) -> Vec<Bytes> {
    /// Bytes of an element's length field; 2 are enough for a datagram.
    const LENGTH: usize = 2;
    let mut payloads = Vec::with_capacity(unit.len() / max_payload + 1);
    let mut elements: Vec<Bytes> = Vec::new();
    let mut room = max_payload - 1;
    let mut continues = false;
    let mut flush = |elements: &mut Vec<Bytes>, continues: bool, continued: bool| {
        let counted = elements.len() <= 3;
        let new_sequence = payloads.is_empty() && keyframe;
        let mut out = BytesMut::with_capacity(max_payload);
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
                // The previous element ended with the payload, so the next one is not a continuation.
                flush(&mut elements, continues, false);
                continues = false;
                room = max_payload - 1;
            }
            let piece = rest.split_to(rest.len().min(room - LENGTH));
            room -= LENGTH + piece.len();
            elements.push(piece);
            if !rest.is_empty() {
                flush(&mut elements, continues, true);
                continues = true;
                room = max_payload - 1;
            }
        }
    }
    if !elements.is_empty() {
        flush(&mut elements, continues, false);
    }
    payloads
}

/// The value and its size in bytes; `None` past the end or past 32 bits (AV1 4.10.5).
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

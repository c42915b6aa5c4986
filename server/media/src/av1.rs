//! AV1's open bitstream units (AV1 specification 5.3, low-overhead format), as far as RTP needs them.

use bytes::{BufMut, Bytes, BytesMut};

use super::payloads::PayloadBuilder;

/// `obu_type` (AV1 specification 6.2.2).
pub const SEQUENCE_HEADER: u8 = 1;
pub const TEMPORAL_DELIMITER: u8 = 2;
pub const FRAME_HEADER: u8 = 3;
pub const FRAME: u8 = 6;
pub const TILE_LIST: u8 = 8;
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

    /// Header and extension with `obu_has_size_field` cleared.
    fn header_without_size(&self) -> Header {
        Header {
            bytes: [self.header & !0x02, self.extension.unwrap_or(0)],
            length: 1 + usize::from(self.extension.is_some()),
        }
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

/// Adds the RTP payloads of a temporal unit (AV1 RTP 4.4): an aggregation header and OBU elements, the last of which may
/// continue in the next payload. Up to three elements are counted in W, so that the last needs no length.
pub(super) fn packetize(
    unit: &Bytes,
    keyframe: bool,
    max_payload: usize,
    payloads: &mut PayloadBuilder<'_>,
) {
    /// Bytes of an element's length field; 2 are enough for a datagram.
    const LENGTH: usize = 2;
    let obus: Vec<Obu> = obus(unit).filter(Obu::is_sent).collect();
    let mut elements: Vec<Element<'_>> = Vec::new();
    let mut room = max_payload - 1;
    let mut continues = false;
    for obu in &obus {
        let mut rest = Element {
            header: obu.header_without_size(),
            data: &obu.payload,
        };
        while rest.len() > 0 {
            // At least two bytes of an OBU begin in a payload, so that its header is never divided.
            if room <= LENGTH + 1 {
                // The previous element ended with the payload, so the next one is not a continuation.
                write(&mut elements, keyframe, continues, false, payloads);
                continues = false;
                room = max_payload - 1;
            }
            let piece = rest.split_to(room - LENGTH);
            room -= LENGTH + piece.len();
            elements.push(piece);
            if rest.len() > 0 {
                write(&mut elements, keyframe, continues, true, payloads);
                continues = true;
                room = max_payload - 1;
            }
        }
    }
    if !elements.is_empty() {
        write(&mut elements, keyframe, continues, false, payloads);
    }
}

/// An OBU or a fragment of one, without size field.
struct Element<'a> {
    /// Header and extension; empty in later fragments.
    header: Header,
    data: &'a [u8],
}

/// Up to two bytes.
#[derive(Clone, Copy, Default)]
struct Header {
    bytes: [u8; 2],
    length: usize,
}

impl<'a> Element<'a> {
    fn len(&self) -> usize {
        self.header.length + self.data.len()
    }

    /// Removes and returns the first `length` bytes, or all if there are fewer. `length`: two or more.
    fn split_to(&mut self, length: usize) -> Element<'a> {
        let header = std::mem::take(&mut self.header);
        let length = self.data.len().min(length - header.length);
        let (data, rest) = self.data.split_at(length);
        self.data = rest;
        Element { header, data }
    }

    fn header(&self) -> &[u8] {
        &self.header.bytes[..self.header.length]
    }
}

/// Adds one payload. `continues`: its first element is the rest of an OBU. `continued`: its last one goes on in the next payload.
fn write(
    elements: &mut Vec<Element<'_>>,
    keyframe: bool,
    continues: bool,
    continued: bool,
    payloads: &mut PayloadBuilder<'_>,
) {
    let counted = elements.len() <= 3;
    let new_sequence = payloads.is_empty() && keyframe;
    let count = if counted { elements.len() as u8 } else { 0 };
    let flags = u8::from(continues) << 7 | u8::from(continued) << 6 | u8::from(new_sequence) << 3;
    let aggregation = flags | count << 4;
    if let [element] = &elements[..] {
        let [first, second] = element.header.bytes;
        let prefix = [aggregation, first, second];
        payloads.push(&prefix[..=element.header.length], element.data);
    } else {
        payloads.push_aggregate(|out| {
            out.put_u8(aggregation);
            for (n, element) in elements.iter().enumerate() {
                if !counted || n + 1 < elements.len() {
                    put_leb128(out, element.len());
                }
                out.put_slice(element.header());
                out.put_slice(element.data);
            }
        });
    }
    elements.clear();
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

//! AV1 in RTP payloads (AV1 RTP specification 1.0).

use bitstream::av1::{Obu, obus, put_leb128};
use bytes::{BufMut, Bytes};

use super::payloads::PayloadBuilder;

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
            header: Header::without_size(obu),
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

impl Header {
    /// Header and extension with `obu_has_size_field` cleared.
    fn without_size(obu: &Obu) -> Self {
        Self {
            bytes: [obu.header & !0x02, obu.extension.unwrap_or(0)],
            length: 1 + usize::from(obu.extension.is_some()),
        }
    }
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

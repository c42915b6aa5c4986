//! RTP packets, read in place: header (RFC 3550 5.1), header extensions of both forms (RFC 8285 4.2, 4.3), padding.

/// A packet after SRTP is opened. Borrows the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Without padding; empty in packets that only probe the path.
    pub payload: &'a [u8],
    extensions: Extensions<'a>,
}

/// The elements of a header extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extensions<'a> {
    two_bytes: bool,
    elements: &'a [u8],
}

const FIXED_HEADER: usize = 12;
const VERSION: u8 = 2;
/// "defined by profile" of the one-byte form; of the two-byte form, whose last four bits are for the application.
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTES: u16 = 0x1000;
/// In the one-byte form this id ends the elements.
const RESERVED_ID: u8 = 15;

impl<'a> RtpPacket<'a> {
    /// `None` when the datagram is no RTP packet, or is truncated.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = datagram.split_first_chunk::<FIXED_HEADER>()?;
        if header[0] >> 6 != VERSION {
            return None;
        }
        rest = rest.get(4 * usize::from(header[0] & 0xf)..)?; // CSRCs
        let mut extensions = Extensions::default();
        if header[0] & 0x10 != 0 {
            let ([p, q, r, s], behind) = rest.split_first_chunk::<4>()?;
            let words = usize::from(u16::from_be_bytes([*r, *s]));
            let (elements, behind) = behind.split_at_checked(4 * words)?;
            extensions = Extensions::of_profile(u16::from_be_bytes([*p, *q]), elements);
            rest = behind;
        }
        if header[0] & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            let length = rest.len().checked_sub(padding).filter(|_| padding > 0)?;
            rest = &rest[..length];
        }
        let [_, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *header;
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence_number: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            payload: rest,
            extensions,
        })
    }

    /// The packet that this one retransmits.
    pub(crate) fn original(
        &self,
        payload_type: u8,
        sequence_number: u16,
        payload: &'a [u8],
    ) -> Self {
        Self {
            payload_type,
            sequence_number,
            payload,
            ..*self
        }
    }

    /// The header extension element with this id (`a=extmap`).
    pub fn extension(&self, id: u8) -> Option<&'a [u8]> {
        let mut elements = self.extensions;
        elements.find_map(|(of, data)| (of == id).then_some(data))
    }

    /// All header extension elements, with their ids.
    pub fn extensions(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        self.extensions
    }
}

impl<'a> Extensions<'a> {
    /// Elements of an unknown profile are skipped.
    fn of_profile(profile: u16, elements: &'a [u8]) -> Self {
        match profile {
            ONE_BYTE => Self {
                two_bytes: false,
                elements,
            },
            _ if profile & 0xfff0 == TWO_BYTES => Self {
                two_bytes: true,
                elements,
            },
            _ => Self::default(),
        }
    }

    /// Id and length of the first element, and what follows its header.
    fn header(&self) -> Option<(u8, usize, &'a [u8])> {
        let (first, rest) = self.elements.split_first()?;
        if self.two_bytes {
            let (length, rest) = rest.split_first()?;
            return Some((*first, usize::from(*length), rest));
        }
        let id = first >> 4;
        // An id of 0 with a length is invalid, too.
        (id != RESERVED_ID && id != 0).then_some((id, usize::from(first & 0xf) + 1, rest))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.elements.first() == Some(&0) {
            self.elements = &self.elements[1..]; // padding
        }
        let (id, length, rest) = self.header()?;
        let (data, rest) = rest.split_at_checked(length)?;
        self.elements = rest;
        Some((id, data))
    }
}

#[cfg(test)]
mod tests;

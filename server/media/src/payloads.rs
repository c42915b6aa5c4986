//! The RTP payloads of one access unit.

use bytes::{Bytes, BytesMut};

/// An access unit and its RTP payloads: ranges of the unit, each behind a prefix of a few bytes. The coded data are stored once, for senders and
/// for readers of whole units alike.
#[derive(Clone, Debug)]
pub struct RtpPayloads {
    unit: Bytes,
    /// The bodies of payloads that are not a range of the unit, because they join several parts of it.
    aggregates: Bytes,
    ranges: Box<[PayloadRange]>,
}

/// One payload: `prefix`, then `body`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    pub prefix: &'a [u8],
    pub body: &'a [u8],
}

/// Bytes of the longest prefix: AV1's aggregation header, OBU header and extension.
const MAX_PREFIX: usize = 3;

#[derive(Clone, Copy, Debug)]
struct PayloadRange {
    /// Where the body begins: in the unit, or in the aggregates.
    start: u32,
    length: u16,
    is_aggregate: bool,
    prefix_length: u8,
    prefix: [u8; MAX_PREFIX],
}

impl RtpPayloads {
    /// Cuts a unit into payloads of one size, without prefixes: for tests of senders.
    #[doc(hidden)]
    pub fn cut(unit: &Bytes, size: usize) -> Self {
        let mut payloads = PayloadBuilder::new(unit, 0);
        unit.chunks(size).for_each(|body| payloads.push(&[], body));
        payloads.finish()
    }

    /// The access unit that they carry.
    pub fn unit(&self) -> &Bytes {
        &self.unit
    }

    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn get(&self, index: usize) -> Option<Payload<'_>> {
        self.ranges.get(index).map(|range| self.payload(range))
    }

    pub fn iter(&self) -> impl Iterator<Item = Payload<'_>> {
        self.ranges.iter().map(|range| self.payload(range))
    }

    /// Bytes of all payloads.
    pub fn bytes(&self) -> usize {
        self.iter().map(|payload| payload.len()).sum()
    }

    fn payload<'a>(&'a self, range: &'a PayloadRange) -> Payload<'a> {
        let whole = if range.is_aggregate {
            &self.aggregates
        } else {
            &self.unit
        };
        let start = range.start as usize;
        Payload {
            prefix: &range.prefix[..range.prefix_length.into()],
            body: &whole[start..start + usize::from(range.length)],
        }
    }
}

impl<'a> Payload<'a> {
    pub fn pieces(self) -> [&'a [u8]; 2] {
        [self.prefix, self.body]
    }

    pub fn len(&self) -> usize {
        self.prefix.len() + self.body.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy in one piece.
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.len());
        whole.extend_from_slice(self.prefix);
        whole.extend_from_slice(self.body);
        whole.freeze()
    }
}

/// Collects the payloads of an access unit.
pub(super) struct PayloadBuilder<'a> {
    unit: &'a Bytes,
    aggregates: BytesMut,
    ranges: Vec<PayloadRange>,
}

impl<'a> PayloadBuilder<'a> {
    /// `expected`: the number of payloads, as far as it is known.
    pub(super) fn new(unit: &'a Bytes, expected: usize) -> Self {
        Self {
            unit,
            aggregates: BytesMut::new(),
            ranges: Vec::with_capacity(expected),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds a payload: `prefix`, then `body`, a slice of the unit.
    pub(super) fn push(&mut self, prefix: &[u8], body: &[u8]) {
        let start = body.as_ptr().addr() - self.unit.as_ptr().addr();
        self.add(prefix, start, body.len(), false);
    }

    /// Adds a payload of which `write` writes the whole.
    pub(super) fn push_aggregate(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let start = self.aggregates.len();
        write(&mut self.aggregates);
        let length = self.aggregates.len() - start;
        self.add(&[], start, length, true);
    }

    fn add(&mut self, prefix: &[u8], start: usize, length: usize, is_aggregate: bool) {
        let mut range = PayloadRange {
            start: u32::try_from(start).expect("units are smaller than 4 GiB"),
            length: u16::try_from(length).expect("a payload fits a datagram"),
            is_aggregate,
            prefix_length: prefix.len() as u8,
            prefix: [0; MAX_PREFIX],
        };
        range.prefix[..prefix.len()].copy_from_slice(prefix);
        self.ranges.push(range);
    }

    pub(super) fn finish(self) -> RtpPayloads {
        RtpPayloads {
            unit: self.unit.clone(),
            aggregates: self.aggregates.freeze(),
            ranges: self.ranges.into(),
        }
    }
}

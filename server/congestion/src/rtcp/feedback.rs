//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1).

use std::slice::ChunksExact;

use super::{u16_at, u32_at};

/// Arrivals and losses of packets that follow each other.
#[derive(Clone, Copy, Debug)]
pub struct TransportFeedback<'a> {
    /// The number of the first packet told of.
    pub base: u16,
    /// So many packets are told of.
    pub count: u16,
    /// What arrival times count from, in multiples of 64 ms on the viewer's clock; 24 bits, which wrap.
    pub reference: u32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// Of losses, only those among the last so many packets are told: nobody remembers more, and two bytes may claim thousands.
    pub const MAX_LOSSES: u16 = 1024;

    /// `control`: what follows the SSRCs.
    pub(super) fn new(control: &'a [u8]) -> Option<Self> {
        let (base, count) = (u16_at(control, 0)?, u16_at(control, 2)?);
        let reference = u32_at(control, 4)? >> 8;
        let behind = control.get(8..)?;
        let (mut told, mut end) = (0, 0);
        while told < u32::from(count) {
            told += Run::new(u16_at(behind, end)?).left;
            end += 2;
        }
        let (chunks, deltas) = behind.split_at(end);
        Some(Self {
            base,
            count,
            reference,
            chunks,
            deltas,
        })
    }

    /// Each packet's number, and when it arrived, in microseconds after [`reference`](Self::reference); `None`: not yet.
    ///
    /// Ends early when the packet is cut off, or says what is reserved.
    pub fn packets(&self) -> Arrivals<'a> {
        Arrivals {
            number: self.base,
            left: self.count,
            run: Run::default(),
            chunks: self.chunks.chunks_exact(2),
            deltas: self.deltas,
            arrived: 0,
        }
    }
}

/// A packet status chunk (3.1.3 and 3.1.4), what is left of it.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    left: u32,
    /// The symbols of the packets, 2 bits each, the next one on top; of a run length, the only one.
    symbols: u16,
    repeated: bool,
    /// Bits a symbol.
    width: u32,
}

impl Run {
    fn new(chunk: u16) -> Self {
        let vector = chunk & 0x8000 != 0;
        let width = if vector && chunk & 0x4000 == 0 { 1 } else { 2 };
        Self {
            left: match (vector, width) {
                (true, width) => 14 / width,
                (false, _) => u32::from(chunk & 0x1fff),
            },
            symbols: if vector { chunk << 2 } else { chunk << 1 },
            repeated: !vector,
            width,
        }
    }

    fn symbol(&self) -> u16 {
        self.symbols >> (16 - self.width)
    }

    fn pass(&mut self, packets: u32) {
        self.left -= packets;
        if !self.repeated {
            self.symbols <<= self.width;
        }
    }
}

/// The packets of a [`TransportFeedback`].
#[derive(Clone, Debug)]
pub struct Arrivals<'a> {
    number: u16,
    left: u16,
    run: Run,
    chunks: ChunksExact<'a, u8>,
    deltas: &'a [u8],
    /// Microseconds after the reference.
    arrived: i64,
}

/// Arrival times are told in units of so many microseconds.
const TICK: i64 = 250;

impl Iterator for Arrivals<'_> {
    type Item = (u16, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            if self.run.left == 0 {
                self.run = Run::new(u16_at(self.chunks.next()?, 0)?);
                continue;
            }
            let symbol = self.run.symbol();
            let old = u32::from(self.left.saturating_sub(TransportFeedback::MAX_LOSSES));
            if symbol == 0 && old > 0 {
                let passed = if self.run.repeated {
                    self.run.left.min(old)
                } else {
                    1
                };
                self.pass(passed);
                continue;
            }
            let number = self.number;
            let delta = match symbol {
                0 => None,
                1 => Some(i64::from(self.take::<1>()?[0])),
                2 => Some(i64::from(i16::from_be_bytes(self.take()?))),
                _ => return None,
            };
            self.pass(1);
            if let Some(delta) = delta {
                self.arrived += TICK * delta;
            }
            return Some((number, delta.map(|_| self.arrived)));
        }
        None
    }
}

impl Arrivals<'_> {
    /// `packets`: of the run that is being read, and at most as many as are left.
    fn pass(&mut self, packets: u32) {
        self.run.pass(packets);
        self.left -= packets as u16;
        self.number = self.number.wrapping_add(packets as u16);
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.deltas.split_first_chunk()?;
        self.deltas = rest;
        Some(*taken)
    }
}

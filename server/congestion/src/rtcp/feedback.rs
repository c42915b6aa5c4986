//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1).

use std::slice::ChunksExact;

use super::{u16_at, u32_at};

/// Arrivals and losses of packets with consecutive transport-wide sequence numbers.
#[derive(Clone, Copy, Debug)]
pub struct TransportFeedback<'a> {
    /// The number of the first packet.
    pub base: u16,
    /// The number of packets.
    pub count: u16,
    /// Arrival times count from here: units of 64 ms on the viewer's clock, 24 bits, which wrap.
    pub reference_time: u32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// Losses are reported only for the last packets of a feedback: senders keep no more packets, and a chunk of two bytes may claim thousands of
    /// losses.
    pub const MAX_LOSSES: u16 = 1024;

    /// `control`: the feedback control information, after the SSRCs.
    pub(super) fn new(control: &'a [u8]) -> Option<Self> {
        let (base, count) = (u16_at(control, 0)?, u16_at(control, 2)?);
        let reference_time = u32_at(control, 4)? >> 8;
        let rest = control.get(8..)?;
        let (mut reported, mut end) = (0, 0);
        while reported < u32::from(count) {
            reported += Run::new(u16_at(rest, end)?).left;
            end += 2;
        }
        let (chunks, deltas) = rest.split_at(end);
        Some(Self {
            base,
            count,
            reference_time,
            chunks,
            deltas,
        })
    }

    /// Each packet's number, and when it arrived, in microseconds after [`reference_time`](Self::reference_time); `None`: not yet.
    ///
    /// Ends early when the packet is truncated, or contains a reserved symbol.
    pub fn packets(&self) -> Arrivals<'a> {
        Arrivals {
            number: self.base,
            left: self.count,
            run: Run::default(),
            chunks: self.chunks.chunks_exact(2),
            deltas: self.deltas,
            arrived_us: 0,
        }
    }
}

/// The unread rest of a packet status chunk (draft 3.1.3 and 3.1.4).
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    left: u32,
    /// The symbols of the packets, the next one in the highest bits; in a run length chunk, its only symbol.
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
    /// Of the last packet that arrived, after the reference time.
    arrived_us: i64,
}

/// Deltas of arrival times are in units of this (draft 3.1.5).
const DELTA_UNIT_US: i64 = 250;

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
                self.arrived_us += DELTA_UNIT_US * delta;
            }
            return Some((number, delta.map(|_| self.arrived_us)));
        }
        None
    }
}

impl Arrivals<'_> {
    /// Skips packets of the current chunk, at most as many as are left.
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

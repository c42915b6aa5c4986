//! The body of a transport-wide feedback packet (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1).

use std::time::Instant;

use bytes::{BufMut, BytesMut};

/// Packets that one report is about.
pub(super) const MAX_PACKETS: u16 = 1024;
/// Packets of one report that came: with two bytes for each, and their status, it fits a datagram.
const MAX_ARRIVED: usize = 400;
/// Units of arrival times, and of the reference time, in microseconds.
const DELTA: i64 = 250;
const REFERENCE: i64 = 64_000;
/// Packets in a status vector with two bits for each, and with one.
const VECTOR_OF_TWO: usize = 7;
const VECTOR_OF_ONE: usize = 14;
const MAX_RUN: usize = 0x1fff;

/// The status of a packet, as it is coded in two bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    NotReceived = 0,
    SmallDelta = 1,
    LargeDelta = 2,
}

#[derive(Debug)]
pub(super) struct FeedbackBody {
    start: Instant,
    base: u64,
    statuses: Vec<Status>,
    /// Times since the arrival before, in units of [`DELTA`].
    deltas: Vec<i16>,
    /// The reference time in its own units, then the time of the newest arrival in units of [`DELTA`].
    clock: Option<(i64, i64)>,
}

impl FeedbackBody {
    /// `start`: the zero of the reference time. `base`: the number of the first packet.
    pub(super) fn new(start: Instant, base: u64) -> Self {
        Self {
            start,
            base,
            statuses: Vec::new(),
            deltas: Vec::new(),
            clock: None,
        }
    }

    /// The number after the last packet.
    pub(super) fn end(&self) -> u64 {
        self.base + self.statuses.len() as u64
    }

    /// Adds a packet that came; numbers rise. False when it has to go into the next report.
    pub(super) fn push(&mut self, number: u64, arrived: Instant) -> bool {
        let lost = (number - self.end()) as usize;
        let is_full = self.deltas.len() >= MAX_ARRIVED
            || self.statuses.len() + lost >= usize::from(MAX_PACKETS);
        let micros = arrived.saturating_duration_since(self.start).as_micros() as i64;
        let (reference, before) = self.clock.unwrap_or_else(|| {
            let reference = micros / REFERENCE;
            (reference, reference * REFERENCE / DELTA)
        });
        let time = micros / DELTA;
        let Ok(delta) = i16::try_from(time - before) else {
            return false;
        };
        if is_full {
            return false;
        }
        self.clock = Some((reference, time));
        self.statuses
            .extend(std::iter::repeat_n(Status::NotReceived, lost));
        self.statuses.push(match delta {
            0..=255 => Status::SmallDelta,
            _ => Status::LargeDelta,
        });
        self.deltas.push(delta);
        true
    }

    /// Padded to a multiple of 4 bytes. The padding bit of RTCP is not used: the length of the content is known from the statuses.
    pub(super) fn finish(self, feedback_count: u8) -> BytesMut {
        let mut out = BytesMut::with_capacity(16 + 2 * self.deltas.len() + self.statuses.len() / 3);
        out.put_u16(self.base as u16);
        out.put_u16(self.statuses.len() as u16); // at most MAX_PACKETS
        let reference = self.clock.map_or(0, |(reference, _)| reference);
        out.put_uint(reference as u64 & 0xff_ffff, 3);
        out.put_u8(feedback_count);
        put_chunks(&mut out, &self.statuses);
        for delta in self.deltas {
            match u8::try_from(delta) {
                Ok(small) => out.put_u8(small),
                Err(_) => out.put_i16(delta),
            }
        }
        out.put_bytes(0, out.len().next_multiple_of(4) - out.len());
        out
    }
}

/// Packet status chunks: a run where it covers more packets than a vector.
fn put_chunks(out: &mut BytesMut, mut statuses: &[Status]) {
    while let Some(first) = statuses.first() {
        let run = statuses
            .iter()
            .take_while(|status| *status == first)
            .count();
        let short = statuses.iter().take(VECTOR_OF_ONE);
        let short = short.take_while(|status| **status != Status::LargeDelta);
        let is_short = short.count() >= VECTOR_OF_ONE.min(statuses.len());
        let length = if is_short {
            VECTOR_OF_ONE
        } else {
            VECTOR_OF_TWO
        };
        let length = length.min(statuses.len());
        let covered = if run >= length {
            let run = run.min(MAX_RUN);
            out.put_u16((*first as u16) << 13 | run as u16);
            run
        } else {
            let (flags, bits) = if is_short { (0x8000, 1) } else { (0xc000, 2) };
            // The first packet has the highest bits.
            let symbols = statuses[..length].iter().zip(1u16..);
            let vector = symbols.fold(flags, |vector, (status, place)| {
                vector | (*status as u16) << (14 - bits * place)
            });
            out.put_u16(vector);
            length
        };
        statuses = &statuses[covered..];
    }
}

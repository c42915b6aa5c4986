//! Puts the packets of one SSRC in order. Bounded in packets, bytes and time.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// The packets of the buffer, those that are missing among them included.
pub const MAX_PACKETS: usize = 1024;
/// The payloads of the buffer.
pub const MAX_BYTES: usize = 4 << 20;

/// What is kept of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferedPacket {
    /// The extended sequence number.
    pub number: u64,
    pub arrived: Instant,
    pub marker: bool,
    pub payload_type: u8,
    pub timestamp: u32,
    pub payload: Bytes,
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// `missing`: the numbers before it that are not there yet, and were not reported before.
    Stored {
        missing: Range<u64>,
    },
    Duplicate,
    /// It was given up before it came, or is one that was delivered.
    Late,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ordered {
    Packet(BufferedPacket),
    /// These packets are given up.
    Gap(Range<u64>),
}

/// The first packet that is inserted is the first that is delivered.
#[derive(Debug, Default)]
pub struct ReorderBuffer {
    /// The number of the first slot.
    next: Option<u64>,
    slots: VecDeque<Slot>,
    bytes: usize,
    /// Dropped because the buffer was full or the sender restarted; not reported yet.
    dropped: Option<Range<u64>>,
}

#[derive(Debug)]
enum Slot {
    Held(BufferedPacket),
    MissingSince(Instant),
}

impl ReorderBuffer {
    /// When the buffer is full, its oldest packets are dropped.
    pub fn insert(&mut self, packet: BufferedPacket) -> Inserted {
        let (number, now) = (packet.number, packet.arrived);
        let next = *self.next.get_or_insert(number);
        let Some(index) = number.checked_sub(next) else {
            return Inserted::Late;
        };
        let end = next + self.slots.len() as u64;
        if number < end {
            let slot = &mut self.slots[index as usize];
            if matches!(slot, Slot::Held(_)) {
                return Inserted::Duplicate;
            }
            self.bytes += packet.payload.len();
            *slot = Slot::Held(packet);
            self.make_room(0);
            return Inserted::Stored { missing: 0..0 };
        }
        if number - end >= MAX_PACKETS as u64 {
            self.restart(number);
        }
        let end = self.next.unwrap_or(number) + self.slots.len() as u64;
        self.make_room((number - end) as usize + 1);
        // `make_room` may have moved the beginning, never the end.
        let missing = end..number;
        for _ in missing.clone() {
            self.slots.push_back(Slot::MissingSince(now));
        }
        self.bytes += packet.payload.len();
        self.slots.push_back(Slot::Held(packet));
        self.make_room(0);
        Inserted::Stored { missing }
    }

    /// The sender continues at `number`: what is missing before will not come.
    pub fn restart(&mut self, number: u64) {
        if let Some(next) = self.next {
            self.drop_until(next + self.slots.len() as u64);
        }
        if let Some(next) = self.next.filter(|next| *next < number) {
            let start = self.dropped.take().map_or(next, |dropped| dropped.start);
            self.dropped = Some(start..number);
            self.next = Some(number);
        }
    }

    /// The next packet in order, or the packets before it that have been missing for `patience` or longer.
    pub fn pop(&mut self, now: Instant, patience: Duration) -> Option<Ordered> {
        if let Some(dropped) = self.dropped.take() {
            return Some(Ordered::Gap(dropped));
        }
        let next = self.next?;
        if let Slot::MissingSince(since) = self.slots.front()? {
            if now < *since + patience {
                return None;
            }
            let missing = |slot: &&Slot| matches!(slot, Slot::MissingSince(_));
            let count = self.slots.iter().take_while(missing).count();
            self.slots.drain(..count);
            let end = next + count as u64;
            self.next = Some(end);
            return Some(Ordered::Gap(next..end));
        }
        let Some(Slot::Held(packet)) = self.slots.pop_front() else {
            return None;
        };
        self.next = Some(next + 1);
        self.bytes -= packet.payload.len();
        Some(Ordered::Packet(packet))
    }

    /// When [`Self::pop`] gives up the missing packets that hold back the others.
    pub fn next_timeout(&self, patience: Duration) -> Option<Instant> {
        match self.slots.front()? {
            Slot::MissingSince(since) => Some(*since + patience),
            Slot::Held(_) => None,
        }
    }

    /// True when packets wait for a missing one.
    pub fn has_hole(&self) -> bool {
        matches!(self.slots.front(), Some(Slot::MissingSince(_)))
    }

    /// The number before which nothing is waited for.
    pub fn next_number(&self) -> Option<u64> {
        self.next
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops the oldest packets until `more` fit. With them go all up to the next packet that is there.
    fn make_room(&mut self, more: usize) {
        let Some(next) = self.next else { return };
        let mut until = next;
        let mut bytes = self.bytes;
        for slot in &self.slots {
            let left = self.slots.len() - (until - next) as usize;
            let fits = left + more <= MAX_PACKETS && bytes <= MAX_BYTES;
            match slot {
                Slot::Held(_) if fits => break,
                Slot::MissingSince(_) if fits && until == next => break,
                Slot::Held(packet) => bytes -= packet.payload.len(),
                Slot::MissingSince(_) => {}
            }
            until += 1;
        }
        self.drop_until(until);
    }

    fn drop_until(&mut self, until: u64) {
        let Some(next) = self.next.filter(|next| *next < until) else {
            return;
        };
        for slot in self.slots.drain(..(until - next) as usize) {
            if let Slot::Held(packet) = slot {
                self.bytes -= packet.payload.len();
            }
        }
        let start = self.dropped.take().map_or(next, |dropped| dropped.start);
        self.dropped = Some(start..until);
        self.next = Some(until);
    }
}

#[cfg(test)]
mod tests;

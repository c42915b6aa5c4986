//! What was sent of one RTP stream to one viewer: for a sequence number the frame of the log, never the packet itself.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The last frames sent, and the last packets repeated: under 5 kB.
#[derive(Debug)]
pub struct RtxHistory {
    /// Oldest first; their sequence numbers follow each other and span less than half of all that there are.
    parts: VecDeque<Part>,
    /// The sequence number after the newest part.
    end: u16,
    /// Frame of the newest part; the others' are near it.
    frame: u64,
    start: Instant,
    repeats: Box<[Repeat; REPEATS]>,
}

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPacket {
    /// The frame's number in its track.
    pub frame: u64,
    /// Which payload of that frame.
    pub index: u16,
    /// The RTP timestamp that it carried.
    pub timestamp: u32,
}

/// Packets of one frame that left one after the other.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// The lower bits.
    frame: u32,
    timestamp: u32,
    first: u16,
    packets: u16,
    index: u16,
}

#[derive(Clone, Copy, Debug)]
struct Repeat {
    sequence: u16,
    /// Milliseconds since the log began, and one; `None`: never.
    at: Option<NonZeroU32>,
}

/// Viewers ask for what they can still show: Chromium waits 3 s for a picture before it asks for a keyframe. At 30 pictures a second this is 5 s.
const PARTS: usize = 160;
/// A keyframe of 2.5 Mbit/s, all of it lost.
const REPEATS: usize = 256;
const MOST_PACKETS: u16 = 1 << 15;

impl RtxHistory {
    pub fn new(now: Instant) -> Self {
        let nothing = Repeat {
            sequence: 0,
            at: None,
        };
        Self {
            parts: VecDeque::with_capacity(PARTS),
            end: 0,
            frame: 0,
            start: now,
            repeats: Box::new([nothing; REPEATS]),
        }
    }

    /// Notes that `packets` of a frame were sent, from sequence number `first` on. `from` says which payload of the frame was the first of them.
    pub fn add(&mut self, first: u16, packets: u16, from: SentPacket) {
        if first != self.end {
            // Numbers were left out: what was before is found no more, rather than wrongly.
            self.parts.clear();
        }
        self.end = first.wrapping_add(packets);
        let same = self.frame == from.frame;
        self.frame = from.frame;
        match self.parts.back_mut() {
            Some(last) if same && last.index.wrapping_add(last.packets) == from.index => {
                last.packets = last.packets.saturating_add(packets);
            }
            _ => {
                if self.parts.len() == PARTS {
                    self.parts.pop_front();
                }
                self.parts.push_back(Part {
                    frame: from.frame as u32,
                    timestamp: from.timestamp,
                    first,
                    packets,
                    index: from.index,
                });
            }
        }
        let end = self.end;
        while self
            .parts
            .front()
            .is_some_and(|oldest| end.wrapping_sub(oldest.first) > MOST_PACKETS)
        {
            self.parts.pop_front();
        }
    }

    /// Nothing of what was sent is found any more.
    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// `None`: never sent, or too long ago.
    pub fn find(&self, sequence: u16) -> Option<SentPacket> {
        let age = self.end.wrapping_sub(sequence);
        let behind = |part: &Part| self.end.wrapping_sub(part.first);
        let after = self.parts.partition_point(|part| behind(part) >= age);
        let part = self.parts.get(after.checked_sub(1)?)?;
        let within = sequence.wrapping_sub(part.first);
        let near = part.frame.wrapping_sub(self.frame as u32) as i32;
        (within < part.packets).then(|| SentPacket {
            frame: self.frame.wrapping_add_signed(near.into()),
            index: part.index.wrapping_add(within),
            timestamp: part.timestamp,
        })
    }

    /// Notes that a packet is repeated now. False, and nothing is noted, when it was repeated within the last round trip:
    /// the viewer cannot have seen that yet.
    pub fn may_retransmit(&mut self, sequence: u16, now: Instant, round_trip: Duration) -> bool {
        let at = now.saturating_duration_since(self.start).as_millis() as u32;
        let at = NonZeroU32::MIN.saturating_add(at);
        let last = &mut self.repeats[usize::from(sequence) % REPEATS];
        let ago = |last: NonZeroU32| at.get().wrapping_sub(last.get());
        let known = last.at.filter(|_| last.sequence == sequence);
        let just = known.is_some_and(|last| u128::from(ago(last)) < round_trip.as_millis());
        if !just {
            *last = Repeat {
                sequence,
                at: Some(at),
            };
        }
        !just
    }
}

/// How many bytes of repairs one viewer may cost.
///
/// A fourth of what it is sent: enough to repair 20 % of loss, and of what is repaired again 20 %. Who loses more is better served with
/// fewer packets than with each packet twice, and who asks in bad faith gets no more than 1.25 times a viewing.
#[derive(Debug)]
pub struct RtxBudget {
    bytes: usize,
}

impl RtxBudget {
    const SHARE: usize = 4;
    /// The first keyframe may need half of it again before much was earned.
    const FIRST: usize = 48 << 10;
    /// A second of loss of everything, at 2.5 Mbit/s, after a good while without.
    const MOST: usize = 320 << 10;

    pub fn new() -> Self {
        Self { bytes: Self::FIRST }
    }

    /// Packets were sent for the first time.
    pub fn earn(&mut self, bytes: usize) {
        self.bytes = (self.bytes + bytes / Self::SHARE).min(Self::MOST);
    }

    /// False, and nothing is taken, when that would be too much.
    pub fn spend(&mut self, bytes: usize) -> bool {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }
}

impl Default for RtxBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(frame: u64, index: u16) -> SentPacket {
        SentPacket {
            frame,
            index,
            timestamp: (frame as u32).wrapping_mul(3000),
        }
    }

    proptest! {
        /// Frames of 1 to 400 packets, each sent in up to three parts, around a wrap of both kinds of number.
        #[test]
        fn a_sequence_number_finds_its_payload(
            first: u16,
            number in prop_oneof![Just(0), Just(u64::from(u32::MAX) - 20), any::<u32>().prop_map(u64::from)],
            frames in proptest::collection::vec((1u16..400, 0u16..400, 0u16..400), 1..400),
        ) {
            let mut log = RtxHistory::new(Instant::now());
            let mut all = Vec::new();
            let mut next = first;
            for (index, (packets, a, b)) in frames.into_iter().enumerate() {
                let number = number + index as u64;
                let (a, b) = (a.min(b).min(packets), a.max(b).min(packets));
                for (from, to) in [(0, a), (a, b), (b, packets)] {
                    if from < to {
                        log.add(next, to - from, frame(number, from));
                        next = next.wrapping_add(to - from);
                    }
                }
                all.extend((0..packets).map(|index| frame(number, index)));
            }
            let newest = all.last().map_or(0, |last| last.frame);
            for (age, expected) in all.iter().rev().enumerate().take(usize::from(u16::MAX)) {
                let found = log.find(next.wrapping_sub(1 + age as u16));
                if newest - expected.frame < PARTS as u64 && age < usize::from(MOST_PACKETS) - 400 {
                    prop_assert_eq!(found, Some(*expected));
                } else {
                    prop_assert!(found.is_none() || found == Some(*expected));
                }
            }
            prop_assert_eq!(log.find(next), None);
            prop_assert!(log.parts.len() <= PARTS);
        }
    }

    #[test]
    fn numbers_left_out_are_nobodys() {
        let mut log = RtxHistory::new(Instant::now());
        log.add(10, 3, frame(7, 0));
        log.add(20, 3, frame(8, 0));
        assert_eq!(log.find(11), None);
        assert_eq!(log.find(22), Some(frame(8, 2)));
        assert_eq!(log.find(23), None);
    }

    #[test]
    fn a_packet_is_repeated_once_in_a_round_trip() {
        let start = Instant::now();
        let mut log = RtxHistory::new(start);
        let rtt = Duration::from_millis(80);
        assert!(log.may_retransmit(5, start, rtt));
        assert!(log.may_retransmit(6, start, rtt));
        assert!(!log.may_retransmit(5, start + Duration::from_millis(79), rtt));
        assert!(log.may_retransmit(5, start + rtt, rtt));
        assert!(!log.may_retransmit(5, start + rtt, rtt));
    }

    #[test]
    fn repairs_are_a_share_of_what_is_sent() {
        let mut budget = RtxBudget::new();
        let mut repaired = 0;
        for _ in 0..10_000 {
            budget.earn(1200);
            for _ in 0..3 {
                repaired += if budget.spend(1200) { 1200 } else { 0 };
            }
        }
        assert!(repaired <= RtxBudget::FIRST + 10_000 * 1200 / 4);
        assert!(repaired >= 10_000 * 1200 / 4);
    }
}

//! Sent packets of one RTP stream to one viewer, for retransmission (RFC 4588): for each sequence number a handle on the frame whose payload it carried,
//! not the packet.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The last frames sent, and the last packets retransmitted. `F` is a handle that keeps a frame in memory.
#[derive(Debug)]
pub struct RtxHistory<F> {
    /// Oldest first. Their sequence numbers are consecutive, and span less than half of the number space.
    ranges: VecDeque<FrameRange<F>>,
    /// The sequence number after the newest range.
    end: u16,
    start: Instant,
    /// `None` before the first retransmission: most viewers need none.
    retransmissions: Option<Box<[Retransmission; RETRANSMISSIONS]>>,
}

/// The payload that a packet carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPacket<F> {
    pub frame: F,
    /// Index of the payload in that frame.
    pub index: u16,
    /// The RTP timestamp of the packet.
    pub timestamp: u32,
}

/// Consecutive packets of one frame.
#[derive(Clone, Copy, Debug)]
struct FrameRange<F> {
    frame: F,
    timestamp: u32,
    /// Sequence number of the first packet.
    first: u16,
    packets: u16,
    /// Index in the frame of the first packet's payload.
    index: u16,
    /// When the last packet was sent, in milliseconds since the start of the history.
    sent_ms: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Retransmission {
    sequence: u16,
    /// Milliseconds since the start of the history, plus one; `None`: never.
    at_ms: Option<NonZeroU32>,
}

/// Enough for the longest time at 60 frames a second.
const MAX_RANGES: usize = 160;
/// Sent packets are kept for four round trips: time for a NACK, a repair that is lost, and another; but within these limits.
const ROUND_TRIPS: u32 = 4;
const MIN_KEPT: Duration = Duration::from_secs(1);
const MAX_KEPT: Duration = Duration::from_secs(2);
/// The newest frames are kept however old: the loss of a frame's last packet shows only with the next frame.
const NEWEST_KEPT: usize = 3;
/// Enough for a lost keyframe of a stream of 2.5 Mbit/s.
const RETRANSMISSIONS: usize = 256;
const MAX_PACKETS: u16 = 1 << 15;

impl<F: Clone + PartialEq> RtxHistory<F> {
    pub fn new(now: Instant) -> Self {
        Self {
            ranges: VecDeque::new(),
            end: 0,
            start: now,
            retransmissions: None,
        }
    }

    /// Adds `packets` of a frame with consecutive sequence numbers from `first` on. `from`: the payload of the first of them.
    pub fn add(&mut self, now: Instant, first: u16, packets: u16, from: SentPacket<F>) {
        if first != self.end {
            // After a gap in the sequence numbers, older packets could be confused with newer ones.
            self.ranges.clear();
        }
        self.end = first.wrapping_add(packets);
        let sent_ms = self.millis(now);
        match self.ranges.back_mut() {
            Some(last)
                if last.frame == from.frame
                    && last.index.wrapping_add(last.packets) == from.index =>
            {
                last.packets = last.packets.saturating_add(packets);
                last.sent_ms = sent_ms;
            }
            _ => {
                if self.ranges.len() == MAX_RANGES {
                    self.ranges.pop_front();
                }
                self.ranges.push_back(FrameRange {
                    frame: from.frame,
                    timestamp: from.timestamp,
                    first,
                    packets,
                    index: from.index,
                    sent_ms,
                });
            }
        }
        let end = self.end;
        while self
            .ranges
            .front()
            .is_some_and(|oldest| end.wrapping_sub(oldest.first) > MAX_PACKETS)
        {
            self.ranges.pop_front();
        }
    }

    /// Lets go of the frames whose packets nobody asks for any more.
    pub fn expire(&mut self, now: Instant, rtt: Duration) {
        let kept = (rtt * ROUND_TRIPS).clamp(MIN_KEPT, MAX_KEPT).as_millis();
        let now = self.millis(now);
        while self.ranges.len() > NEWEST_KEPT
            && let Some(oldest) = self.ranges.front()
            && u128::from(now.saturating_sub(oldest.sent_ms)) > kept
        {
            self.ranges.pop_front();
        }
    }

    /// Forgets all sent packets.
    pub fn clear(&mut self) {
        self.ranges.clear();
    }

    /// The payload of a packet; `None`: never sent, or too long ago.
    pub fn find(&self, sequence: u16) -> Option<SentPacket<F>> {
        let age = self.end.wrapping_sub(sequence);
        let behind = |range: &FrameRange<F>| self.end.wrapping_sub(range.first);
        let after = self.ranges.partition_point(|range| behind(range) >= age);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        let within = sequence.wrapping_sub(range.first);
        (within < range.packets).then(|| SentPacket {
            frame: range.frame.clone(),
            index: range.index.wrapping_add(within),
            timestamp: range.timestamp,
        })
    }

    fn millis(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.start).as_millis() as u32
    }

    /// True: the packet may be retransmitted, and `now` is recorded as the time of that. False: it was retransmitted less than a round trip ago, so
    /// this NACK may have been sent before the retransmission arrived.
    pub fn may_retransmit(&mut self, sequence: u16, now: Instant, rtt: Duration) -> bool {
        let at = NonZeroU32::MIN.saturating_add(self.millis(now));
        let retransmissions = self
            .retransmissions
            .get_or_insert_with(|| Box::new([Retransmission::default(); RETRANSMISSIONS]));
        let last = &mut retransmissions[usize::from(sequence) % RETRANSMISSIONS];
        let ago = |last: NonZeroU32| at.get().wrapping_sub(last.get());
        let known = last.at_ms.filter(|_| last.sequence == sequence);
        let recently = known.is_some_and(|last| u128::from(ago(last)) < rtt.as_millis());
        if !recently {
            *last = Retransmission {
                sequence,
                at_ms: Some(at),
            };
        }
        !recently
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(frame: u64, index: u16) -> SentPacket<u64> {
        SentPacket {
            frame,
            index,
            timestamp: (frame as u32).wrapping_mul(3000),
        }
    }

    proptest! {
        /// Frames of 1 to 400 packets, each sent in up to three ranges, around the wrap of sequence numbers and of frame numbers.
        #[test]
        fn a_sequence_number_finds_its_payload(
            first: u16,
            number in prop_oneof![Just(0), Just(u64::from(u32::MAX) - 20), any::<u32>().prop_map(u64::from)],
            frames in proptest::collection::vec((1u16..400, 0u16..400, 0u16..400), 1..400),
        ) {
            let now = Instant::now();
            let mut history = RtxHistory::new(now);
            let mut all = Vec::new();
            let mut next = first;
            for (index, (packets, a, b)) in frames.into_iter().enumerate() {
                let number = number + index as u64;
                let (a, b) = (a.min(b).min(packets), a.max(b).min(packets));
                for (from, to) in [(0, a), (a, b), (b, packets)] {
                    if from < to {
                        history.add(now, next, to - from, frame(number, from));
                        next = next.wrapping_add(to - from);
                    }
                }
                all.extend((0..packets).map(|index| frame(number, index)));
            }
            let newest = all.last().map_or(0, |last| last.frame);
            for (age, expected) in all.iter().rev().enumerate().take(usize::from(u16::MAX)) {
                let found = history.find(next.wrapping_sub(1 + age as u16));
                if newest - expected.frame < MAX_RANGES as u64 && age < usize::from(MAX_PACKETS) - 400 {
                    prop_assert_eq!(found, Some(*expected));
                } else {
                    prop_assert!(found.is_none() || found == Some(*expected));
                }
            }
            prop_assert_eq!(history.find(next), None);
            prop_assert!(history.ranges.len() <= MAX_RANGES);
        }
    }

    #[test]
    fn skipped_sequence_numbers_are_not_found() {
        let now = Instant::now();
        let mut history = RtxHistory::new(now);
        history.add(now, 10, 3, frame(7, 0));
        history.add(now, 20, 3, frame(8, 0));
        assert_eq!(history.find(11), None);
        assert_eq!(history.find(22), Some(frame(8, 2)));
        assert_eq!(history.find(23), None);
    }

    #[test]
    fn packets_are_kept_for_four_round_trips_and_until_two_later_frames_were_sent() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut history = RtxHistory::new(start);
        for number in 0..3 {
            history.add(at(0), number, 1, frame(number.into(), 0));
        }
        let rtt = Duration::from_millis(300);
        history.expire(at(60_000), rtt);
        assert!(history.find(0).is_some(), "its last packet may be lost");
        history.add(at(60_000), 3, 1, frame(3, 0));
        history.expire(at(60_000), rtt);
        assert_eq!(history.find(0), None);
        for (age, rtt, kept) in [
            (999, 10, true),
            (1001, 10, false),
            (1199, 300, true),
            (1201, 300, false),
            (1999, 900, true),
            (2001, 900, false),
        ] {
            let mut history = RtxHistory::new(start);
            for number in 0..4 {
                history.add(at(0), number, 1, frame(number.into(), 0));
            }
            history.expire(at(age), Duration::from_millis(rtt));
            assert_eq!(history.find(0).is_some(), kept, "{age} {rtt}");
        }
    }

    #[test]
    fn a_packet_is_retransmitted_once_in_a_round_trip() {
        let start = Instant::now();
        let mut history = RtxHistory::<u64>::new(start);
        let rtt = Duration::from_millis(80);
        assert!(history.may_retransmit(5, start, rtt));
        assert!(history.may_retransmit(6, start, rtt));
        assert!(!history.may_retransmit(5, start + Duration::from_millis(79), rtt));
        assert!(history.may_retransmit(5, start + rtt, rtt));
        assert!(!history.may_retransmit(5, start + rtt, rtt));
    }
}

//! Which packets to ask for again, and when (RFC 4585 6.2.1).
//!
//! A packet is asked for when it has been missing for longer than packets usually overtake each other, then once in a round trip, until it comes, is given
//! up by the [`ReorderBuffer`](crate::reorder::ReorderBuffer), or was asked for [`MAX_TRIES`] times.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Packets that are missing at one time. More are a loss that a keyframe repairs sooner.
pub const MAX_MISSING: usize = 1024;
/// How often a packet is asked for.
pub const MAX_TRIES: u8 = 4;
/// Packets that overtake others by less are not asked for.
const REORDERING: Duration = Duration::from_millis(10);
/// Before anything is known of the path.
const INITIAL_RTT: Duration = Duration::from_millis(100);
const MIN_RTT: Duration = Duration::from_millis(5);
const MAX_RTT: Duration = Duration::from_secs(1);

/// The missing packets of one SSRC, by extended sequence number.
#[derive(Debug, Default)]
pub struct NackList {
    missing: BTreeMap<u64, MissingPacket>,
    /// From requests to answers, smoothed.
    answered: Option<Duration>,
    /// Of the path, as it was measured elsewhere.
    path: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct MissingPacket {
    tries: u8,
    /// When it is asked for next.
    due: Instant,
    asked: Option<Instant>,
}

impl NackList {
    /// These packets are missing as of now.
    pub fn add(&mut self, now: Instant, numbers: Range<u64>) {
        let packet = MissingPacket {
            tries: 0,
            due: now + REORDERING,
            asked: None,
        };
        let room = MAX_MISSING - self.missing.len();
        self.missing
            .extend(numbers.take(room).map(|number| (number, packet)));
    }

    /// A packet has come. `resent`: as a retransmission, whose answering time tells the round trip.
    pub fn received(&mut self, now: Instant, number: u64, resent: bool) {
        let Some(packet) = self.missing.remove(&number) else {
            return;
        };
        // An answer to the second try may be a late one to the first (Karn's algorithm).
        if let Some(asked) = packet.asked.filter(|_| resent && packet.tries == 1) {
            let sample = now.saturating_duration_since(asked);
            let before = self.answered.unwrap_or(sample);
            self.answered = Some(within((before * 7 + sample) / 8)); // RFC 6298 2.3
        }
    }

    /// The packets before `number` are not waited for any more.
    pub fn forget_before(&mut self, number: u64) {
        while let Some(entry) = self.missing.first_entry() {
            if *entry.key() >= number {
                return;
            }
            entry.remove();
        }
    }

    /// The packets to ask for now, in order; they count as asked for.
    pub fn due(&mut self, now: Instant) -> Vec<u16> {
        let wait = self.rtt() + self.rtt() / 4 + REORDERING;
        let mut numbers = Vec::new();
        for (number, packet) in &mut self.missing {
            if packet.tries < MAX_TRIES && packet.due <= now {
                packet.tries += 1;
                packet.due = now + wait;
                packet.asked = Some(now);
                numbers.push(*number as u16);
            }
        }
        numbers
    }

    /// When [`Self::due`] has a packet next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let open = self
            .missing
            .values()
            .filter(|packet| packet.tries < MAX_TRIES);
        open.map(|packet| packet.due).min()
    }

    /// The round-trip time, estimated while it is unknown. A sender may answer requests later than its path takes, as FFmpeg does, so a fast path does not make the
    /// guess smaller; a slow one makes it larger, since answers to a second request would tell nothing.
    pub fn rtt(&self) -> Duration {
        let answered = self.answered.unwrap_or(INITIAL_RTT);
        answered.max(self.path.unwrap_or_default())
    }

    /// The round-trip time as it was measured elsewhere (ICE, RTCP).
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.path = Some(within(rtt));
    }

    pub fn len(&self) -> usize {
        self.missing.len()
    }

    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }
}

fn within(rtt: Duration) -> Duration {
    rtt.clamp(MIN_RTT, MAX_RTT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_packet_that_is_overtaken_is_not_asked_for() {
        let (mut list, start) = (NackList::default(), Instant::now());
        list.add(start, 70_000..70_002);
        assert_eq!(list.next_timeout(), Some(start + ms(10)));
        assert!(list.due(start + ms(9)).is_empty());
        list.received(start + ms(9), 70_001, false);
        assert_eq!(list.due(start + ms(10)), [70_000u32 as u16]);
    }

    #[test]
    fn a_packet_is_asked_for_once_in_a_round_trip_and_not_for_ever() {
        let (mut list, start) = (NackList::default(), Instant::now());
        list.set_rtt(ms(40));
        list.add(start, 5..6);
        let asked = (0..1000).filter(|at| !list.due(start + ms(*at)).is_empty());
        // Nothing was answered yet: as with the first guess.
        assert_eq!(asked.collect::<Vec<_>>(), [10, 145, 280, 415]);
        assert_eq!(list.next_timeout(), None);
        list.forget_before(6);
        assert!(list.is_empty());
    }

    #[test]
    fn the_round_trip_is_learned_from_answers_to_the_first_try() {
        let (mut list, start) = (NackList::default(), Instant::now());
        list.add(start, 1..4);
        list.due(start + ms(10));
        list.received(start + ms(50), 1, true);
        assert_eq!(list.rtt(), ms(40));
        // Overtaken, not resent.
        list.received(start + ms(51), 2, false);
        list.due(start + ms(200));
        list.received(start + ms(201), 3, true);
        assert_eq!(list.rtt(), ms(40));
    }

    #[test]
    fn a_path_that_is_longer_than_was_guessed_is_known_from_elsewhere() {
        let (mut list, start) = (NackList::default(), Instant::now());
        list.set_rtt(ms(300));
        list.add(start, 1..2);
        let asked = (0..380).filter(|at| !list.due(start + ms(*at)).is_empty());
        assert_eq!(
            asked.collect::<Vec<_>>(),
            [10],
            "before the answer can be there"
        );
        list.received(start + ms(310), 1, true);
        assert_eq!(list.rtt(), ms(300));
        // Answers come later than the path takes.
        list.set_rtt(ms(20));
        assert_eq!(list.rtt(), ms(300));
    }

    #[test]
    fn the_list_is_bounded() {
        let (mut list, start) = (NackList::default(), Instant::now());
        list.add(start, 0..u64::MAX);
        list.add(start, 5000..9000);
        assert_eq!(list.len(), MAX_MISSING);
        assert_eq!(list.due(start + ms(10)).len(), MAX_MISSING);
    }
}

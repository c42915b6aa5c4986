//! What one viewer was sent, by transport-wide number, until it says what became of it
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::{Duration, Instant};

use super::rtcp::TransportFeedback;

/// The last packets to one viewer, over all its streams: 6 kB.
#[derive(Debug)]
pub struct TwccHistory {
    /// What departures count from.
    start: Instant,
    next: u16,
    clock: Clock,
    /// Microseconds since `start`; they wrap after 71 minutes.
    departures: Box<[u32; SLOTS]>,
    /// Bytes, and in the upper bits what is known.
    sizes: Box<[u16; SLOTS]>,
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    pub sent: Instant,
    pub bytes: u32,
    /// In microseconds on the viewer's clock, of which only differences mean something. `None`: lost, by what the viewer knows;
    /// said once, and it may arrive yet.
    pub arrived: Option<i64>,
}

/// As many packets as feedback tells of; at 2.5 Mbit/s, those of almost 3 s.
const SLOTS: usize = TransportFeedback::MAX_LOSSES as usize;
const SIZE: u16 = 0x3fff;
const LOST: u16 = 0x4000;
/// Nothing more is to be learned of it; also of what was never sent.
const DONE: u16 = 0x8000;
/// Feedback on what left longer ago is nonsense.
const OLDEST: Duration = Duration::from_secs(60);

impl TwccHistory {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            next: 0,
            clock: Clock::default(),
            departures: Box::new([0; SLOTS]),
            sizes: Box::new([DONE; SLOTS]),
        }
    }

    /// Notes a packet that leaves now, and says which number it must carry. `bytes`: on the wire, as far as they are known.
    pub fn add(&mut self, now: Instant, bytes: usize) -> u16 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.departures[slot(number)] = self.micros(now);
        self.sizes[slot(number)] = u16::try_from(bytes).unwrap_or(SIZE).min(SIZE);
        number
    }

    /// Joins arrivals with departures, in the order in which the packets left. What is known already is passed over.
    ///
    /// The iterator has to be read to its end.
    pub fn match_feedback<'a>(
        &'a mut self,
        now: Instant,
        feedback: &TransportFeedback<'a>,
    ) -> impl Iterator<Item = PacketResult> + use<'a> {
        let base = self.clock.read(feedback.reference);
        let packets = feedback.packets();
        packets.filter_map(move |(number, arrived)| {
            let arrived = arrived.map(|after| base.wrapping_add(after));
            self.settle(now, number, arrived)
        })
    }

    fn settle(&mut self, now: Instant, number: u16, arrived: Option<i64>) -> Option<PacketResult> {
        let behind = self.next.wrapping_sub(number);
        if behind == 0 || usize::from(behind) > SLOTS {
            return None;
        }
        let ago = self.micros(now).wrapping_sub(self.departures[slot(number)]);
        let ago = Duration::from_micros(ago.into());
        let size = &mut self.sizes[slot(number)];
        let known = *size & DONE != 0 || *size & LOST != 0 && arrived.is_none();
        if known || ago > OLDEST {
            return None;
        }
        *size |= if arrived.is_some() { DONE } else { LOST };
        Some(PacketResult {
            sent: now.checked_sub(ago)?,
            bytes: (*size & SIZE).into(),
            arrived,
        })
    }

    fn micros(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.start).as_micros() as u32
    }
}

fn slot(number: u16) -> usize {
    usize::from(number) % SLOTS
}

/// The viewer's clock. Its references have 24 bits of 64 ms, which wrap after 12 days.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    last: u32,
    /// In units of 64 ms.
    time: i64,
}

impl Clock {
    /// In microseconds.
    fn read(&mut self, reference: u32) -> i64 {
        let step = (reference.wrapping_sub(self.last) << 8) as i32 >> 8;
        self.last = reference;
        // A viewer may say what it likes: the time wraps rather than overflows.
        self.time = self.time.wrapping_add(step.into());
        self.time.wrapping_mul(64_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Item, read};

    /// Feedback on packets from `base` on: arrived so many units of 250 µs after the one before, or lost.
    fn feedback(base: u16, reference: u32, packets: &[Option<u8>]) -> Vec<u8> {
        let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        packet.extend(base.to_be_bytes());
        packet.extend((packets.len() as u16).to_be_bytes());
        packet.extend((reference << 8).to_be_bytes());
        for chunk in packets.chunks(14) {
            let symbols = chunk.iter().enumerate();
            let chunk = symbols.fold(0x8000u16, |chunk, (index, arrived)| {
                chunk | u16::from(arrived.is_some()) << (13 - index)
            });
            packet.extend(chunk.to_be_bytes());
        }
        packet.extend(packets.iter().flatten());
        packet.resize(packet.len().next_multiple_of(4), 0);
        let words = (packet.len() / 4 - 1) as u16;
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        packet
    }

    fn results(log: &mut TwccHistory, now: Instant, packet: &[u8]) -> Vec<PacketResult> {
        let mut results = Vec::new();
        read(packet, |item| {
            if let Item::Twcc(feedback) = item {
                results.extend(log.match_feedback(now, &feedback));
            }
        });
        results
    }

    #[test]
    fn arrivals_join_departures_across_every_wrap() {
        let start = Instant::now();
        let mut log = TwccHistory::new(start);
        let mut now = start;
        // 71 minutes of microseconds, 65,536 numbers and 2^24 references wrap on the way.
        let mut reference = (1 << 24) - 1000;
        let mut last = None;
        for round in 0u32..20_000 {
            let sent = now;
            let numbers = [log.add(now, 1200), log.add(now, 800), log.add(now, 600)];
            now += Duration::from_millis(256);
            let packet = feedback(numbers[0], reference, &[Some(4), None, Some(8)]);
            reference = (reference + 4) & 0xff_ffff;
            let results = results(&mut log, now, &packet);
            let [first, lost, third] = results[..] else {
                panic!("{results:?} in round {round}");
            };
            assert_eq!((first.sent, first.bytes), (sent, 1200));
            assert_eq!((lost.arrived, lost.bytes), (None, 800));
            let arrived = first.arrived.expect("it arrived");
            assert_eq!(third.arrived, Some(arrived + 2000));
            if let Some(last) = last.replace(arrived) {
                assert_eq!(arrived - last, 256_000);
            }
        }
    }

    #[test]
    fn what_is_known_is_not_told_again_but_a_late_arrival_is() {
        let now = Instant::now();
        let mut log = TwccHistory::new(now);
        let base = log.add(now, 100);
        log.add(now, 100);
        let first = feedback(base, 1, &[None, Some(0)]);
        assert_eq!(results(&mut log, now, &first).len(), 2);
        assert_eq!(results(&mut log, now, &first), []);
        let late = feedback(base, 1, &[Some(9), Some(0)]);
        let told = results(&mut log, now, &late);
        assert_eq!(told.len(), 1);
        assert!(told[0].arrived.is_some());
    }

    #[test]
    fn what_was_never_sent_or_long_ago_is_passed_over() {
        let now = Instant::now();
        let mut log = TwccHistory::new(now);
        let packet = feedback(0, 1, &[Some(0), Some(0)]);
        assert_eq!(results(&mut log, now, &packet), []);
        log.add(now, 100);
        assert_eq!(results(&mut log, now + 2 * OLDEST, &packet), []);
        for _ in 0..SLOTS {
            log.add(now, 100);
        }
        let told = results(&mut log, now, &packet);
        assert_eq!(told.len(), 1, "the other one is forgotten");
    }
}

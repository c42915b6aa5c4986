//! Sent packets by transport-wide sequence number, matched with the arrival times that the viewer reports
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::{Duration, Instant};

use super::rtcp::TransportFeedback;

/// The last packets to one viewer, over all of its tracks: 6 kB.
#[derive(Debug)]
pub struct TwccHistory {
    /// Send times count from here.
    start: Instant,
    /// The last send time, and its microseconds since `start`: many packets are sent at one instant.
    last: (Instant, u32),
    next: u16,
    clock: ReferenceClock,
    /// Microseconds since `start`, which wrap after 71 minutes.
    sent_us: Box<[u32; SLOTS]>,
    /// Bytes, with the flags `LOST` and `DONE`.
    sizes: Box<[u16; SLOTS]>,
}

/// When a packet was sent, and when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    pub sent_at: Instant,
    pub bytes: u32,
    /// In microseconds on the viewer's clock, whose origin is unknown. `None`: not received yet; reported once for a packet, which may still
    /// arrive later.
    pub arrived_us: Option<i64>,
}

/// As many packets as one feedback can report as lost: almost 3 s at 2.5 Mbit/s.
const SLOTS: usize = TransportFeedback::MAX_LOSSES as usize;
const SIZE: u16 = 0x3fff;
const LOST: u16 = 0x4000;
/// The arrival is known, or the packet was never sent.
const DONE: u16 = 0x8000;
/// Feedback on packets sent longer ago is ignored.
const MAX_AGE: Duration = Duration::from_secs(60);

impl TwccHistory {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            last: (now, 0),
            next: 0,
            clock: ReferenceClock::default(),
            sent_us: Box::new([0; SLOTS]),
            sizes: Box::new([DONE; SLOTS]),
        }
    }

    /// Adds a packet that is sent now, and returns the transport-wide sequence number that it has to carry. `bytes`: of the SRTP packet.
    pub fn add(&mut self, now: Instant, bytes: usize) -> u16 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        if now != self.last.0 {
            self.last = (now, self.micros(now));
        }
        self.sent_us[slot(number)] = self.last.1;
        self.sizes[slot(number)] = u16::try_from(bytes).unwrap_or(SIZE).min(SIZE);
        number
    }

    /// Matches feedback with sent packets, in sending order. Results that are known already are left out.
    ///
    /// Results are recorded as the iterator is read, so read it to its end.
    pub fn match_feedback<'a>(
        &'a mut self,
        now: Instant,
        feedback: &TransportFeedback<'a>,
    ) -> impl Iterator<Item = PacketResult> + use<'a> {
        let base = self.clock.read(feedback.reference_time);
        let now_us = self.micros(now);
        let packets = feedback.packets();
        packets.filter_map(move |(number, arrived)| {
            let arrived_us = arrived.map(|after| base.wrapping_add(after));
            self.record((now, now_us), number, arrived_us)
        })
    }

    fn record(
        &mut self,
        (now, now_us): (Instant, u32),
        number: u16,
        arrived_us: Option<i64>,
    ) -> Option<PacketResult> {
        let behind = self.next.wrapping_sub(number);
        if behind == 0 || usize::from(behind) > SLOTS {
            return None;
        }
        let ago = now_us.wrapping_sub(self.sent_us[slot(number)]);
        let ago = Duration::from_micros(ago.into());
        let size = &mut self.sizes[slot(number)];
        let known = *size & DONE != 0 || *size & LOST != 0 && arrived_us.is_none();
        if known || ago > MAX_AGE {
            return None;
        }
        *size |= if arrived_us.is_some() { DONE } else { LOST };
        Some(PacketResult {
            sent_at: now.checked_sub(ago)?,
            bytes: (*size & SIZE).into(),
            arrived_us,
        })
    }

    fn micros(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.start).as_micros() as u32
    }
}

fn slot(number: u16) -> usize {
    usize::from(number) % SLOTS
}

/// The viewer's clock, from reference times: 24 bits in units of 64 ms, which wrap after 12 days.
#[derive(Clone, Copy, Debug, Default)]
struct ReferenceClock {
    last: u32,
    /// Unwrapped, in units of 64 ms.
    time: i64,
}

impl ReferenceClock {
    /// Unwraps a reference time; in microseconds.
    fn read(&mut self, reference: u32) -> i64 {
        let step = (reference.wrapping_sub(self.last) << 8) as i32 >> 8;
        self.last = reference;
        // The values come from the network: arithmetic wraps instead of overflowing.
        self.time = self.time.wrapping_add(step.into());
        self.time.wrapping_mul(64_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Item, read};

    /// Feedback on packets from `base` on: each arrived that many units of 250 µs after the one before, or is lost.
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

    fn results(history: &mut TwccHistory, now: Instant, packet: &[u8]) -> Vec<PacketResult> {
        let mut results = Vec::new();
        read(packet, |item| {
            if let Item::Twcc(feedback) = item {
                results.extend(history.match_feedback(now, &feedback));
            }
        });
        results
    }

    #[test]
    fn arrivals_match_sent_packets_across_every_wrap() {
        let start = Instant::now();
        let mut history = TwccHistory::new(start);
        let mut now = start;
        // 71 minutes of microseconds, 65,536 numbers and 2^24 references wrap on the way.
        let mut reference = (1 << 24) - 1000;
        let mut last = None;
        for round in 0u32..20_000 {
            let sent = now;
            let numbers = [
                history.add(now, 1200),
                history.add(now, 800),
                history.add(now, 600),
            ];
            now += Duration::from_millis(256);
            let packet = feedback(numbers[0], reference, &[Some(4), None, Some(8)]);
            reference = (reference + 4) & 0xff_ffff;
            let results = results(&mut history, now, &packet);
            let [first, lost, third] = results[..] else {
                panic!("{results:?} in round {round}");
            };
            assert_eq!((first.sent_at, first.bytes), (sent, 1200));
            assert_eq!((lost.arrived_us, lost.bytes), (None, 800));
            let arrived = first.arrived_us.expect("it arrived");
            assert_eq!(third.arrived_us, Some(arrived + 2000));
            if let Some(last) = last.replace(arrived) {
                assert_eq!(arrived - last, 256_000);
            }
        }
    }

    #[test]
    fn a_result_is_given_once_but_a_late_arrival_is_another() {
        let now = Instant::now();
        let mut history = TwccHistory::new(now);
        let base = history.add(now, 100);
        history.add(now, 100);
        let first = feedback(base, 1, &[None, Some(0)]);
        assert_eq!(results(&mut history, now, &first).len(), 2);
        assert_eq!(results(&mut history, now, &first), []);
        let late = feedback(base, 1, &[Some(9), Some(0)]);
        let reported = results(&mut history, now, &late);
        assert_eq!(reported.len(), 1);
        assert!(reported[0].arrived_us.is_some());
    }

    #[test]
    fn packets_never_sent_or_sent_long_ago_are_left_out() {
        let now = Instant::now();
        let mut history = TwccHistory::new(now);
        let packet = feedback(0, 1, &[Some(0), Some(0)]);
        assert_eq!(results(&mut history, now, &packet), []);
        history.add(now, 100);
        assert_eq!(results(&mut history, now + 2 * MAX_AGE, &packet), []);
        for _ in 0..SLOTS {
            history.add(now, 100);
        }
        let reported = results(&mut history, now, &packet);
        assert_eq!(reported.len(), 1, "the other slot is overwritten");
    }
}

//! A simulated line between a publisher and a receiver, on a clock of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ingest::packet::RtpPacket;
use ingest::receiver::{Feedback, Receiver};
use ingest::unit::ReceivedUnit;
use media::access_unit::AccessUnit;

use crate::sender::{Sender, receiver};

/// From one packet of a unit to the next, as a pacer sends them.
const PACING: Duration = Duration::from_micros(300);

/// What happens to packets on their way.
pub(crate) struct Line {
    pub(crate) rng: u64,
    /// In percent. Also of retransmissions.
    pub(crate) loss: u64,
    pub(crate) reordering: u64,
    pub(crate) duplicates: u64,
    /// From a NACK to the retransmissions; `None`: it is not answered.
    pub(crate) answer: Option<Duration>,
    /// Packets that are lost in any case, counted from the first.
    pub(crate) lost: Vec<usize>,
}

/// What came out at the other end.
pub(crate) struct Outcome {
    pub(crate) receiver: Receiver,
    pub(crate) units: Vec<ReceivedUnit>,
    pub(crate) plis: Vec<Duration>,
    /// Times each packet was asked for, the sum.
    pub(crate) nacks: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            rng: 0x9e37_79b9_7f4a_7c15,
            loss: 0,
            reordering: 0,
            duplicates: 0,
            answer: None,
            lost: Vec::new(),
        }
    }
}

impl Line {
    /// Sends the units at their times.
    pub(crate) fn carry(mut self, units: &[AccessUnit]) -> Outcome {
        let (mut sender, start) = (Sender::new(), Instant::now());
        // No later packet would tell that the last one is lost.
        let last = units.len() - 1;
        let mut arrivals: BTreeMap<(Duration, usize), Vec<u8>> = BTreeMap::new();
        let mut count = 0;
        for (n, unit) in units.iter().enumerate() {
            let mut time = Duration::from_micros(unit.dts.0 as u64);
            for packet in sender.send(unit) {
                time += PACING;
                let is_lost = self.happens(self.loss) && n < last || self.lost.contains(&count);
                count += 1;
                if is_lost {
                    continue;
                }
                let late = if self.happens(self.reordering) { 4 } else { 0 };
                if self.happens(self.duplicates) {
                    arrivals.insert((time + PACING, 2 * count + 1), packet.clone());
                }
                arrivals.insert((time + late * PACING, 2 * count), packet);
            }
        }
        let mut outcome = Outcome {
            receiver: receiver(units[0].codec),
            units: Vec::new(),
            plis: Vec::new(),
            nacks: 0,
        };
        let last = arrivals.last_key_value().expect("something was sent");
        // Time for the last packets to be asked for, and given up.
        let end = last.0.0 + Duration::from_secs(1);
        loop {
            let timeout = outcome.receiver.next_timeout();
            let timeout = timeout.map(|at| at.saturating_duration_since(start));
            let arrival = arrivals.first_key_value().map(|((at, _), _)| *at);
            let next = [arrival, timeout].into_iter().flatten().min();
            let now = match next {
                Some(next) if next < end => next,
                _ => return outcome,
            };
            while let Some(entry) = arrivals.first_entry().filter(|entry| entry.key().0 <= now) {
                let packet = entry.remove();
                let packet = RtpPacket::parse(&packet).expect("an RTP packet");
                assert!(outcome.receiver.push(start + now, &packet));
            }
            let feedback = outcome.step(start, now);
            outcome.nacks += feedback.nack.len();
            for number in feedback.nack {
                if let Some(answer) = self.answer.filter(|_| !self.happens(self.loss)) {
                    count += 1;
                    arrivals.insert((now + answer, 2 * count), sender.resend(number));
                }
            }
        }
    }

    fn happens(&mut self, percent: u64) -> bool {
        // xorshift64
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        self.rng % 100 < percent
    }
}

impl Outcome {
    fn step(&mut self, start: Instant, now: Duration) -> Feedback {
        let receiver = &mut self.receiver;
        let units = std::iter::from_fn(|| receiver.poll(start + now));
        self.units.extend(units);
        let feedback = self.receiver.feedback(start + now);
        if feedback.pli {
            self.plis.push(now);
        }
        feedback
    }

    /// Panics unless these are the units that came, with their times.
    pub(crate) fn assert_units(&self, sent: &[AccessUnit]) {
        assert_eq!(self.units.len(), sent.len());
        let sender = Sender::new();
        let first = self.units[0].rtp_time;
        for (n, (received, unit)) in self.units.iter().zip(sent).enumerate() {
            assert!(received.data == unit.data, "unit {n} has other content");
            assert_eq!(received.keyframe, unit.keyframe, "unit {n}");
            assert_eq!(received.codec, unit.codec);
            assert_eq!(received.rtp_time as u32, sender.timestamp(unit), "unit {n}");
            let rate = unit.codec.clock_rate();
            let expected = unit.time.to_clock(rate) - sent[0].time.to_clock(rate);
            assert_eq!(received.rtp_time - first, expected, "unit {n}");
        }
    }
}

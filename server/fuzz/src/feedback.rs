//! RTCP of a viewer, to what reads it and what is concluded from it: arrivals, the estimate, repairs.
//!
//! An input is a list of events. The first byte of an event says what happens:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 to 127 | so many packets leave, and one more, 2 ms after each other |
//! | 128 to 254 | an RTCP packet comes, of the bytes that follow: 4 times as many as the byte is over 127 |
//! | 255 | the rest is one RTCP packet |

use std::time::{Duration, Instant};

use congestion::estimate::Estimate;
use congestion::rtcp::{Item, TransportFeedback, read};
use congestion::sent::{RepairBudget, Sent, SentLog};
use congestion::transport::TransportLog;

const PACKET: usize = 1200;
/// The first sequence number: it wraps soon.
const FIRST: u16 = 0xff80;

struct Viewer {
    now: Instant,
    start: Instant,
    packets: u64,
    transport: TransportLog,
    sent: SentLog,
    budget: RepairBudget,
    estimate: Estimate,
}

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let now = Instant::now();
    let mut viewer = Viewer {
        now,
        start: now,
        packets: 0,
        transport: TransportLog::new(now),
        sent: SentLog::new(now),
        budget: RepairBudget::new(),
        estimate: Estimate::new(now),
    };
    let mut rest = data;
    while let Some((event, behind)) = rest.split_first() {
        let length = match event {
            0..=127 => {
                (0..=*event).for_each(|_| viewer.send());
                0
            }
            255 => behind.len(),
            _ => behind.len().min(4 * usize::from(event - 127)),
        };
        let (packet, behind) = behind.split_at(length);
        viewer.hear(packet);
        rest = behind;
    }
}

impl Viewer {
    /// Ten packets a picture.
    fn send(&mut self) {
        self.now += Duration::from_millis(2);
        let from = Sent {
            frame: self.packets / 10,
            index: (self.packets % 10) as u16,
            timestamp: (self.packets / 10 * 3000) as u32,
        };
        self.sent.sent(self.sequence(self.packets), 1, from);
        self.transport.sent(self.now, PACKET);
        self.estimate.sent(self.now, PACKET);
        self.budget.earn(PACKET);
        self.packets += 1;
    }

    fn sequence(&self, packet: u64) -> u16 {
        FIRST.wrapping_add(packet as u16)
    }

    fn hear(&mut self, packet: &[u8]) {
        let mut told = 0;
        read(packet, |item| told += self.take(item));
        // A packet that is passed on in many small pieces may repeat what it claims in each.
        let pieces = 1 + packet.len() / 20;
        assert!(told <= 17 * packet.len() + pieces * usize::from(TransportFeedback::MOST));
        let bounds = 100_000..=100_000_000;
        let bitrate = self.estimate.bitrate(self.now);
        assert!(bitrate.is_none_or(|bits| bounds.contains(&bits)));
    }

    /// How much was told.
    fn take(&mut self, item: Item<'_>) -> usize {
        match item {
            Item::Nack { lost, .. } => {
                let mut told = 0;
                for sequence in lost {
                    self.repair(sequence);
                    told += 1;
                }
                told
            }
            Item::Transport(feedback) => {
                let (now, start) = (self.now, self.start);
                let fates = self.transport.feedback(now, &feedback).inspect(|fate| {
                    assert!((start..=now).contains(&fate.sent));
                    assert_eq!(fate.bytes, PACKET as u32);
                });
                self.estimate.on_feedback(now, fates);
                feedback.packets().count()
            }
            Item::Report(report) => {
                let trip = Duration::from_micros(report.delay.into());
                self.estimate
                    .on_report(self.now, report.fraction_lost, Some(trip));
                1
            }
            Item::Remb { bitrate } => {
                self.estimate.on_remb(self.now, bitrate);
                1
            }
            Item::Pli { .. } | Item::Fir { .. } => 1,
        }
    }

    fn repair(&mut self, sequence: u16) {
        let age = self.sequence(self.packets).wrapping_sub(sequence);
        let Some(found) = self.sent.find(sequence) else {
            // 160 pictures of 10 packets are kept.
            return assert!(age == 0 || u64::from(age) > self.packets.min(1500));
        };
        let packet = self.packets - u64::from(age);
        let (frame, index) = (packet / 10, (packet % 10) as u16);
        assert_eq!((found.frame, found.index), (frame, index));
        let trip = self.estimate.rtt().unwrap_or(Duration::from_millis(100));
        if self.sent.may_repeat(sequence, self.now, trip) {
            let again = self.sent.may_repeat(sequence, self.now, trip);
            assert!(!again || trip < Duration::from_millis(1));
            self.budget.spend(PACKET);
        }
    }
}

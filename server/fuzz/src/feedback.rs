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

use congestion::estimator::BandwidthEstimator;
use congestion::rtcp::{Item, TransportFeedback, read};
use congestion::rtx_history::{RtxBudget, RtxHistory, SentPacket};
use congestion::twcc_history::TwccHistory;

const PACKET: usize = 1200;
/// The first sequence number: it wraps soon.
const FIRST: u16 = 0xff80;

struct Viewer {
    now: Instant,
    start: Instant,
    packets: u64,
    transport: TwccHistory,
    sent: RtxHistory,
    budget: RtxBudget,
    estimator: BandwidthEstimator,
}

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let now = Instant::now();
    let mut viewer = Viewer {
        now,
        start: now,
        packets: 0,
        transport: TwccHistory::new(now),
        sent: RtxHistory::new(now),
        budget: RtxBudget::new(),
        estimator: BandwidthEstimator::new(now),
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
        let from = SentPacket {
            frame: self.packets / 10,
            index: (self.packets % 10) as u16,
            timestamp: (self.packets / 10 * 3000) as u32,
        };
        self.sent.add(self.sequence(self.packets), 1, from);
        self.transport.add(self.now, PACKET);
        self.estimator.on_packet_sent(self.now, PACKET);
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
        assert!(told <= 17 * packet.len() + pieces * usize::from(TransportFeedback::MAX_LOSSES));
        let bounds = 100_000..=100_000_000;
        let bitrate = self.estimator.bitrate_bps(self.now);
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
            Item::Twcc(feedback) => {
                let (now, start) = (self.now, self.start);
                let results = self
                    .transport
                    .match_feedback(now, &feedback)
                    .inspect(|result| {
                        assert!((start..=now).contains(&result.sent));
                        assert_eq!(result.bytes, PACKET as u32);
                    });
                self.estimator.on_feedback(now, results);
                feedback.packets().count()
            }
            Item::Report(block) => {
                let rtt = Duration::from_micros(block.delay.into());
                self.estimator
                    .on_report(self.now, block.fraction_lost, Some(rtt));
                1
            }
            Item::Remb { bitrate_bps } => {
                self.estimator.on_remb(self.now, bitrate_bps);
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
        let rtt = self.estimator.rtt().unwrap_or(Duration::from_millis(100));
        if self.sent.may_retransmit(sequence, self.now, rtt) {
            let again = self.sent.may_retransmit(sequence, self.now, rtt);
            assert!(!again || rtt < Duration::from_millis(1));
            self.budget.spend(PACKET);
        }
    }
}

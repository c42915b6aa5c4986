//! Fuzzes the RTCP parser and its users (arrival times, bandwidth estimate, retransmissions) with RTCP of a viewer.
//!
//! An input is a list of events. The first byte of an event is its type:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 to 127 | the number of packets sent, minus one; they are sent 2 ms apart |
//! | 128 to 254 | an RTCP packet arrives; its length is 4 bytes times (the byte minus 127) |
//! | 255 | the rest is one RTCP packet |

use std::time::{Duration, Instant};

use congestion::estimator::BandwidthEstimator;
use congestion::rtcp::{Item, TransportFeedback, read};
use congestion::rtx_budget::RtxBudget;
use congestion::rtx_history::{RtxHistory, SentPacket};
use congestion::twcc_history::TwccHistory;

const PACKET: usize = 1200;
/// The first sequence number, close to the wrap.
const FIRST: u16 = 0xff80;

struct Viewer {
    now: Instant,
    start: Instant,
    packets: u64,
    twcc_history: TwccHistory,
    rtx_history: RtxHistory<u64>,
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
        twcc_history: TwccHistory::new(now),
        rtx_history: RtxHistory::new(now),
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
        viewer.receive(packet);
        rest = behind;
    }
}

impl Viewer {
    /// Sends one packet; ten make a frame.
    fn send(&mut self) {
        self.now += Duration::from_millis(2);
        let from = SentPacket {
            frame: self.packets / 10,
            index: (self.packets % 10) as u16,
            timestamp: (self.packets / 10 * 3000) as u32,
        };
        let sequence = self.sequence(self.packets);
        self.rtx_history.add(self.now, sequence, 1, from);
        self.twcc_history.add(self.now, PACKET);
        self.estimator.on_packets_sent(self.now, PACKET);
        self.budget.earn(PACKET);
        self.packets += 1;
    }

    fn sequence(&self, packet: u64) -> u16 {
        FIRST.wrapping_add(packet as u16)
    }

    fn receive(&mut self, packet: &[u8]) {
        let mut count = 0;
        read(packet, |item| count += self.apply(item));
        // A compound of many small packets may claim many losses in each.
        let pieces = 1 + packet.len() / 20;
        assert!(count <= 17 * packet.len() + pieces * usize::from(TransportFeedback::MAX_LOSSES));
        let bounds = 100_000..=100_000_000;
        let bitrate = self.estimator.bitrate_bps(self.now);
        assert!(bitrate.is_none_or(|bits| bounds.contains(&bits)));
    }

    /// Handles an item, and returns the number of packets that it names.
    fn apply(&mut self, item: Item<'_>) -> usize {
        match item {
            Item::Nack { lost, .. } => {
                let mut count = 0;
                for sequence in lost {
                    self.retransmit(sequence);
                    count += 1;
                }
                count
            }
            Item::Twcc(feedback) => {
                let (now, start) = (self.now, self.start);
                let results = self
                    .twcc_history
                    .match_feedback(now, &feedback)
                    .inspect(|result| {
                        assert!((start..=now).contains(&result.sent_at));
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

    fn retransmit(&mut self, sequence: u16) {
        let age = self.sequence(self.packets).wrapping_sub(sequence);
        let Some(found) = self.rtx_history.find(sequence) else {
            // 160 frames of 10 packets are kept.
            return assert!(age == 0 || u64::from(age) > self.packets.min(1500));
        };
        let packet = self.packets - u64::from(age);
        let (frame, index) = (packet / 10, (packet % 10) as u16);
        assert_eq!((found.frame, found.index), (frame, index));
        let rtt = self.estimator.rtt().unwrap_or(Duration::from_millis(100));
        if self.rtx_history.may_retransmit(sequence, self.now, rtt) {
            let again = self.rtx_history.may_retransmit(sequence, self.now, rtt);
            assert!(!again || rtt < Duration::from_millis(1));
            self.budget.spend(PACKET);
        }
    }
}

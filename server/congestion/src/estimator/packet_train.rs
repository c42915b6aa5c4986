//! Packets that left close together: what comes out at the other end tells what the way carries.

use std::time::{Duration, Instant};

use crate::pacer::TICK;

/// Those of one feedback that arrived.
#[derive(Debug)]
pub(super) struct PacketTrain {
    packets: u32,
    bytes: u64,
    sent: Option<(Instant, Instant)>,
    arrived: (i64, i64),
}

/// Fewer packets tell nothing.
const PACKETS: u32 = 8;
/// What leaves in one tick of the sender leaves in so long.
const MIN_SEND_SPAN: Duration = TICK.saturating_add(Duration::from_millis(1));
/// Bits a second. Sound alone always arrives as fast as it leaves.
const PICTURES: f64 = 500_000.0;
/// When less than this part of the speed comes out, the way is full.
const FULL: f64 = 0.8;
/// It has to drain, too.
const AFTER: f64 = 0.85;
/// When it is not, it carries so much more for sure, or this shows soon.
const HEADROOM: f64 = 1.5;

impl PacketTrain {
    pub(super) fn new() -> Self {
        Self {
            packets: 0,
            bytes: 0,
            sent: None,
            arrived: (0, 0),
        }
    }

    /// In the order in which they left.
    pub(super) fn add(&mut self, sent: Instant, arrived: i64, bytes: u32) {
        let Some((_, last)) = &mut self.sent else {
            self.sent = Some((sent, sent));
            self.arrived = (arrived, arrived);
            return;
        };
        // The first packet is where the time begins, and does not count.
        *last = sent.max(*last);
        self.arrived.1 = self.arrived.1.max(arrived);
        self.packets += 1;
        self.bytes += u64::from(bytes);
    }

    /// When the newest packet left.
    pub(super) fn newest(&self) -> Option<Instant> {
        self.sent.map(|(_, last)| last)
    }

    /// What the way carries, in bits a second, for who knows nothing better.
    pub(super) fn carried(&self) -> Option<f64> {
        let (first, last) = self.sent?;
        if self.packets < PACKETS {
            return None;
        }
        let left = last.duration_since(first).max(MIN_SEND_SPAN);
        let came = self.arrived.1.wrapping_sub(self.arrived.0).max(1) as f64 / 1e6;
        let bits = 8.0 * self.bytes as f64;
        let (left, came) = (bits / left.as_secs_f64(), bits / came);
        let carried = if came < FULL * left {
            AFTER * came
        } else {
            HEADROOM * came.min(left)
        };
        (carried > PICTURES).then_some(carried)
    }
}

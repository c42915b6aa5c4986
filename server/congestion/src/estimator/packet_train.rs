//! Packets sent close together: the rate at which they arrive shows the capacity of the path.

use std::time::{Duration, Instant};

use crate::pacer::TICK;

/// The packets of one feedback that arrived.
#[derive(Debug)]
pub(super) struct PacketTrain {
    packets: u32,
    bytes: u64,
    /// When the first and the last packet were sent.
    sent: Option<(Instant, Instant)>,
    /// When the first and the last packet arrived.
    arrived_us: (i64, i64),
}

/// Fewer packets are not enough for an estimate.
const MIN_PACKETS: u32 = 8;
/// A burst of one tick counts as sent in this time: the tick, and 1 ms for sending.
const MIN_SEND_SPAN: Duration = TICK.saturating_add(Duration::from_millis(1));
/// Lower rates are ignored: audio alone always arrives as fast as it is sent.
const MIN_RATE_BPS: f64 = 500_000.0;
/// An arrival rate below this fraction of the sending rate shows that the path is full.
const FULL: f64 = 0.8;
/// On a full path the estimate is this fraction of the arrival rate, so that the queue drains.
const DRAIN: f64 = 0.85;
/// On other paths the estimate is this multiple of the arrival rate; later feedback corrects it.
const HEADROOM: f64 = 1.5;

impl PacketTrain {
    pub(super) fn new() -> Self {
        Self {
            packets: 0,
            bytes: 0,
            sent: None,
            arrived_us: (0, 0),
        }
    }

    /// Adds a packet that arrived, in sending order.
    pub(super) fn add(&mut self, sent: Instant, arrived_us: i64, bytes: u32) {
        let Some((_, last)) = &mut self.sent else {
            self.sent = Some((sent, sent));
            self.arrived_us = (arrived_us, arrived_us);
            return;
        };
        // The interval starts with the first packet, whose bytes are not counted.
        *last = sent.max(*last);
        self.arrived_us.1 = self.arrived_us.1.max(arrived_us);
        self.packets += 1;
        self.bytes += u64::from(bytes);
    }

    /// When the newest packet was sent.
    pub(super) fn newest(&self) -> Option<Instant> {
        self.sent.map(|(_, last)| last)
    }

    /// A first estimate of the capacity, in bits a second.
    pub(super) fn capacity_bps(&self) -> Option<f64> {
        let (first, last) = self.sent?;
        if self.packets < MIN_PACKETS {
            return None;
        }
        let send_span = last.duration_since(first).max(MIN_SEND_SPAN);
        let arrival_span = self.arrived_us.1.wrapping_sub(self.arrived_us.0).max(1) as f64 / 1e6;
        let bits = 8.0 * self.bytes as f64;
        let (send_bps, arrival_bps) = (bits / send_span.as_secs_f64(), bits / arrival_span);
        let capacity_bps = if arrival_bps < FULL * send_bps {
            DRAIN * arrival_bps
        } else {
            HEADROOM * arrival_bps.min(send_bps)
        };
        (capacity_bps > MIN_RATE_BPS).then_some(capacity_bps)
    }
}

//! How many bits a second the network carries to one viewer.
//!
//! | module | noun |
//! |---|---|
//! | `trend` | whether the queue on the way grows |
//! | `loss` | whether packets are lost because there are too many |
//! | `meter` | bits a second, of what is sent or arrives |

mod loss;
mod meter;
mod trend;

use std::time::{Duration, Instant};

use loss::{Loss, Verdict};
use meter::Meter;
use trend::{Trend, Usage};

use super::transport::Fate;

#[derive(Debug)]
pub struct Estimate {
    start: Instant,
    /// Bits a second.
    rate: Option<f64>,
    /// What arrived when it was last too much: the rate is near it for long, and far from it for short.
    ceiling: Option<f64>,
    lowered: Option<Instant>,
    grown: Option<Instant>,
    trend: Trend,
    loss: Loss,
    sent: Meter,
    arrived: Meter,
    remb: Option<(Instant, f64)>,
    rtt: Option<Duration>,
    /// From feedback, which comes late: the least lately, and the least before.
    least: Option<Duration>,
    transport: bool,
    /// When the first packet left that nothing was heard of.
    waiting: Option<Instant>,
}

const LEAST: f64 = 100_000.0;
const MOST: f64 = 100_000_000.0;
const LOWER: f64 = 0.85;
/// To grow further needs evidence: no more than this times what arrived.
const HEADROOM: f64 = 1.5;
/// Growth is that of CUBIC (RFC 9438 4.2), relative to the ceiling, in 1/s³.
const CUBIC: f64 = 0.19;
/// Without a ceiling: a doubling each second.
const DOUBLING: f64 = 1.0;
const STEP: Duration = Duration::from_millis(300);
const REMB_FRESH: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(2);

impl Estimate {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            rate: None,
            ceiling: None,
            lowered: None,
            grown: None,
            trend: Trend::new(),
            loss: Loss::new(),
            sent: Meter::default(),
            arrived: Meter::default(),
            remb: None,
            rtt: None,
            least: None,
            transport: false,
            waiting: None,
        }
    }

    pub fn sent(&mut self, now: Instant, bytes: usize) {
        let at = now.saturating_duration_since(self.start).as_micros() as i64;
        self.sent.add(at, u32::try_from(bytes).unwrap_or(u32::MAX));
        self.waiting.get_or_insert(now);
    }

    pub fn on_feedback(&mut self, now: Instant, fates: impl Iterator<Item = Fate>) {
        self.transport = true;
        self.waiting = None;
        let mut newest = None;
        for fate in fates {
            self.loss.add(fate.sent, fate.arrived.is_some());
            let Some(arrived) = fate.arrived else {
                continue;
            };
            newest = newest.max(Some(fate.sent));
            self.arrived.add(arrived, fate.bytes);
            self.trend.add(fate.sent, arrived, fate.bytes);
        }
        if let Some(newest) = newest {
            let trip = now.saturating_duration_since(newest);
            self.least = Some(self.least.map_or(trip, |least| least.min(trip)));
        }
        let Some(arrived) = self.arrived.rate() else {
            return;
        };
        let rate = *self.rate.get_or_insert(arrived);
        match self.loss.judge(now, rate) {
            Verdict::Usual => {}
            Verdict::NotOurs(before) => {
                self.rate = Some(rate.max(before));
                return;
            }
            Verdict::Congested => {
                self.lower(now, arrived, 0.95);
                return;
            }
        }
        match self.trend.usage() {
            Usage::Over if self.may_lower(now) => {
                let throughput = self.trend.throughput().unwrap_or(arrived);
                self.lower(now, throughput, LOWER);
            }
            Usage::Normal => self.grow(now, arrived),
            _ => self.grown = Some(now),
        }
    }

    fn may_lower(&self, now: Instant) -> bool {
        let pause = self.rtt().unwrap_or_default() + Duration::from_millis(100);
        self.lowered
            .is_none_or(|last| now.saturating_duration_since(last) >= pause)
    }

    fn lower(&mut self, now: Instant, carried: f64, factor: f64) {
        let rate = self
            .rate
            .unwrap_or(carried)
            .min(factor * carried)
            .max(LEAST);
        self.rate = Some(rate);
        self.ceiling = Some(carried.max(LEAST));
        self.lowered = Some(now);
        self.grown = Some(now);
    }

    fn grow(&mut self, now: Instant, arrived: f64) {
        let last = self.grown.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(last).min(STEP).as_secs_f64();
        let Some(rate) = self.rate else { return };
        let grown = match self.ceiling {
            None => rate * (DOUBLING * passed).exp2(),
            Some(ceiling) => {
                let after = ((rate / ceiling - 1.0) / CUBIC).cbrt() + passed;
                ceiling * (1.0 + CUBIC * after.powi(3))
            }
        };
        self.rate = Some(grown.min(HEADROOM * arrived).max(rate).min(MOST));
    }

    pub fn on_report(&mut self, now: Instant, fraction_lost: u8, rtt: Option<Duration>) {
        self.rtt = rtt.or(self.rtt);
        if self.transport {
            return;
        }
        let _ = (now, fraction_lost);
    }

    pub fn on_remb(&mut self, now: Instant, bits: u64) {
        self.remb = Some((now, bits as f64));
    }

    pub fn bitrate(&self, now: Instant) -> Option<u64> {
        let remb = self
            .remb
            .filter(|(at, _)| now.saturating_duration_since(*at) < REMB_FRESH);
        let remb = remb.map(|(_, bits)| bits.clamp(LEAST, MOST));
        let silent = self.transport
            && self
                .waiting
                .is_some_and(|since| now.saturating_duration_since(since) > SILENCE);
        let rate = self.rate.map(|rate| if silent { LEAST } else { rate });
        let least = match (rate, remb) {
            (Some(rate), Some(remb)) => Some(rate.min(remb)),
            (rate, remb) => rate.or(remb),
        };
        least.map(|bits| bits as u64)
    }

    pub fn rtt(&self) -> Option<Duration> {
        self.rtt.or(self.least)
    }
}

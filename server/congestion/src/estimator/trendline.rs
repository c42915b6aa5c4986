//! Whether a queue grows on the path to a viewer: the trendline of the delays
//! (draft-ietf-rmcat-gcc-02 5.1 to 5.4, with libwebrtc's linear regression instead of the Kalman filter).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Groups of packets, the delays between them, and the verdict on the last `WINDOW` of them.
#[derive(Debug)]
pub(super) struct Trendline {
    open: Option<Group>,
    closed: Option<Group>,
    points: VecDeque<Point>,
    /// Delay differences seen, at most `MAX_SEEN`.
    seen: u32,
    /// Delay relative to the first group.
    delay_ms: f64,
    smoothed_ms: f64,
    /// Arrival of the first point.
    origin_us: i64,
    threshold: f64,
    last_slope: f64,
    /// How long, and over how many groups, the trend has been above the threshold.
    over_ms: f64,
    overs: u32,
    usage: Usage,
}

/// The use of the bottleneck (draft 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// The length of the queue does not change.
    Normal,
    /// The queue grows.
    Over,
    /// The queue drains.
    Under,
}

/// Packets sent in one burst.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// When the first and the last packet were sent.
    first: Instant,
    last: Instant,
    first_arrived_us: i64,
    arrived_us: i64,
    bytes: u32,
}

/// One group on the line.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// Arrival since the origin.
    at_ms: f64,
    delay_ms: f64,
    smoothed_ms: f64,
    bytes: u32,
}

/// Packets sent within this time are one group (draft 5.1).
const BURST: Duration = Duration::from_millis(5);
/// Points on the line; this and the next three are libwebrtc's.
const WINDOW: usize = 20;
const MAX_SEEN: u32 = 60;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// The threshold follows the trend, so that loss-based flows do not starve this one (draft 5.4).
const UP: f64 = 0.0087;
const DOWN: f64 = 0.039;
/// The least and the greatest threshold.
const THRESHOLD: (f64, f64) = (6.0, 600.0);
const FIRST_THRESHOLD: f64 = 12.5;
/// The trend has to be above the threshold for this long.
const MIN_OVER_MS: f64 = 10.0;
/// Throughput over a shorter time is noise.
const MIN_SPAN_MS: f64 = 10.0;
/// After a pause, or a jump of the viewer's clock, the trendline starts over.
const PAUSE: Duration = Duration::from_secs(2);

impl Trendline {
    pub(super) fn new() -> Self {
        Self {
            open: None,
            closed: None,
            points: VecDeque::with_capacity(WINDOW),
            seen: 0,
            delay_ms: 0.0,
            smoothed_ms: 0.0,
            origin_us: 0,
            threshold: FIRST_THRESHOLD,
            last_slope: 0.0,
            over_ms: 0.0,
            overs: 0,
            usage: Usage::Normal,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// The arrival rate while the queue grew, in bits a second: the capacity of the bottleneck.
    pub(super) fn throughput_bps(&self) -> Option<f64> {
        let lowest =
            |a: &(usize, &Point), b: &(usize, &Point)| a.1.delay_ms.total_cmp(&b.1.delay_ms);
        let (from, first) = self.points.iter().enumerate().min_by(lowest)?;
        let span = self.points.back()?.at_ms - first.at_ms;
        let bytes: u32 = self.points.range(from + 1..).map(|point| point.bytes).sum();
        (span >= MIN_SPAN_MS).then(|| f64::from(bytes) * 8000.0 / span)
    }

    /// Adds a packet that arrived, in sending order.
    pub(super) fn add(&mut self, sent: Instant, arrived_us: i64, bytes: u32) {
        let Some(open) = &mut self.open else {
            self.open = Some(Group::new(sent, arrived_us, bytes));
            return;
        };
        if sent < open.last {
            return;
        }
        if open.takes(sent, arrived_us) {
            open.last = sent;
            open.arrived_us = open.arrived_us.max(arrived_us);
            open.bytes = open.bytes.saturating_add(bytes);
            return;
        }
        let done = *open;
        self.open = Some(Group::new(sent, arrived_us, bytes));
        if let Some(before) = self.closed.replace(done) {
            self.compare(&before, &done);
        }
    }

    fn compare(&mut self, before: &Group, group: &Group) {
        let sent = group.last.duration_since(before.last);
        let arrived = ms_of_us(group.arrived_us.wrapping_sub(before.arrived_us));
        if sent > PAUSE || arrived.abs() > 1000.0 * PAUSE.as_secs_f64() + ms(sent) {
            *self = Self {
                open: self.open,
                threshold: self.threshold,
                ..Self::new()
            };
            return;
        }
        let sent = ms(sent);
        if self.points.is_empty() {
            self.origin_us = group.arrived_us;
        }
        self.seen = (self.seen + 1).min(MAX_SEEN);
        self.delay_ms += arrived - sent;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.delay_ms;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points.push_back(Point {
            at_ms: ms_of_us(group.arrived_us.wrapping_sub(self.origin_us)),
            delay_ms: self.delay_ms,
            smoothed_ms: self.smoothed_ms,
            bytes: group.bytes,
        });
        if self.points.len() == WINDOW {
            let slope = self.slope().unwrap_or(self.last_slope);
            self.judge(slope, sent);
        }
    }

    /// Growth of the delay per time, by least squares.
    fn slope(&self) -> Option<f64> {
        let count = self.points.len() as f64;
        let at = self.points.iter().map(|point| point.at_ms).sum::<f64>() / count;
        let delay = self
            .points
            .iter()
            .map(|point| point.smoothed_ms)
            .sum::<f64>()
            / count;
        let (mut above, mut below) = (0.0, 0.0);
        for point in &self.points {
            above += (point.at_ms - at) * (point.smoothed_ms - delay);
            below += (point.at_ms - at).powi(2);
        }
        (below > 0.0).then(|| above / below)
    }

    fn judge(&mut self, slope: f64, sent: f64) {
        let value = f64::from(self.seen) * slope * GAIN;
        if value > self.threshold {
            // Half of the first interval: the threshold was crossed somewhere in it.
            self.over_ms += if self.overs == 0 { sent / 2.0 } else { sent };
            self.overs += 1;
            if self.over_ms > MIN_OVER_MS && self.overs > 1 && slope >= self.last_slope {
                self.over_ms = 0.0;
                self.overs = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_ms = 0.0;
            self.overs = 0;
            self.usage = if value < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.last_slope = slope;
        self.adapt(value.abs(), sent);
    }

    fn adapt(&mut self, value: f64, sent: f64) {
        let over = value - self.threshold;
        // A sudden jump is not part of the usual variation of delays, so it does not change the threshold.
        if over > 15.0 {
            return;
        }
        let gain = if over > 0.0 { UP } else { DOWN };
        let threshold = self.threshold + gain * over * sent.min(100.0);
        self.threshold = threshold.clamp(THRESHOLD.0, THRESHOLD.1);
    }
}

impl Group {
    fn new(sent: Instant, arrived_us: i64, bytes: u32) -> Self {
        Self {
            first: sent,
            last: sent,
            first_arrived_us: arrived_us,
            arrived_us,
            bytes,
        }
    }

    /// Whether a packet belongs to this group: sent in the same burst, or delayed and delivered together with it.
    fn takes(&self, sent: Instant, arrived_us: i64) -> bool {
        if sent.duration_since(self.first) <= BURST {
            return true;
        }
        let after = ms_of_us(arrived_us.wrapping_sub(self.arrived_us));
        let behind = ms(sent.duration_since(self.last));
        after - behind < 0.0
            && after <= ms(BURST)
            && ms_of_us(arrived_us.wrapping_sub(self.first_arrived_us)) < 100.0
    }
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn ms_of_us(span_us: i64) -> f64 {
    span_us as f64 / 1000.0
}

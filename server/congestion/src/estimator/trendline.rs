//! Whether a queue grows on the way to a viewer: the trendline of the delays
//! (draft-ietf-rmcat-gcc-02 5.1 to 5.4, with the line that libwebrtc fits in place of the Kalman filter).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Trendline {
    open: Option<Group>,
    closed: Option<Group>,
    points: VecDeque<Point>,
    /// Differences seen, as far as they count.
    seen: u32,
    /// Milliseconds of delay over that of the first group, and smoothed.
    delay: f64,
    smoothed: f64,
    origin: i64,
    threshold: f64,
    last_slope: f64,
    over: f64,
    overs: u32,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// The queue is as long as before.
    Normal,
    /// It grows.
    Over,
    /// It drains.
    Under,
}

/// Packets that left within a burst, which queues treat as one.
#[derive(Clone, Copy, Debug)]
struct Group {
    first: Instant,
    last: Instant,
    first_arrived: i64,
    arrived: i64,
    bytes: u32,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    /// Milliseconds since the origin.
    at: f64,
    delay: f64,
    smoothed: f64,
    bytes: u32,
}

const BURST: Duration = Duration::from_millis(5);
const WINDOW: usize = 20;
const MOST_SEEN: u32 = 60;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// The threshold follows what it is compared with, fast upwards, so that other flows do not starve this one (draft 5.4).
const UP: f64 = 0.0087;
const DOWN: f64 = 0.039;
const THRESHOLD: (f64, f64) = (6.0, 600.0);
const FIRST_THRESHOLD: f64 = 12.5;
/// For so many milliseconds.
const OVER_FOR: f64 = 10.0;
/// Milliseconds; over less, a throughput is chance.
const LEAST_SPAN: f64 = 10.0;
/// After a pause, or a jump of a clock, it begins anew.
const PAUSE: Duration = Duration::from_secs(2);

impl Trendline {
    pub(super) fn new() -> Self {
        Self {
            open: None,
            closed: None,
            points: VecDeque::with_capacity(WINDOW),
            seen: 0,
            delay: 0.0,
            smoothed: 0.0,
            origin: 0,
            threshold: FIRST_THRESHOLD,
            last_slope: 0.0,
            over: 0.0,
            overs: 0,
            usage: Usage::Normal,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Bits a second that arrived while the queue grew: what the narrowest link carries.
    pub(super) fn throughput(&self) -> Option<f64> {
        let lowest = |a: &(usize, &Point), b: &(usize, &Point)| a.1.delay.total_cmp(&b.1.delay);
        let (from, first) = self.points.iter().enumerate().min_by(lowest)?;
        let span = self.points.back()?.at - first.at;
        let bytes: u32 = self.points.range(from + 1..).map(|point| point.bytes).sum();
        (span >= LEAST_SPAN).then(|| f64::from(bytes) * 8000.0 / span)
    }

    /// One packet that arrived, in the order in which they left.
    pub(super) fn add(&mut self, sent: Instant, arrived: i64, bytes: u32) {
        let Some(open) = &mut self.open else {
            self.open = Some(Group::new(sent, arrived, bytes));
            return;
        };
        if sent < open.last {
            return;
        }
        if open.takes(sent, arrived) {
            open.last = sent;
            open.arrived = open.arrived.max(arrived);
            open.bytes = open.bytes.saturating_add(bytes);
            return;
        }
        let done = *open;
        self.open = Some(Group::new(sent, arrived, bytes));
        if let Some(before) = self.closed.replace(done) {
            self.compare(&before, &done);
        }
    }

    fn compare(&mut self, before: &Group, group: &Group) {
        let sent = group.last.duration_since(before.last);
        let arrived = micros(group.arrived.wrapping_sub(before.arrived));
        if sent > PAUSE || arrived.abs() > 1000.0 * PAUSE.as_secs_f64() + millis(sent) {
            *self = Self {
                open: self.open,
                threshold: self.threshold,
                ..Self::new()
            };
            return;
        }
        let sent = millis(sent);
        if self.points.is_empty() {
            self.origin = group.arrived;
        }
        self.seen = (self.seen + 1).min(MOST_SEEN);
        self.delay += arrived - sent;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points.push_back(Point {
            at: micros(group.arrived.wrapping_sub(self.origin)),
            delay: self.delay,
            smoothed: self.smoothed,
            bytes: group.bytes,
        });
        if self.points.len() == WINDOW {
            let slope = self.slope().unwrap_or(self.last_slope);
            self.judge(slope, sent);
        }
    }

    /// Milliseconds of delay that each millisecond adds: least squares.
    fn slope(&self) -> Option<f64> {
        let count = self.points.len() as f64;
        let at = self.points.iter().map(|point| point.at).sum::<f64>() / count;
        let delay = self.points.iter().map(|point| point.smoothed).sum::<f64>() / count;
        let (mut above, mut below) = (0.0, 0.0);
        for point in &self.points {
            above += (point.at - at) * (point.smoothed - delay);
            below += (point.at - at).powi(2);
        }
        (below > 0.0).then(|| above / below)
    }

    fn judge(&mut self, slope: f64, sent: f64) {
        let value = f64::from(self.seen) * slope * GAIN;
        if value > self.threshold {
            // Half of the first, for it began somewhere in there.
            self.over += if self.overs == 0 { sent / 2.0 } else { sent };
            self.overs += 1;
            if self.over > OVER_FOR && self.overs > 1 && slope >= self.last_slope {
                self.over = 0.0;
                self.overs = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over = 0.0;
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
        // A jump says nothing about how much delays differ here.
        if over > 15.0 {
            return;
        }
        let gain = if over > 0.0 { UP } else { DOWN };
        let threshold = self.threshold + gain * over * sent.min(100.0);
        self.threshold = threshold.clamp(THRESHOLD.0, THRESHOLD.1);
    }
}

impl Group {
    fn new(sent: Instant, arrived: i64, bytes: u32) -> Self {
        Self {
            first: sent,
            last: sent,
            first_arrived: arrived,
            arrived,
            bytes,
        }
    }

    /// Also what was held up on the way and came in one go with this group.
    fn takes(&self, sent: Instant, arrived: i64) -> bool {
        let after = micros(arrived.wrapping_sub(self.arrived));
        let behind = millis(sent.duration_since(self.last));
        let held_up = after - behind < 0.0
            && after <= millis(BURST)
            && micros(arrived.wrapping_sub(self.first_arrived)) < 100.0;
        sent.duration_since(self.first) <= BURST || held_up
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn micros(span: i64) -> f64 {
    span as f64 / 1000.0
}

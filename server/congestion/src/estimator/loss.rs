//! Whether packets are lost because there are too many of them (draft-ietf-rmcat-gcc-02 6, for links that also lose at random).

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct LossDetector {
    began: Option<Instant>,
    /// What left before this is not looked at.
    from: Option<Instant>,
    lost: u32,
    total: u32,
    /// Lost since the last packet that arrived, and when that one left.
    run: u32,
    last: Option<Instant>,
    /// The fraction that is lost however little is sent.
    inherent: f64,
    lowered: Option<Lowered>,
}

/// What was lost before less was sent for it, and the rate then.
#[derive(Clone, Copy, Debug)]
struct Lowered {
    loss: f64,
    rate: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Not more is lost than always, or not enough is known.
    Usual,
    /// Too much is sent.
    Congested,
    /// Less was sent, and as much was lost: it may be as fast as before.
    NotOurs(Option<f64>),
}

/// The fraction from which on the draft takes it as a sign of congestion.
const HIGH: f64 = 0.1;
/// What it takes for a verdict: so long; or less, and so much loss.
const WINDOW: Duration = Duration::from_secs(1);
const SHORT_WINDOW: Duration = Duration::from_millis(300);
const CLEAR: f64 = 0.3;
const LEAST: u32 = 20;
/// When nothing at all arrives of what left in so long, that is a cut; a queue that is full lets some pass.
const CUT: Duration = Duration::from_millis(400);
/// So long after less is sent the queue is still full.
const SETTLE: Duration = Duration::from_millis(200);
/// Of the loss, what must be gone by then.
const FALL: f64 = 0.6;
/// Each time, for what is taken as inherent may have become ours: after a minute it is tried again.
const DOUBT: f64 = 0.99;
const MOST_INHERENT: f64 = 0.5;

impl LossDetector {
    pub(super) fn new() -> Self {
        Self {
            began: None,
            from: None,
            lost: 0,
            total: 0,
            run: 0,
            last: None,
            inherent: 0.0,
            lowered: None,
        }
    }

    /// One packet, in the order in which they left.
    pub(super) fn add(&mut self, sent: Instant, arrived: bool) {
        if self.from.is_some_and(|from| sent < from) {
            return;
        }
        if !arrived {
            self.run = self.run.saturating_add(1);
            return;
        }
        let run = std::mem::take(&mut self.run);
        let last = self.last.unwrap_or(sent);
        self.last = Some(last.max(sent));
        if sent.saturating_duration_since(last) < CUT {
            self.lost = self.lost.saturating_add(run);
            self.total = self.total.saturating_add(run);
        }
        self.total = self.total.saturating_add(1);
    }

    /// Looks at what was added, when that is enough. `rate`: what is aimed at, in bits a second.
    pub(super) fn judge(&mut self, now: Instant, rate: Option<f64>, queued: bool) -> Verdict {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        let loss = f64::from(self.lost) / f64::from(self.total.max(1));
        let clear = passed >= SHORT_WINDOW && loss > self.inherent + CLEAR;
        if self.total < LEAST || !(clear || passed >= WINDOW) {
            return Verdict::Usual;
        }
        self.began = Some(now);
        (self.lost, self.total) = (0, 0);
        self.verdict(now, loss, rate, queued)
    }

    /// `loss`: the fraction that was lost over a while. `queued`: there is a long queue, so it is full.
    pub(super) fn verdict(
        &mut self,
        now: Instant,
        loss: f64,
        rate: Option<f64>,
        queued: bool,
    ) -> Verdict {
        let lowered = self.lowered.take().filter(|_| !queued);
        self.inherent = if queued {
            0.0
        } else {
            (self.inherent * DOUBT).min(loss)
        };
        if let Some(before) = lowered
            && loss > before.loss * (1.0 - FALL)
        {
            self.inherent = loss.min(MOST_INHERENT);
            return Verdict::NotOurs(before.rate);
        }
        if loss < self.inherent + HIGH {
            return Verdict::Usual;
        }
        self.lowered = Some(Lowered { loss, rate });
        self.from = Some(now + SETTLE);
        Verdict::Congested
    }
}

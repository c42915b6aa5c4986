//! Whether packets are lost because there are too many of them.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Loss {
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
    /// What was lost before the rate was last lowered for it, and that rate.
    lowered: Option<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Not more is lost than always.
    Usual,
    /// Too much is sent.
    Congested,
    /// Less was sent and as much was lost: it may go as fast as before, in bits a second.
    NotOurs(f64),
}

/// What the draft takes as a sign of congestion (draft-ietf-rmcat-gcc-02 6).
const HIGH: f64 = 0.1;
/// A window lasts so long, and less when it is clear what goes on.
const WINDOW: Duration = Duration::from_secs(1);
const CLEAR: (Duration, f64) = (Duration::from_millis(300), 0.3);
const LEAST: u32 = 20;
/// What fills a queue when the rate is lowered takes so long to leave it.
const SETTLE: Duration = Duration::from_millis(200);
/// When nothing at all arrives for so long, that is a cut and no queue that is full.
const CUT: Duration = Duration::from_millis(400);
/// Of the loss, so much has to go when less is sent.
const FALL: f64 = 0.4;
const MOST_INHERENT: f64 = 0.5;

impl Loss {
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
            self.run += 1;
            return;
        }
        let last = self.last.unwrap_or(sent);
        self.last = Some(last.max(sent));
        if sent.saturating_duration_since(last) < CUT {
            self.lost += self.run;
            self.total += self.run;
        }
        self.total += 1;
        self.run = 0;
    }

    /// Looks at what was added when that is enough. `rate`: what is aimed at, in bits a second.
    pub(super) fn judge(&mut self, now: Instant, rate: f64) -> Verdict {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        let loss = f64::from(self.lost) / f64::from(self.total.max(1));
        let clear = passed >= CLEAR.0 && loss > self.inherent + CLEAR.1;
        if self.total < LEAST || !(clear || passed >= WINDOW) {
            return Verdict::Usual;
        }
        self.began = Some(now);
        (self.lost, self.total) = (0, 0);
        self.verdict(now, loss, rate)
    }

    /// `loss`: of what was sent over a while.
    pub(super) fn verdict(&mut self, now: Instant, loss: f64, rate: f64) -> Verdict {
        let lowered = self.lowered.take();
        self.inherent = self.inherent.min(loss);
        if loss < self.inherent + HIGH {
            return Verdict::Usual;
        }
        match lowered {
            Some((before, rate)) if loss > before * (1.0 - FALL) => {
                self.inherent = loss.min(MOST_INHERENT);
                Verdict::NotOurs(rate)
            }
            _ => {
                self.lowered = Some((loss, rate));
                self.from = Some(now + SETTLE);
                Verdict::Congested
            }
        }
    }
}

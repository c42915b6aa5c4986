//! Whether packets are lost by congestion (draft-ietf-rmcat-gcc-02 6, extended for links with random loss).

use std::time::{Duration, Instant};

/// Distinguishes congestion from loss that does not depend on the rate.
#[derive(Debug)]
pub(super) struct LossDetector {
    began: Option<Instant>,
    /// Packets sent before this are ignored.
    from: Option<Instant>,
    lost: u32,
    total: u32,
    /// Packets lost since the last one that arrived.
    run: u32,
    /// When the last packet that arrived was sent.
    last: Option<Instant>,
    /// The fraction of packets that is lost whatever the sending rate.
    inherent: f64,
    lowered: Option<Lowered>,
}

/// Loss and rate before the rate was reduced because of that loss.
#[derive(Clone, Copy, Debug)]
struct Lowered {
    loss: f64,
    rate_bps: Option<f64>,
}

/// The cause of loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// No more loss than usual, or too few packets to know.
    Usual,
    /// The rate is too high.
    Congested,
    /// The loss stayed after the rate was reduced, so congestion is not the cause. Contains the rate before the reduction, in bits a second.
    Inherent(Option<f64>),
}

/// The fraction of loss from which the draft assumes congestion.
const CONGESTION_LOSS: f64 = 0.1;
/// A verdict needs this time; or the shorter one, if the loss exceeds the usual by `OBVIOUS_LOSS`.
const WINDOW: Duration = Duration::from_secs(1);
const SHORT_WINDOW: Duration = Duration::from_millis(300);
const OBVIOUS_LOSS: f64 = 0.3;
/// A verdict needs this many packets.
const MIN_PACKETS: u32 = 20;
/// When no packet arrives that was sent in this time, the path was cut; a full queue lets some packets pass.
const CUT: Duration = Duration::from_millis(400);
/// After the rate is reduced the queue stays full for this long.
const SETTLE: Duration = Duration::from_millis(200);
/// The fraction of the loss that disappears after `SETTLE`, if congestion caused the loss.
const EXPECTED_FALL: f64 = 0.6;
/// The inherent loss decays by this factor with each verdict, because the cause may change to congestion: after about a minute a lower rate is tried again.
const INHERENT_DECAY: f64 = 0.99;
const MAX_INHERENT: f64 = 0.5;

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

    /// Adds the result of one packet, in sending order.
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

    /// A verdict on the packets added since the last verdict, if they are enough. `rate_bps`: the current target. `queued`: see
    /// [`verdict`](Self::verdict).
    pub(super) fn judge(&mut self, now: Instant, rate_bps: Option<f64>, queued: bool) -> Verdict {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        let loss = f64::from(self.lost) / f64::from(self.total.max(1));
        let obvious = passed >= SHORT_WINDOW && loss > self.inherent + OBVIOUS_LOSS;
        if self.total < MIN_PACKETS || !(obvious || passed >= WINDOW) {
            return Verdict::Usual;
        }
        self.began = Some(now);
        (self.lost, self.total) = (0, 0);
        self.verdict(now, loss, rate_bps, queued)
    }

    /// A verdict on a fraction of lost packets. `queued`: the queue on the path is long, so loss means that it is full.
    pub(super) fn verdict(
        &mut self,
        now: Instant,
        loss: f64,
        rate_bps: Option<f64>,
        queued: bool,
    ) -> Verdict {
        let lowered = self.lowered.take().filter(|_| !queued);
        self.inherent = if queued {
            0.0
        } else {
            (self.inherent * INHERENT_DECAY).min(loss)
        };
        if let Some(before) = lowered
            && loss > before.loss * (1.0 - EXPECTED_FALL)
        {
            self.inherent = loss.min(MAX_INHERENT);
            return Verdict::Inherent(before.rate_bps);
        }
        if loss < self.inherent + CONGESTION_LOSS {
            return Verdict::Usual;
        }
        self.lowered = Some(Lowered { loss, rate_bps });
        self.from = Some(now + SETTLE);
        Verdict::Congested
    }
}

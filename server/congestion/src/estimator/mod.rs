//! Bandwidth of the path to one viewer, estimated at the sender: draft-ietf-rmcat-gcc-02 with two changes.
//!
//! - The rate grows like CUBIC instead of by 8 % a second, so that it recovers within seconds when the capacity of the link is back.
//! - Loss counts only as far as it falls when the rate is reduced; on a link with random loss, even of 10 %, the rate does not keep falling.
//!
//! The stream has a given bitrate, which may be far less than the capacity, and then nothing is learned about the capacity. So the estimate falls only
//! with a queue or loss, and grows only to `HEADROOM` times the arrival rate.
//!
//! | module | noun |
//! |---|---|
//! | `trendline` | whether the queue on the path grows |
//! | `queue_delay` | how long packets wait on the path |
//! | `loss` | whether packets are lost by congestion |
//! | `packet_train` | a first estimate, from the first burst |
//! | `rate_meter` | the rate of sent and of arrived packets |

mod loss;
mod packet_train;
mod queue_delay;
mod rate_meter;
mod trendline;

use std::time::{Duration, Instant};

use loss::{LossDetector, Verdict};
use packet_train::PacketTrain;
use queue_delay::QueueDelay;
use rate_meter::RateMeter;
use trendline::{Trendline, Usage};

use super::twcc_history::PacketResult;

/// The estimate for one viewer, over all of its tracks. About 1 kB.
#[derive(Debug)]
pub struct BandwidthEstimator {
    start: Instant,
    /// `None` before the first estimate.
    rate_bps: Option<f64>,
    /// The capacity when the rate was last too high.
    ceiling_bps: Option<f64>,
    lowered: Option<Instant>,
    grown: Option<Instant>,
    trend: Trendline,
    queue: QueueDelay,
    loss: LossDetector,
    sent: RateMeter,
    arrived: RateMeter,
    remb: Option<(Instant, f64)>,
    /// From report blocks.
    reported_rtt: Option<Duration>,
    /// From transport-wide feedback, including the time until the viewer sends the feedback.
    twcc_rtt: Option<Duration>,
    /// The viewer sends transport-wide feedback.
    has_twcc: bool,
    /// Send time of the first packet after the last feedback.
    waiting_since: Option<Instant>,
    /// The next report still covers the time before the rate was lowered.
    next_report_stale: bool,
}

/// Enough for audio, and for feedback that shows when a higher rate is possible.
const MIN_RATE_BPS: f64 = 100_000.0;
const MAX_RATE_BPS: f64 = 100_000_000.0;
/// The rate falls to this part of the capacity, so that the queue drains.
const BACKOFF: f64 = 0.85;
/// A growing queue that is no longer than this comes from a single frame, on a link that carries little more than the stream, or from a short
/// disturbance.
const SHORT_QUEUE: Duration = Duration::from_millis(30);
/// Loss with a queue of this length means that the queue is full.
const FULL_QUEUE: Duration = Duration::from_millis(60);
/// While the queue is longer than this the rate is reduced, kept for `DRAIN`, grows for `REGAIN`, and is reduced again. It grows in between because
/// another flow may be filling the queue, which would otherwise take all of the bandwidth.
const DEEP_QUEUE: Duration = Duration::from_millis(150);
const DRAIN: Duration = Duration::from_secs(3);
const REGAIN: Duration = Duration::from_secs(2);
/// The estimate never grows beyond this multiple of the arrival rate.
const HEADROOM: f64 = 1.75;
/// The constant C of CUBIC (RFC 9438 4.2), relative to the ceiling, in 1/s³: the rate is back at the ceiling after 0.8 s.
const CUBIC: f64 = 0.3;
/// The ceiling is dropped when the rate exceeds this multiple of it.
const PASSED: f64 = 1.3;
/// Without a ceiling the rate doubles this many times a second.
const DOUBLINGS_PER_SECOND: f64 = 1.6;
/// One step grows the rate by at most this much time, however long the pause before it.
const MAX_STEP: Duration = Duration::from_millis(300);
const MAX_REPORT_STEP: Duration = Duration::from_secs(1);
/// A REMB is valid for this long; viewers send one a second.
const REMB_VALIDITY: Duration = Duration::from_secs(5);
/// Browsers send feedback every 50 to 250 ms. After this time without feedback the path may be cut: the estimate is the minimum rate until the next
/// feedback, and then the previous estimate again.
const SILENCE: Duration = Duration::from_secs(2);
const MAX_RTT: Duration = Duration::from_secs(5);

impl BandwidthEstimator {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            rate_bps: None,
            ceiling_bps: None,
            lowered: None,
            grown: None,
            trend: Trendline::new(),
            queue: QueueDelay::default(),
            loss: LossDetector::new(),
            sent: RateMeter::default(),
            arrived: RateMeter::default(),
            remb: None,
            reported_rtt: None,
            twcc_rtt: None,
            has_twcc: false,
            waiting_since: None,
            next_report_stale: false,
        }
    }

    /// Records packets of so many bytes that are sent now.
    pub fn on_packets_sent(&mut self, now: Instant, bytes: usize) {
        let at = now.saturating_duration_since(self.start).as_micros();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.sent.add(at as i64, bytes);
        self.waiting_since.get_or_insert(now);
    }

    /// Handles one transport-wide feedback, matched by [`TwccHistory::match_feedback`](super::twcc_history::TwccHistory::match_feedback).
    pub fn on_feedback(&mut self, now: Instant, results: impl Iterator<Item = PacketResult>) {
        self.has_twcc = true;
        self.waiting_since = None;
        let mut train = PacketTrain::new();
        for result in results {
            self.loss.add(result.sent_at, result.arrived_us.is_some());
            if let Some(arrived_us) = result.arrived_us {
                self.arrived.add(arrived_us, result.bytes);
                self.trend.add(result.sent_at, arrived_us, result.bytes);
                self.queue.add(result.sent_at, arrived_us);
                train.add(result.sent_at, arrived_us, result.bytes);
            }
        }
        if let Some(newest) = train.newest() {
            let rtt = now.saturating_duration_since(newest);
            self.twcc_rtt = Some(self.twcc_rtt.map_or(rtt, |known| slow_min(known, rtt)));
        }
        self.rate_bps = self.rate_bps.or_else(|| train.capacity_bps().map(within));
        let Some(arrived_bps) = self.arrived.rate_bps() else {
            return;
        };
        let wait = self.queue.wait();
        match self.loss.judge(now, self.rate_bps, wait > FULL_QUEUE) {
            Verdict::Usual => {}
            verdict => return self.apply(now, verdict, arrived_bps),
        }
        let since = self.lowered.map(|last| now.saturating_duration_since(last));
        match self.trend.usage() {
            Usage::Over if wait > SHORT_QUEUE => {
                // The effect of a lower rate shows after a round trip and the next feedback.
                let pause = self.rtt().unwrap_or_default() + Duration::from_millis(100);
                if since.is_none_or(|since| since >= pause) {
                    let capacity_bps = self.trend.throughput_bps().unwrap_or(arrived_bps);
                    self.lower(now, capacity_bps);
                }
            }
            // The queue is not empty yet.
            Usage::Under => self.grown = Some(now),
            _ if wait > DEEP_QUEUE && since.is_some_and(|since| since < DRAIN) => {
                self.grown = Some(now);
            }
            _ if wait > DEEP_QUEUE && since.is_none_or(|since| since > DRAIN + REGAIN) => {
                self.lower(now, arrived_bps);
            }
            Usage::Over | Usage::Normal => self.grow(now, arrived_bps, MAX_STEP),
        }
    }

    /// Handles a report block about the video track (RFC 3550 6.4.1): the part of the packets lost, in 1/256, and the round trip if it is known.
    ///
    /// The loss counts only without transport-wide feedback.
    pub fn on_report(&mut self, now: Instant, fraction_lost: u8, rtt: Option<Duration>) {
        if let Some(rtt) = rtt {
            let rtt = rtt.min(MAX_RTT);
            let smooth = |known: Duration| (7 * known + rtt) / 8;
            self.reported_rtt = Some(self.reported_rtt.map_or(rtt, smooth));
        }
        let Some(sent_bps) = self.sent.rate_bps().filter(|_| !self.has_twcc) else {
            return;
        };
        if std::mem::take(&mut self.next_report_stale) {
            return;
        }
        let loss = f64::from(fraction_lost) / 256.0;
        let arrived_bps = sent_bps * (1.0 - loss);
        match self.loss.verdict(now, loss, self.rate_bps, false) {
            Verdict::Usual => self.grow(now, arrived_bps, MAX_REPORT_STEP),
            verdict => {
                self.next_report_stale = verdict == Verdict::Congested;
                self.apply(now, verdict, arrived_bps);
            }
        }
    }

    /// Handles a REMB, in bits a second, which limits the estimate for some seconds.
    pub fn on_remb(&mut self, now: Instant, bitrate_bps: u64) {
        self.remb = Some((now, bitrate_bps as f64));
    }

    /// The estimated bandwidth in bits a second; `None` before the first estimate.
    pub fn bitrate_bps(&self, now: Instant) -> Option<u64> {
        let past = |since: Instant| now.saturating_duration_since(since);
        let remb = self.remb.filter(|(at, _)| past(*at) < REMB_VALIDITY);
        let remb = remb.map(|(_, bits)| within(bits));
        let cut = self.has_twcc
            && self
                .waiting_since
                .is_some_and(|since| past(since) > SILENCE);
        let all = [self.rate_bps, remb, cut.then_some(MIN_RATE_BPS)];
        let least = all.into_iter().flatten().reduce(f64::min);
        least.map(|bits| bits as u64)
    }

    /// The round-trip time, never underestimated.
    pub fn rtt(&self) -> Option<Duration> {
        self.reported_rtt.or(self.twcc_rtt)
    }

    fn apply(&mut self, now: Instant, verdict: Verdict, arrived_bps: f64) {
        match verdict {
            Verdict::Usual => {}
            Verdict::Congested => self.lower(now, arrived_bps),
            Verdict::Inherent(before) => self.rate_bps = before,
        }
    }

    fn lower(&mut self, now: Instant, capacity_bps: f64) {
        let rate = within(BACKOFF * capacity_bps);
        self.rate_bps = Some(self.rate_bps.map_or(rate, |before| before.min(rate)));
        self.ceiling_bps = Some(within(capacity_bps));
        self.lowered = Some(now);
        self.grown = Some(now);
    }

    fn grow(&mut self, now: Instant, arrived_bps: f64, max_step: Duration) {
        let last = self.grown.replace(now).unwrap_or(now);
        let passed = now
            .saturating_duration_since(last)
            .min(max_step)
            .as_secs_f64();
        let Some(rate) = self.rate_bps else {
            return;
        };
        let grown = match self.ceiling_bps {
            None => rate * (DOUBLINGS_PER_SECOND * passed).exp2(),
            Some(ceiling) => {
                let after = ((rate / ceiling - 1.0) / CUBIC).cbrt() + passed;
                ceiling * (1.0 + CUBIC * after.powi(3))
            }
        };
        let grown = within(grown.min(HEADROOM * arrived_bps).max(rate));
        self.rate_bps = Some(grown);
        // The rate is far above the ceiling without a queue, so the ceiling is outdated.
        if self
            .ceiling_bps
            .is_some_and(|ceiling| grown > PASSED * ceiling)
        {
            self.ceiling_bps = None;
        }
    }
}

fn within(bits: f64) -> f64 {
    bits.clamp(MIN_RATE_BPS, MAX_RATE_BPS)
}

/// The minimum, which follows slowly when the path becomes longer.
fn slow_min(known: Duration, rtt: Duration) -> Duration {
    rtt.min(known + rtt.saturating_sub(known) / 32)
}

//! How many bits a second the network carries to one viewer, as the sender sees it: the control of draft-ietf-rmcat-gcc-02, with two changes.
//!
//! - It grows like CUBIC instead of by 8 % a second, so that it is back within seconds after a link that was slow is fast again.
//! - Loss counts only as far as less is lost when less is sent; on a link that loses at random, a tenth even, it does not fall and fall.
//!
//! What is sent is a stream of a given rate: it may be far less than the network carries, and then nothing is learned about that. So the
//! estimate only falls when there is a queue or loss, and only grows to `HEADROOM` times what arrived.
//!
//! | module | noun |
//! |---|---|
//! | `trend` | whether the queue on the way grows |
//! | `queue` | how long packets wait on the way |
//! | `loss` | whether packets are lost because there are too many |
//! | `train` | what the first burst tells |
//! | `meter` | bits a second, of what is sent or arrives |

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

/// The estimate for one viewer, over all its streams. About 1 kB.
#[derive(Debug)]
pub struct BandwidthEstimator {
    start: Instant,
    /// Bits a second; `None` while nothing is known.
    rate: Option<f64>,
    /// What the network carried when it was last too much.
    ceiling: Option<f64>,
    lowered: Option<Instant>,
    grown: Option<Instant>,
    trend: Trendline,
    queue: QueueDelay,
    loss: LossDetector,
    sent: RateMeter,
    arrived: RateMeter,
    remb: Option<(Instant, f64)>,
    /// From reports, and from transport-wide feedback, which comes a little late.
    reported_rtt: Option<Duration>,
    rtt: Option<Duration>,
    /// It gives transport-wide feedback.
    transport: bool,
    /// When the first packet left since something was heard.
    waiting: Option<Instant>,
    /// The next report still tells of the time before the rate was lowered.
    stale: bool,
}

/// Bits a second: enough for sound, and to notice when more is possible.
const LEAST: f64 = 100_000.0;
const MOST: f64 = 100_000_000.0;
/// Of what arrives: the queue that has built up drains in the rest.
const LOWER: f64 = 0.85;
/// A queue that grows and yet is no longer than this is that of one picture, on a link of little more than the stream needs, or a hiccup
/// that is over.
const SHORT_QUEUE: Duration = Duration::from_millis(30);
/// Loss with a queue of this is that of a queue that is full.
const FULL_QUEUE: Duration = Duration::from_millis(60);
/// A queue that stays and is longer than this is let drain for a while. Not all the time: it may be somebody else's, who would get it all.
const DEEP_QUEUE: Duration = Duration::from_millis(150);
const DRAIN: Duration = Duration::from_secs(3);
const REGAIN: Duration = Duration::from_secs(2);
/// To grow further needs evidence: so many times what arrived.
const HEADROOM: f64 = 1.75;
/// Growth is that of CUBIC (RFC 9438 4.2), relative to the ceiling, in 1/s³: back at the ceiling after 0.8 s.
const CUBIC: f64 = 0.3;
/// How far above the ceiling it is taken to be gone.
const PASSED: f64 = 1.3;
/// Without a ceiling, doublings a second.
const DOUBLINGS: f64 = 1.6;
/// After a pause it grows as after so long at most.
const STEP: Duration = Duration::from_millis(300);
const REPORT_STEP: Duration = Duration::from_secs(1);
/// Viewers that send REMB do so each second.
const REMB_FRESH: Duration = Duration::from_secs(5);
/// Browsers give feedback each 50 to 250 ms. After so long without, only a trickle goes into what may be a cut; when feedback is back the
/// estimate is what it was.
const SILENCE: Duration = Duration::from_secs(2);
const MAX_RTT: Duration = Duration::from_secs(5);

impl BandwidthEstimator {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            rate: None,
            ceiling: None,
            lowered: None,
            grown: None,
            trend: Trendline::new(),
            queue: QueueDelay::default(),
            loss: LossDetector::new(),
            sent: RateMeter::default(),
            arrived: RateMeter::default(),
            remb: None,
            reported_rtt: None,
            rtt: None,
            transport: false,
            waiting: None,
            stale: false,
        }
    }

    /// Notes a packet that leaves now.
    pub fn on_packet_sent(&mut self, now: Instant, bytes: usize) {
        let at = now.saturating_duration_since(self.start).as_micros();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.sent.add(at as i64, bytes);
        self.waiting.get_or_insert(now);
    }

    /// What one transport-wide feedback says, from [`TwccHistory::feedback`](super::twcc_history::TwccHistory::feedback).
    pub fn on_feedback(&mut self, now: Instant, results: impl Iterator<Item = PacketResult>) {
        self.transport = true;
        self.waiting = None;
        let mut train = PacketTrain::new();
        for result in results {
            self.loss.add(result.sent, result.arrived.is_some());
            if let Some(arrived) = result.arrived {
                self.arrived.add(arrived, result.bytes);
                self.trend.add(result.sent, arrived, result.bytes);
                self.queue.add(result.sent, arrived);
                train.add(result.sent, arrived, result.bytes);
            }
        }
        if let Some(newest) = train.newest() {
            let rtt = now.saturating_duration_since(newest);
            self.rtt = Some(self.rtt.map_or(rtt, |known| smaller(known, rtt)));
        }
        self.rate = self.rate.or_else(|| train.carried().map(within));
        let Some(arrived) = self.arrived.rate() else {
            return;
        };
        let wait = self.queue.wait();
        match self.loss.judge(now, self.rate, wait > FULL_QUEUE) {
            Verdict::Usual => {}
            verdict => return self.obey(now, verdict, arrived),
        }
        let since = self.lowered.map(|last| now.saturating_duration_since(last));
        match self.trend.usage() {
            Usage::Over if wait > SHORT_QUEUE => {
                // What was done about it takes a round trip, and a feedback, to show.
                let pause = self.rtt().unwrap_or_default() + Duration::from_millis(100);
                if since.is_none_or(|since| since >= pause) {
                    let carried = self.trend.throughput().unwrap_or(arrived);
                    self.lower(now, carried);
                }
            }
            // What was too much is not yet gone.
            Usage::Under => self.grown = Some(now),
            _ if wait > DEEP_QUEUE && since.is_some_and(|since| since < DRAIN) => {
                self.grown = Some(now);
            }
            _ if wait > DEEP_QUEUE && since.is_none_or(|since| since > DRAIN + REGAIN) => {
                self.lower(now, arrived);
            }
            Usage::Over | Usage::Normal => self.grow(now, arrived, STEP),
        }
    }

    /// A report block on the pictures (RFC 3550 6.4.1): 256ths of the packets lost, and the round trip when it tells.
    ///
    /// The loss is looked at when there is no transport-wide feedback.
    pub fn on_report(&mut self, now: Instant, fraction_lost: u8, rtt: Option<Duration>) {
        if let Some(rtt) = rtt {
            let rtt = rtt.min(MAX_RTT);
            let smooth = |known: Duration| (7 * known + rtt) / 8;
            self.reported_rtt = Some(self.reported_rtt.map_or(rtt, smooth));
        }
        let Some(sent) = self.sent.rate().filter(|_| !self.transport) else {
            return;
        };
        if std::mem::take(&mut self.stale) {
            return;
        }
        let loss = f64::from(fraction_lost) / 256.0;
        let arrived = sent * (1.0 - loss);
        match self.loss.verdict(now, loss, self.rate, false) {
            Verdict::Usual => self.grow(now, arrived, REPORT_STEP),
            verdict => {
                self.stale = verdict == Verdict::Congested;
                self.obey(now, verdict, arrived);
            }
        }
    }

    /// What the viewer thinks that it can receive, in bits a second. It is a ceiling for some seconds.
    pub fn on_remb(&mut self, now: Instant, bits: u64) {
        self.remb = Some((now, bits as f64));
    }

    /// Bits a second that the network carries to this viewer; `None`: nothing speaks against any rate yet.
    pub fn bitrate_bps(&self, now: Instant) -> Option<u64> {
        let past = |since: Instant| now.saturating_duration_since(since);
        let remb = self.remb.filter(|(at, _)| past(*at) < REMB_FRESH);
        let remb = remb.map(|(_, bits)| within(bits));
        let cut = self.transport && self.waiting.is_some_and(|since| past(since) > SILENCE);
        let all = [self.rate, remb, cut.then_some(LEAST)];
        let least = all.into_iter().flatten().reduce(f64::min);
        least.map(|bits| bits as u64)
    }

    /// The round trip, not less than it is.
    pub fn rtt(&self) -> Option<Duration> {
        self.reported_rtt.or(self.rtt)
    }

    fn obey(&mut self, now: Instant, verdict: Verdict, arrived: f64) {
        match verdict {
            Verdict::Usual => {}
            Verdict::Congested => self.lower(now, arrived),
            Verdict::NotOurs(before) => self.rate = before,
        }
    }

    fn lower(&mut self, now: Instant, carried: f64) {
        let rate = within(LOWER * carried);
        self.rate = Some(self.rate.map_or(rate, |before| before.min(rate)));
        self.ceiling = Some(within(carried));
        self.lowered = Some(now);
        self.grown = Some(now);
    }

    fn grow(&mut self, now: Instant, arrived: f64, step: Duration) {
        let last = self.grown.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(last).min(step).as_secs_f64();
        let Some(rate) = self.rate else {
            return;
        };
        let grown = match self.ceiling {
            None => rate * (DOUBLINGS * passed).exp2(),
            Some(ceiling) => {
                let after = ((rate / ceiling - 1.0) / CUBIC).cbrt() + passed;
                ceiling * (1.0 + CUBIC * after.powi(3))
            }
        };
        let grown = within(grown.min(HEADROOM * arrived).max(rate));
        self.rate = Some(grown);
        // So far above it without a queue: it is no ceiling any more.
        if self.ceiling.is_some_and(|ceiling| grown > PASSED * ceiling) {
            self.ceiling = None;
        }
    }
}

fn within(bits: f64) -> f64 {
    bits.clamp(LEAST, MOST)
}

/// The smaller of two, but it follows slowly when the way becomes longer.
fn smaller(known: Duration, rtt: Duration) -> Duration {
    rtt.min(known + rtt.saturating_sub(known) / 32)
}

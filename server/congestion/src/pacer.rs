//! When the next packet to a viewer may be sent.

use std::time::{Duration, Instant};

/// Shards send due packets in ticks of this length, so a tick delays a packet by at most this.
pub const TICK: Duration = Duration::from_millis(4);

/// Two token buckets: a fast one shapes bursts, a slow one keeps the average.
///
/// Audio is not paced: it is sent at once, and only counted by [`on_packet_sent`](Self::on_packet_sent).
#[derive(Debug)]
pub struct Pacer {
    now: Instant,
    /// `None` while there is no bandwidth estimate.
    rate_bps: Option<f64>,
    initial_bps: f64,
    burst: Bucket,
    average: Bucket,
}

/// A token bucket. Below zero after more was sent than it held.
#[derive(Debug)]
struct Bucket {
    bytes: f64,
}

/// Before there is an estimate: a keyframe of 100 kB takes 40 ms.
const INITIAL_RATE_BPS: f64 = 20_000_000.0;
/// The initial rate is not raised beyond this.
const MAX_INITIAL_RATE_BPS: f64 = 100_000_000.0;
/// A frame may be sent this much faster than the estimate, because a pause follows it. Larger bursts look like congestion on a link that carries
/// little more than the stream.
const BURST_FACTOR: f64 = 1.5;
/// The time in which an empty bucket fills. The burst bucket covers two ticks, even when the second is late.
const BURST_SPAN: Duration = Duration::from_millis(10);
const AVERAGE_SPAN: Duration = Duration::from_millis(50);
/// A bucket holds at least two packets, in bytes.
const MIN_CAPACITY: f64 = 2.0 * 1250.0;
/// Overdraft delays later packets by at most this.
const MAX_DEBT: Duration = Duration::from_millis(500);

impl Pacer {
    pub fn new(now: Instant) -> Self {
        let mut pacer = Self {
            now,
            rate_bps: None,
            initial_bps: INITIAL_RATE_BPS,
            burst: Bucket { bytes: 0.0 },
            average: Bucket { bytes: 0.0 },
        };
        pacer.fill(Duration::from_secs(1));
        pacer
    }

    /// Paces by this rate until there is an estimate, if it is higher than the usual one: a viewer of a live stream has to catch up.
    pub fn raise_initial_rate(&mut self, rate_bps: u64) {
        let raised = (rate_bps as f64).min(MAX_INITIAL_RATE_BPS);
        self.initial_bps = self.initial_bps.max(raised);
    }

    /// Paces by the bandwidth estimate from `now` on.
    pub fn set_rate(&mut self, now: Instant, rate_bps: Option<u64>) {
        self.advance(now);
        self.rate_bps = rate_bps.map(|rate| rate.max(1) as f64);
        self.fill(Duration::ZERO);
    }

    pub fn may_send(&mut self, now: Instant) -> bool {
        self.advance(now);
        self.burst.bytes > 0.0 && self.average.bytes > 0.0
    }

    /// Takes the bytes of a sent packet, of video or audio, out of both buckets.
    pub fn on_packet_sent(&mut self, bytes: usize) {
        let (fast, slow) = self.rates();
        self.burst.take(bytes, fast);
        self.average.take(bytes, slow);
    }

    /// When [`may_send`](Self::may_send) is true next, if no packet is sent until then; not before `now`.
    pub fn next(&self, now: Instant) -> Instant {
        let (fast, slow) = self.rates();
        let wait = self.burst.wait(fast).max(self.average.wait(slow));
        (self.now + wait).max(now)
    }

    /// The fill rates of the burst and the average bucket, in bytes a second.
    fn rates(&self) -> (f64, f64) {
        match self.rate_bps {
            Some(rate) => (BURST_FACTOR * rate / 8.0, rate / 8.0),
            None => (self.initial_bps / 8.0, self.initial_bps / 8.0),
        }
    }

    fn advance(&mut self, now: Instant) {
        // Most packets are sent at one instant, many in a row.
        if now > self.now {
            let passed = now - self.now;
            self.now = now;
            self.fill(passed);
        }
    }

    fn fill(&mut self, passed: Duration) {
        let (fast, slow) = self.rates();
        self.burst.fill(passed, fast, BURST_SPAN);
        self.average.fill(passed, slow, AVERAGE_SPAN);
    }
}

impl Bucket {
    fn fill(&mut self, passed: Duration, rate: f64, span: Duration) {
        let most = (rate * span.as_secs_f64()).max(MIN_CAPACITY);
        self.bytes = (self.bytes + rate * passed.as_secs_f64()).min(most);
    }

    fn take(&mut self, bytes: usize, rate: f64) {
        let least = -(rate * MAX_DEBT.as_secs_f64()).max(MIN_CAPACITY);
        self.bytes = (self.bytes - bytes as f64).max(least.min(self.bytes));
    }

    fn wait(&self, rate: f64) -> Duration {
        if self.bytes > 0.0 {
            return Duration::ZERO;
        }
        // One microsecond more, so that the bucket is above zero then.
        Duration::from_secs_f64(-self.bytes / rate) + Duration::from_micros(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: usize = 1200;

    /// Bytes sent in each of `count` ticks when packets always wait.
    fn ticks(pacer: &mut Pacer, now: &mut Instant, count: usize) -> Vec<usize> {
        let mut sent = Vec::new();
        for _ in 0..count {
            *now += TICK;
            let mut bytes = 0;
            while pacer.may_send(*now) {
                pacer.on_packet_sent(PACKET);
                bytes += PACKET;
            }
            sent.push(bytes);
        }
        sent
    }

    #[test]
    fn a_first_keyframe_takes_some_tens_of_milliseconds() {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now);
        let sent = ticks(&mut pacer, &mut now, 10);
        let all: usize = sent.iter().sum();
        assert!((90_000..200_000).contains(&all), "{sent:?}");
        assert!(sent.iter().skip(1).all(|bytes| *bytes < 20_000), "{sent:?}");
    }

    #[test]
    fn a_raised_rate_counts_until_there_is_an_estimate() {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.raise_initial_rate(1_000_000);
        let usual: usize = ticks(&mut pacer, &mut now, 250).iter().sum();
        assert!((2_400_000..2_700_000).contains(&usual), "{usual}");
        pacer.raise_initial_rate(30_000_000);
        let raised: usize = ticks(&mut pacer, &mut now, 250).iter().sum();
        assert!((3_600_000..4_000_000).contains(&raised), "{raised}");
        pacer.set_rate(now, Some(2_000_000));
        let estimated: usize = ticks(&mut pacer, &mut now, 250).iter().sum();
        assert!((240_000..270_000).contains(&estimated), "{estimated}");
    }

    #[test]
    fn the_average_is_the_estimate_and_a_burst_is_little_more() {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(now, Some(2_000_000));
        now += Duration::from_secs(3);
        let burst: usize = ticks(&mut pacer, &mut now, 12).iter().sum();
        // 48 ms at 2.5 times the rate would be 30 kB.
        assert!((12_500..28_000).contains(&burst), "{burst}");
        let second: usize = ticks(&mut pacer, &mut now, 250).iter().sum();
        assert!((240_000..260_000).contains(&second), "{second}");
    }

    #[test]
    fn audio_counts_against_the_rate() {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(now, Some(1_000_000));
        ticks(&mut pacer, &mut now, 250);
        let (mut video, mut audio) = (0, 0);
        for _ in 0..100 {
            pacer.on_packet_sent(300);
            audio += 300;
            video += ticks(&mut pacer, &mut now, 5).iter().sum::<usize>();
        }
        let rate = (video + audio) * 8 / 2;
        assert!((950_000..1_050_000).contains(&rate), "{rate}");
    }

    #[test]
    fn an_overdraft_delays_packets_by_half_a_second_at_most() {
        let now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(now, Some(100_000));
        pacer.on_packet_sent(1_000_000);
        assert!(!pacer.may_send(now));
        assert!(pacer.may_send(now + Duration::from_millis(501)));
    }

    #[test]
    fn a_packet_may_be_sent_at_the_announced_time() {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now);
        for rate in [None, Some(64_000), Some(2_500_000), Some(0)] {
            pacer.set_rate(now, rate);
            for _ in 0..100 {
                while pacer.may_send(now) {
                    pacer.on_packet_sent(PACKET);
                }
                let next = pacer.next(now);
                assert!(next > now && next < now + Duration::from_secs(86_400));
                assert!(rate == Some(0) || pacer.may_send(next));
                now = next;
            }
        }
    }
}

//! When the next packet to a viewer may go.

use std::time::{Duration, Instant};

/// Two buckets of bytes that fill with time: a fast one that shapes bursts, and a slow one that holds the average.
///
/// Sound asks nobody: it goes at once, and is counted by [`on_packet_sent`](Self::on_packet_sent).
#[derive(Debug)]
pub struct Pacer {
    now: Instant,
    /// Bits a second; `None` while nobody knows what the viewer's network can carry.
    rate: Option<f64>,
    burst: Bucket,
    average: Bucket,
}

/// What may go, in bytes; below zero after more has gone.
#[derive(Debug)]
struct Bucket {
    bytes: f64,
}

/// Before there is an estimate, in bits a second: a keyframe of 100 kB takes 40 ms.
const UNKNOWN: f64 = 20_000_000.0;
/// A picture may go this much faster than the estimate, for it is followed by a pause. Faster, and with more of it, the queue that builds
/// up on a link of little more than the stream needs looks like congestion.
const BURST: f64 = 1.5;
/// How much time each bucket holds. Ticks are 5 ms, and may be late once.
const BURST_SPAN: Duration = Duration::from_millis(10);
const AVERAGE_SPAN: Duration = Duration::from_millis(50);
/// A bucket holds two packets at least.
const LEAST: f64 = 2.0 * 1250.0;
/// What has gone already holds the rest up for so long at most.
const DEBT: Duration = Duration::from_millis(500);

impl Pacer {
    pub fn new(now: Instant) -> Self {
        let mut pacer = Self {
            now,
            rate: None,
            burst: Bucket { bytes: 0.0 },
            average: Bucket { bytes: 0.0 },
        };
        pacer.fill(Duration::from_secs(1));
        pacer
    }

    /// What the viewer's network carries, in bits a second, as of `now`.
    pub fn set_rate(&mut self, now: Instant, rate: Option<u64>) {
        self.advance(now);
        self.rate = rate.map(|rate| rate.max(1) as f64);
        self.fill(Duration::ZERO);
    }

    pub fn may_send(&mut self, now: Instant) -> bool {
        self.advance(now);
        self.burst.bytes > 0.0 && self.average.bytes > 0.0
    }

    /// So many bytes have gone, of pictures or of sound.
    pub fn on_packet_sent(&mut self, bytes: usize) {
        let (fast, slow) = self.rates();
        self.burst.take(bytes, fast);
        self.average.take(bytes, slow);
    }

    /// When [`may_send`](Self::may_send) next says yes, unless something is sent before: not before `now`.
    pub fn next(&self, now: Instant) -> Instant {
        let (fast, slow) = self.rates();
        let wait = self.burst.wait(fast).max(self.average.wait(slow));
        (self.now + wait).max(now)
    }

    /// Of the two buckets, in bytes a second.
    fn rates(&self) -> (f64, f64) {
        match self.rate {
            Some(rate) => (BURST * rate / 8.0, rate / 8.0),
            None => (UNKNOWN / 8.0, UNKNOWN / 8.0),
        }
    }

    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.now);
        self.now = self.now.max(now);
        self.fill(passed);
    }

    fn fill(&mut self, passed: Duration) {
        let (fast, slow) = self.rates();
        self.burst.fill(passed, fast, BURST_SPAN);
        self.average.fill(passed, slow, AVERAGE_SPAN);
    }
}

impl Bucket {
    fn fill(&mut self, passed: Duration, rate: f64, span: Duration) {
        let most = (rate * span.as_secs_f64()).max(LEAST);
        self.bytes = (self.bytes + rate * passed.as_secs_f64()).min(most);
    }

    fn take(&mut self, bytes: usize, rate: f64) {
        let least = -(rate * DEBT.as_secs_f64()).max(LEAST);
        self.bytes = (self.bytes - bytes as f64).max(least.min(self.bytes));
    }

    fn wait(&self, rate: f64) -> Duration {
        if self.bytes > 0.0 {
            return Duration::ZERO;
        }
        // A microsecond over, so that the bucket is above zero then.
        Duration::from_secs_f64(-self.bytes / rate) + Duration::from_micros(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(5);
    const PACKET: usize = 1200;

    /// Bytes that go in each of so many ticks, when there is always something to send.
    fn ticks(pacer: &mut Pacer, now: &mut Instant, count: usize) -> Vec<usize> {
        let mut gone = Vec::new();
        for _ in 0..count {
            *now += TICK;
            let mut bytes = 0;
            while pacer.may_send(*now) {
                pacer.on_packet_sent(PACKET);
                bytes += PACKET;
            }
            gone.push(bytes);
        }
        gone
    }

    #[test]
    fn a_first_keyframe_takes_some_tens_of_milliseconds() {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now);
        let gone = ticks(&mut pacer, &mut now, 8);
        let all: usize = gone.iter().sum();
        assert!((90_000..200_000).contains(&all), "{gone:?}");
        assert!(gone.iter().skip(1).all(|bytes| *bytes < 20_000), "{gone:?}");
    }

    #[test]
    fn the_average_is_the_estimate_and_a_burst_is_little_more() {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(now, Some(2_000_000));
        now += Duration::from_secs(3);
        let burst: usize = ticks(&mut pacer, &mut now, 10).iter().sum();
        // 50 ms at 2.5 times the rate would be 31 kB.
        assert!((12_500..28_000).contains(&burst), "{burst}");
        let second: usize = ticks(&mut pacer, &mut now, 200).iter().sum();
        assert!((240_000..260_000).contains(&second), "{second}");
    }

    #[test]
    fn sound_is_counted() {
        let mut now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(now, Some(1_000_000));
        ticks(&mut pacer, &mut now, 200);
        let (mut pictures, mut sound) = (0, 0);
        for _ in 0..100 {
            pacer.on_packet_sent(300);
            sound += 300;
            pictures += ticks(&mut pacer, &mut now, 4).iter().sum::<usize>();
        }
        let rate = (pictures + sound) * 8 / 2;
        assert!((950_000..1_050_000).contains(&rate), "{rate}");
    }

    #[test]
    fn a_debt_is_forgotten_after_half_a_second() {
        let now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(now, Some(100_000));
        pacer.on_packet_sent(1_000_000);
        assert!(!pacer.may_send(now));
        assert!(pacer.may_send(now + Duration::from_millis(501)));
    }

    #[test]
    fn it_may_go_when_it_says() {
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

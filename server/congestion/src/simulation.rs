//! For tests: a link with a bottleneck, a stream that is paced and sent over it as by a shard, and the feedback of its viewer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::estimator::BandwidthEstimator;
use super::pacer::Pacer;
use super::rtcp::{Item, read};
use super::twcc_history::TwccHistory;

/// Properties of the link.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedLink {
    /// 0: the link is cut.
    pub(super) rate_bps: f64,
    /// The capacity of the queue before it.
    pub(super) queue_ms: f64,
    /// The part of the packets that is lost at random.
    pub(super) loss: f64,
    /// One way; both directions are alike.
    pub(super) delay_ms: u64,
    /// The maximum of a random additional delay, which keeps the order.
    pub(super) jitter_ms: f64,
    /// In every second the link delivers nothing for this long, and then all waiting packets at once.
    pub(super) stall_ms: u64,
}

impl SimulatedLink {
    pub(super) fn of(rate_bps: f64) -> Self {
        Self {
            rate_bps,
            queue_ms: 100.0,
            loss: 0.0,
            delay_ms: 20,
            jitter_ms: 0.0,
            stall_ms: 0,
        }
    }
}

struct Packet {
    number: u16,
    bytes: usize,
    arrives: Instant,
}

pub(super) struct Simulation {
    start: Instant,
    now: Instant,
    pub(super) link: SimulatedLink,
    stream_bps: f64,
    random: u64,
    history: TwccHistory,
    estimator: BandwidthEstimator,
    pacer: Pacer,
    /// Packets that wait for the pacer: since when, and their bytes.
    backlog: VecDeque<(Instant, usize)>,
    next_frame: Instant,
    frames: u32,
    /// When the link has transmitted everything in its queue.
    busy_until: Instant,
    in_flight: VecDeque<Packet>,
    received: Vec<(u16, Instant)>,
    /// The first packet of the next feedback.
    next_reported: u16,
    next_feedback: Instant,
    feedback: VecDeque<(Instant, Vec<u8>)>,
    arrived: usize,
    /// In bytes, like `lost` and `arrived`.
    pub(super) sent: usize,
    pub(super) lost: usize,
    /// The longest wait of a packet in the queue.
    pub(super) longest_queue: Duration,
    /// The longest wait of a packet, in the pacer and in the queue.
    pub(super) longest_wait: Duration,
}

const FRAMES_PER_SECOND: u32 = 30;
const GOP: u32 = 60;
/// A keyframe is this many times the size of another frame.
const KEYFRAME_SIZE: f64 = 8.0;
/// The time between two polls: a tick of a shard that is slightly late.
const STEP: Duration = Duration::from_millis(5);
/// As browsers do.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);

impl Simulation {
    /// `seed`: for the random numbers.
    pub(super) fn new(link: SimulatedLink, stream_bps: f64, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            link,
            stream_bps,
            random: 7919 * seed,
            history: TwccHistory::new(now),
            estimator: BandwidthEstimator::new(now),
            pacer: Pacer::new(now),
            backlog: VecDeque::new(),
            next_frame: now,
            frames: 0,
            busy_until: now,
            in_flight: VecDeque::new(),
            received: Vec::new(),
            next_reported: 0,
            next_feedback: now,
            feedback: VecDeque::new(),
            arrived: 0,
            sent: 0,
            lost: 0,
            longest_queue: Duration::ZERO,
            longest_wait: Duration::ZERO,
        }
    }

    /// Runs for some seconds. Returns the estimate of every 100 ms, 0 for none, and the arrival rate, both in bits a second.
    pub(super) fn run(&mut self, seconds: f64) -> (Vec<f64>, f64) {
        (self.sent, self.lost) = (0, 0);
        (self.longest_queue, self.longest_wait) = (Duration::ZERO, Duration::ZERO);
        let before = self.arrived;
        let mut estimates = Vec::new();
        for _ in 0..(seconds * 10.0) as usize {
            (0..25).for_each(|_| self.tick());
            let estimate = self.estimator.bitrate_bps(self.now);
            estimates.push(estimate.unwrap_or(0) as f64);
        }
        (estimates, (self.arrived - before) as f64 * 8.0 / seconds)
    }

    fn tick(&mut self) {
        self.now += STEP;
        let now = self.now;
        while self.next_frame <= now {
            self.next_frame += Duration::from_secs(1) / FRAMES_PER_SECOND;
            self.frame();
        }
        while self.feedback.front().is_some_and(|(at, _)| *at <= now) {
            let (_, packet) = self.feedback.pop_front().expect("there is one");
            read(&packet, |item| {
                if let Item::Twcc(feedback) = item {
                    let results = self.history.match_feedback(now, &feedback);
                    self.estimator.on_feedback(now, results);
                }
            });
        }
        self.pacer.set_rate(now, self.estimator.bitrate_bps(now));
        while !self.backlog.is_empty() && self.pacer.may_send(now) {
            let (since, bytes) = self.backlog.pop_front().expect("it is not empty");
            self.send(since, bytes);
        }
        self.receive();
    }

    /// Queues the packets of the next frame. A viewer that is a second behind waits for a keyframe.
    fn frame(&mut self) {
        let usual = self.stream_bps / 8.0 / f64::from(FRAMES_PER_SECOND) * f64::from(GOP);
        let usual = usual / (f64::from(GOP) - 1.0 + KEYFRAME_SIZE);
        let keyframe = self.frames.is_multiple_of(GOP);
        self.frames += 1;
        let size = if keyframe {
            KEYFRAME_SIZE
        } else {
            0.7 + 0.6 * self.random()
        };
        let waiting = self.backlog.iter().map(|(_, bytes)| bytes).sum::<usize>();
        let behind = waiting as f64 * 8.0 / self.stream_bps;
        if keyframe && behind > 0.5 {
            self.backlog.clear();
        } else if behind > 1.0 {
            return;
        }
        let mut bytes = (usual * size) as usize;
        while bytes > 0 {
            let packet = bytes.min(1200);
            self.backlog.push_back((self.now, packet));
            bytes -= packet;
        }
    }

    fn send(&mut self, since: Instant, bytes: usize) {
        let now = self.now;
        let number = self.history.add(now, bytes);
        self.estimator.on_packets_sent(now, bytes);
        self.pacer.on_packet_sent(bytes);
        self.sent += bytes;
        let queued = self.busy_until.saturating_duration_since(now);
        let full = queued.as_secs_f64() * 1000.0 > self.link.queue_ms;
        if self.link.rate_bps == 0.0 || full || self.random() < self.link.loss {
            self.lost += bytes;
            return;
        }
        self.longest_queue = self.longest_queue.max(queued);
        self.longest_wait = self.longest_wait.max(queued + (now - since));
        let passing = Duration::from_secs_f64(bytes as f64 * 8.0 / self.link.rate_bps);
        self.busy_until = self.busy_until.max(now) + passing;
        let jitter = Duration::from_secs_f64(self.random() * self.link.jitter_ms / 1000.0);
        let mut arrives = self.busy_until + Duration::from_millis(self.link.delay_ms) + jitter;
        let within = (arrives - self.start).as_millis() as u64 % 1000;
        arrives += Duration::from_millis(self.link.stall_ms.saturating_sub(within));
        let last = self.in_flight.back().map_or(arrives, |last| last.arrives);
        self.in_flight.push_back(Packet {
            number,
            bytes,
            arrives: arrives.max(last),
        });
    }

    fn receive(&mut self) {
        let now = self.now;
        while let Some(packet) = self.in_flight.pop_front_if(|packet| packet.arrives <= now) {
            self.arrived += packet.bytes;
            self.received.push((packet.number, packet.arrives));
        }
        if now < self.next_feedback {
            return;
        }
        self.next_feedback = now + FEEDBACK_INTERVAL;
        let Some((last, _)) = self.received.last() else {
            return;
        };
        let end = last.wrapping_add(1);
        let packet = feedback(self.start, self.next_reported, end, &self.received);
        self.next_reported = end;
        self.received.clear();
        let arrives = now + Duration::from_millis(self.link.delay_ms);
        self.feedback.push_back((arrives, packet));
    }

    /// A random number from 0 to 1 (xorshift).
    fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Transport-wide feedback on the packets from `base` to `end`, of which `received` arrived.
fn feedback(start: Instant, base: u16, end: u16, received: &[(u16, Instant)]) -> Vec<u8> {
    let ticks = |at: Instant| (at.duration_since(start).as_micros() / 250) as i64;
    let count = end.wrapping_sub(base);
    let reference = ticks(received[0].1) / 256;
    let mut at = reference * 256;
    let mut received = received.iter().peekable();
    let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
    for number in (0..count).map(|offset| base.wrapping_add(offset)) {
        match received.next_if(|(arrived, _)| *arrived == number) {
            None => symbols.push(0u16),
            Some((_, arrived)) => {
                symbols.push(2);
                deltas.extend(((ticks(*arrived) - at) as i16).to_be_bytes());
                at = ticks(*arrived);
            }
        }
    }
    let mut body = vec![0; 8];
    body.extend(base.to_be_bytes());
    body.extend(count.to_be_bytes());
    body.extend(((reference as u32) << 8).to_be_bytes());
    for symbols in symbols.chunks(7) {
        let symbols = symbols.iter().enumerate();
        let chunk = symbols.fold(0xc000, |chunk, (index, symbol)| {
            chunk | symbol << (12 - 2 * index)
        });
        body.extend(u16::to_be_bytes(chunk));
    }
    body.extend(deltas);
    body.resize(body.len().next_multiple_of(4), 0);
    let mut packet = vec![0x8f, 205];
    packet.extend(((body.len() / 4) as u16).to_be_bytes());
    packet.extend(body);
    packet
}

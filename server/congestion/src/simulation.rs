//! For tests: a link with a bottleneck, a stream that is sent over it as a shard would, and the viewer's feedback.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::estimator::BandwidthEstimator;
use super::pacer::{Pacer, TICK};
use super::rtcp::{Item, read};
use super::twcc_history::TwccHistory;

/// What the network is like for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedLink {
    /// Bits a second; 0: cut.
    pub(super) rate: f64,
    /// The queue before it, in milliseconds.
    pub(super) queue: f64,
    /// The part of the packets that is lost, at random.
    pub(super) loss: f64,
    /// One way, in milliseconds; both ways are alike.
    pub(super) delay: u64,
    /// Up to so many milliseconds more, at random, without changing the order.
    pub(super) jitter: f64,
    /// Of every second nothing passes for so many milliseconds, and then all that waits at once.
    pub(super) stall: u64,
}

impl SimulatedLink {
    pub(super) fn of(rate: f64) -> Self {
        Self {
            rate,
            queue: 100.0,
            loss: 0.0,
            delay: 20,
            jitter: 0.0,
            stall: 0,
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
    /// Bits a second that the stream has.
    stream: f64,
    random: u64,
    log: TwccHistory,
    estimator: BandwidthEstimator,
    pacer: Pacer,
    /// Packets that wait for the pacer, and since when.
    backlog: VecDeque<(Instant, usize)>,
    next_picture: Instant,
    pictures: u32,
    /// When the link has passed on all that it took.
    busy: Instant,
    flying: VecDeque<Packet>,
    received: Vec<(u16, Instant)>,
    told: u16,
    next_feedback: Instant,
    feedback: VecDeque<(Instant, Vec<u8>)>,
    arrived: usize,
    /// Bytes.
    pub(super) sent: usize,
    pub(super) lost: usize,
    /// The longest that a packet has waited in the queue, and for the pacer before that.
    pub(super) longest_queue: Duration,
    pub(super) longest: Duration,
}

const PICTURES: u32 = 30;
const GOP: u32 = 60;
/// How many times the size of another picture.
const KEYFRAME: f64 = 8.0;
/// What browsers do.
const FEEDBACK_EVERY: Duration = Duration::from_millis(100);

impl Simulation {
    /// `seed`: of what is random.
    pub(super) fn new(link: SimulatedLink, stream: f64, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            link,
            stream,
            random: 7919 * seed,
            log: TwccHistory::new(now),
            estimator: BandwidthEstimator::new(now),
            pacer: Pacer::new(now),
            backlog: VecDeque::new(),
            next_picture: now,
            pictures: 0,
            busy: now,
            flying: VecDeque::new(),
            received: Vec::new(),
            told: 0,
            next_feedback: now,
            feedback: VecDeque::new(),
            arrived: 0,
            sent: 0,
            lost: 0,
            longest_queue: Duration::ZERO,
            longest: Duration::ZERO,
        }
    }

    /// The estimate every 100 ms of so many seconds, 0 for none, and how many bits a second arrived.
    pub(super) fn run(&mut self, seconds: f64) -> (Vec<f64>, f64) {
        (self.sent, self.lost) = (0, 0);
        (self.longest_queue, self.longest) = (Duration::ZERO, Duration::ZERO);
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
        self.now += TICK;
        let now = self.now;
        while self.next_picture <= now {
            self.next_picture += Duration::from_secs(1) / PICTURES;
            self.picture();
        }
        while self.feedback.front().is_some_and(|(at, _)| *at <= now) {
            let (_, packet) = self.feedback.pop_front().expect("there is one");
            read(&packet, |item| {
                if let Item::Twcc(feedback) = item {
                    let results = self.log.match_feedback(now, &feedback);
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

    /// A viewer that is a second behind waits for a keyframe.
    fn picture(&mut self) {
        let usual = self.stream / 8.0 / f64::from(PICTURES) * f64::from(GOP);
        let usual = usual / (f64::from(GOP) - 1.0 + KEYFRAME);
        let keyframe = self.pictures.is_multiple_of(GOP);
        self.pictures += 1;
        let size = if keyframe {
            KEYFRAME
        } else {
            0.7 + 0.6 * self.chance()
        };
        let waiting = self.backlog.iter().map(|(_, bytes)| bytes).sum::<usize>();
        let behind = waiting as f64 * 8.0 / self.stream;
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
        let number = self.log.add(now, bytes);
        self.estimator.on_packet_sent(now, bytes);
        self.pacer.on_packet_sent(bytes);
        self.sent += bytes;
        let queued = self.busy.saturating_duration_since(now);
        let full = queued.as_secs_f64() * 1000.0 > self.link.queue;
        if self.link.rate == 0.0 || full || self.chance() < self.link.loss {
            self.lost += bytes;
            return;
        }
        self.longest_queue = self.longest_queue.max(queued);
        self.longest = self.longest.max(queued + (now - since));
        let passing = Duration::from_secs_f64(bytes as f64 * 8.0 / self.link.rate);
        self.busy = self.busy.max(now) + passing;
        let jitter = Duration::from_secs_f64(self.chance() * self.link.jitter / 1000.0);
        let mut arrives = self.busy + Duration::from_millis(self.link.delay) + jitter;
        let within = (arrives - self.start).as_millis() as u64 % 1000;
        arrives += Duration::from_millis(self.link.stall.saturating_sub(within));
        let last = self.flying.back().map_or(arrives, |last| last.arrives);
        self.flying.push_back(Packet {
            number,
            bytes,
            arrives: arrives.max(last),
        });
    }

    fn receive(&mut self) {
        let now = self.now;
        while let Some(packet) = self.flying.pop_front_if(|packet| packet.arrives <= now) {
            self.arrived += packet.bytes;
            self.received.push((packet.number, packet.arrives));
        }
        if now < self.next_feedback {
            return;
        }
        self.next_feedback = now + FEEDBACK_EVERY;
        let Some((last, _)) = self.received.last() else {
            return;
        };
        let end = last.wrapping_add(1);
        let packet = feedback(self.start, self.told, end, &self.received);
        self.told = end;
        self.received.clear();
        let arrives = now + Duration::from_millis(self.link.delay);
        self.feedback.push_back((arrives, packet));
    }

    /// From 0 to 1: xorshift.
    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Transport-wide feedback on the packets from `base` to `end`, of which these arrived.
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

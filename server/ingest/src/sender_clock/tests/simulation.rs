//! A sender with clocks of its own, and its way to us.

use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::api::Codec;

use crate::reception::ReceivedSenderReport;
use crate::rtcp::SenderInfo;
use crate::sender_clock::SenderClock;
use crate::sequence::TimestampExtender;
use crate::unit::ReceivedUnit;

pub(super) const SSRC: u32 = 7;
pub(super) const SECOND: i64 = 1_000_000;
/// Seconds from 1900 to a day in 2026.
pub(super) const TODAY: i64 = 3_990_000_000 * SECOND;

/// A track of a simulated sender, whose crystal is not ours. All times are in microseconds.
pub(super) struct Track {
    pub(super) codec: Codec,
    pub(super) ssrc: u32,
    /// From one unit to the next.
    pub(super) interval: i64,
    /// The RTP timestamp at time 0.
    pub(super) first: u32,
    /// From the capture of a unit to the arrival of its last packet, without jitter.
    pub(super) delay: i64,
    /// The next unit is taken then.
    pub(super) next: i64,
    pub(super) extender: TimestampExtender,
    /// The newest sender report.
    pub(super) report: Option<ReceivedSenderReport>,
    pub(super) next_report: i64,
}

pub(super) struct Simulation {
    pub(super) start: Instant,
    pub(super) clock: SenderClock,
    pub(super) tracks: Vec<Track>,
    /// How much faster the sender's clocks run.
    pub(super) drift_ppm: i64,
    /// NTP time at time 0.
    pub(super) ntp: i64,
    pub(super) jitter: i64,
    /// In percent.
    pub(super) lost_reports: u64,
    pub(super) rng: u64,
}

/// A unit that was given a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) track: usize,
    pub(super) taken: i64,
    pub(super) arrived: i64,
    pub(super) time: i64,
}

impl Track {
    pub(super) fn new(codec: Codec, first: u32, delay: i64) -> Self {
        Self {
            codec,
            ssrc: SSRC,
            interval: if codec.is_video() { 40_000 } else { 20_000 },
            first,
            delay,
            next: 0,
            extender: TimestampExtender::default(),
            report: None,
            next_report: i64::MAX,
        }
    }

    pub(super) fn reporting(self) -> Self {
        Self {
            next_report: SECOND,
            ..self
        }
    }

    /// On the clock of the sender.
    fn rtp(&self, sender_time: i64) -> u32 {
        let ticks = i128::from(sender_time) * i128::from(self.codec.clock_rate()) / 1_000_000;
        self.first.wrapping_add(ticks as u32)
    }
}

impl Simulation {
    pub(super) fn new(tracks: Vec<Track>) -> Self {
        let start = Instant::now();
        Self {
            start,
            clock: SenderClock::new(start),
            tracks,
            drift_ppm: 0,
            ntp: TODAY,
            jitter: 0,
            lost_reports: 0,
            rng: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn sender_time(&self, at: i64) -> i64 {
        at + at / 1_000_000 * self.drift_ppm + at % 1_000_000 * self.drift_ppm / 1_000_000
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        // xorshift64
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        self.rng % below.max(1)
    }

    /// Sends until this time.
    pub(super) fn run(&mut self, until: i64) -> Vec<Timed> {
        let mut units = Vec::new();
        loop {
            let next = (0..self.tracks.len()).min_by_key(|track| self.tracks[*track].next);
            let track = next.expect("there is a track");
            if self.tracks[track].next >= until {
                return units;
            }
            units.push(self.send(track));
        }
    }

    fn send(&mut self, track: usize) -> Timed {
        let jitter = self.random(self.jitter.unsigned_abs()) as i64;
        let is_lost = self.random(100) < self.lost_reports;
        let taken = self.tracks[track].next;
        let sender_time = self.sender_time(taken);
        let ntp = self.ntp + sender_time;
        let instant = |at: i64| self.start + Duration::from_micros(at.unsigned_abs());
        let sender = &mut self.tracks[track];
        sender.next += sender.interval;
        if taken >= sender.next_report {
            sender.next_report += 5 * SECOND;
            let info = SenderInfo {
                ssrc: sender.ssrc,
                ntp: ((ntp as u128) << 32).div_ceil(1_000_000) as u64,
                rtp: sender.rtp(sender_time),
                packets: 0,
                octets: 0,
            };
            if !is_lost {
                sender.report = Some(ReceivedSenderReport {
                    info,
                    arrived: instant(taken + 20_000),
                });
            }
        }
        let arrived = taken + sender.delay + jitter;
        let unit = ReceivedUnit {
            codec: sender.codec,
            rtp_time: sender.extender.extend(sender.rtp(sender_time)),
            arrived: instant(arrived),
            keyframe: true,
            data: Bytes::new(),
            sps: None,
        };
        let (ssrc, report) = (sender.ssrc, sender.report);
        let time = self.clock.time(track, ssrc, &unit, report);
        Timed {
            track,
            taken,
            arrived,
            time: self.clock.micros(time),
        }
    }
}

//! One clock for all tracks of a sender: when each unit was taken, on our clock.
//!
//! RTP times of two tracks have nothing to do with each other. What is known of them:
//!
//! - when their units come. The network only makes them later, so the units that came soonest tell where our clock stands
//!   (`ArrivalFilter`);
//! - what the sender's wall clock says, if its reports are to be relied on (`WallClock`): then all tracks follow the one whose units come soonest by that clock.
//!
//! The time of a track advances as its RTP time does, and is corrected when it is away from where it should be: in small steps, never backwards. Sound is
//! stepped seldom, because each step is a packet that a viewer's decoder drops or makes up. When it is very far away (the sender's RTP clock has jumped, or has
//! stood still), or another SSRC begins, it begins anew at the arrival: the other tracks are not disturbed.

mod arrival_filter;
mod wall_clock;

use std::time::{Duration, Instant};

use arrival_filter::ArrivalFilter;
use wall_clock::WallClock;

use crate::reception::ReceivedSenderReport;
use crate::unit::ReceivedUnit;

/// All times are in microseconds.
#[derive(Debug)]
pub struct SenderClock {
    start: Instant,
    /// By m-line.
    tracks: Vec<Option<TrackClock>>,
}

#[derive(Debug)]
struct TrackClock {
    ssrc: u32,
    clock_rate: u32,
    arrivals: ArrivalFilter,
    wall_clock: WallClock,
    /// From RTP time to time.
    offset: i64,
    /// The highest RTP time, the time that it was given, and when it came.
    newest_rtp: i64,
    newest: i64,
    newest_arrival: i64,
    /// When sound may be stepped again.
    may_step: i64,
}

/// Less is left as it is, and the steps are those of the RTP clock.
const TOLERANCE: i64 = 8_000;
/// The longest step, besides a quarter of what the RTP time has advanced.
const MAX_STEP: i64 = 8_000;
/// Between two steps of sound: with 5 ms for each packet of 20 ms, 2.5 % of drift are followed.
const AUDIO_STEP_INTERVAL: i64 = 200_000;
/// A track that is farther away begins anew.
const MAX_ERROR: i64 = 1_000_000;
/// Of two tracks one may come later than the other by this much; more means that the reports are wrong.
const MAX_SKEW: i64 = 1_000_000;
/// A track without units for this long tells nothing of our clock.
const SILENCE: i64 = 10_000_000;

impl SenderClock {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            tracks: Vec::new(),
        }
    }

    /// When a unit was taken (for video: its presentation time), plus the least time that the units of this sender are on their way.
    ///
    /// `track`: a small number. `report`: the newest sender report of the SSRC.
    pub fn time(
        &mut self,
        track: usize,
        ssrc: u32,
        unit: &ReceivedUnit,
        report: Option<ReceivedSenderReport>,
    ) -> Instant {
        let now = self.micros(unit.arrived);
        let clock_rate = unit.codec.clock_rate();
        let rtp = rtp_micros(unit.rtp_time, clock_rate);
        if self.tracks.len() <= track {
            self.tracks.resize_with(track + 1, || None);
        }
        let before = self.tracks[track].take();
        let newest = before.as_ref().map_or(i64::MIN, |before| before.newest);
        let mut clock = match before {
            Some(clock) if clock.continues(ssrc, clock_rate, rtp) => clock,
            _ => TrackClock::new(ssrc, clock_rate, rtp, now, newest),
        };
        clock.arrivals.add(now, now - rtp);
        if let Some(report) = report {
            let behind = report.info.rtp.wrapping_sub(unit.rtp_time as u32) as i32;
            let extended = rtp_micros(unit.rtp_time + i64::from(behind), clock_rate);
            let arrived = self.micros(report.arrived);
            clock.wall_clock.set_report(report, arrived, extended);
        }
        let target = self.target(&clock, now);
        let time = clock.time(rtp, now, target, unit.codec.is_video());
        self.tracks[track] = Some(clock);
        self.instant(time)
    }

    /// Where the offset of a track should be.
    fn target(&self, clock: &TrackClock, now: i64) -> i64 {
        let own = clock.arrivals.least().unwrap_or(clock.offset);
        let Some(lateness) = clock.lateness(now) else {
            return own;
        };
        let others = self.tracks.iter().flatten();
        let others = others.filter(|other| now - other.newest_arrival <= SILENCE);
        let others = others.filter_map(|other| other.lateness(now));
        let soonest = others
            .filter(|other| lateness - other <= MAX_SKEW)
            .fold(lateness, i64::min);
        own - (lateness - soonest)
    }

    fn micros(&self, at: Instant) -> i64 {
        let after = at.saturating_duration_since(self.start).as_micros() as i64;
        let before = self.start.saturating_duration_since(at).as_micros() as i64;
        after - before
    }

    fn instant(&self, micros: i64) -> Instant {
        let distance = Duration::from_micros(micros.unsigned_abs());
        let instant = if micros >= 0 {
            self.start.checked_add(distance)
        } else {
            self.start.checked_sub(distance)
        };
        instant.unwrap_or(self.start)
    }
}

impl TrackClock {
    /// `newest`: the newest time of what the m-line received before.
    fn new(ssrc: u32, clock_rate: u32, rtp: i64, now: i64, newest: i64) -> Self {
        Self {
            ssrc,
            clock_rate,
            arrivals: ArrivalFilter::default(),
            wall_clock: WallClock::default(),
            offset: now.max(newest.saturating_add(1)) - rtp,
            newest_rtp: rtp - 1,
            newest,
            newest_arrival: now,
            may_step: now,
        }
    }

    /// Not after another SSRC, nor after an RTP time that is farther back than pictures are reordered.
    fn continues(&self, ssrc: u32, clock_rate: u32, rtp: i64) -> bool {
        (self.ssrc, self.clock_rate) == (ssrc, clock_rate) && rtp >= self.newest_rtp - MAX_ERROR
    }

    /// When its units come, by the sender's wall clock.
    fn lateness(&self, now: i64) -> Option<i64> {
        Some(self.arrivals.least()? - self.wall_clock.ahead(now)?)
    }

    /// The time of a unit. Corrects the offset first, unless the unit is presented before another one that came already.
    fn time(&mut self, rtp: i64, now: i64, target: i64, is_video: bool) -> i64 {
        let error = target - self.offset;
        let begins_anew = error.abs() > MAX_ERROR;
        if begins_anew {
            // What the reports said is of the time before.
            self.wall_clock = WallClock::default();
            self.offset = target.max(self.newest.saturating_add(1) - rtp);
        } else if rtp > self.newest_rtp {
            self.step(rtp, now, error, is_video);
        }
        if begins_anew || rtp > self.newest_rtp {
            self.newest_rtp = rtp;
            self.newest = rtp + self.offset;
        }
        self.newest_arrival = now;
        rtp + self.offset
    }

    fn step(&mut self, rtp: i64, now: i64, error: i64, is_video: bool) {
        if error.abs() > TOLERANCE && (is_video || now >= self.may_step) {
            let step = MAX_STEP.min((rtp - self.newest_rtp) / 4);
            self.offset += error.clamp(-step, step);
            self.may_step = now + AUDIO_STEP_INTERVAL;
        }
    }
}

/// An RTP time in microseconds.
fn rtp_micros(rtp_time: i64, clock_rate: u32) -> i64 {
    (i128::from(rtp_time) * 1_000_000 / i128::from(clock_rate)) as i64
}

#[cfg(test)]
mod tests;

//! What a publisher should change: in the settings of its encoder, or in its line. Pure.

mod clock_drift;
mod keyframe_interval;
mod silence;
mod uplink_queue;

use std::time::{Duration, Instant};

use clock_drift::ClockDrift;
use ingest::connection_receiver::{LineParams, LineUnit};
use ingest::receiver::ReceiverCounters;
use keyframe_interval::KeyframeInterval;
use media::access_unit::AccessUnit;
use media::time::MediaTime;
use media::track::TrackId;
use net::routes::Remote;
use shared::api::PublisherWarning;
use silence::Silence;
use uplink_queue::UplinkQueue;

/// In microseconds. A clock that is corrected is no picture out of order.
const REORDERED: i64 = 5_000;
/// Losses are counted over this time.
const LOSS_WINDOW: Duration = Duration::from_secs(10);
/// So many percent of packets were lost at first.
const HIGH_LOSS: u64 = 2;

/// Of one session.
#[derive(Debug)]
pub(super) struct EncoderHealth {
    /// Of the video.
    track: Option<TrackId>,
    keyframes: KeyframeInterval,
    newest: Option<MediaTime>,
    b_frames: bool,
    loss: LossWindow,
    queue: UplinkQueue,
    /// Of each m-line.
    clocks: Vec<ClockDrift>,
    silence: Silence,
}

#[derive(Debug)]
struct LossWindow {
    began: Instant,
    /// Packets that had been sent when it began, and those of them that were lost at first.
    sent: u64,
    missing: u64,
    /// In the window before.
    is_high: bool,
}

impl EncoderHealth {
    pub(super) fn new(lines: &[LineParams], now: Instant) -> Self {
        let sends = |line: &LineParams, video: bool| {
            let mut formats = line.formats.iter();
            formats.any(|format| format.codec.is_video() == video)
        };
        let has_sound = lines.iter().any(|line| sends(line, false));
        let takes_requests = lines.iter().any(|line| line.pli && sends(line, true));
        Self {
            track: None,
            keyframes: KeyframeInterval::new(takes_requests),
            newest: None,
            b_frames: false,
            loss: LossWindow {
                began: now,
                sent: 0,
                missing: 0,
                is_high: false,
            },
            queue: UplinkQueue::default(),
            clocks: lines.iter().map(|_| ClockDrift::new(now)).collect(),
            silence: Silence::new(has_sound),
        }
    }

    /// The next unit of an m-line, as it was received.
    pub(super) fn on_received(&mut self, unit: &LineUnit) {
        if let Some(clock) = self.clocks.get_mut(unit.line) {
            clock.on_unit(unit);
        }
    }

    /// The next unit, in the order of decoding. Nothing follows from the distance of two tracks.
    pub(super) fn on_unit(&mut self, track: TrackId, unit: &AccessUnit) {
        self.silence.on_unit(unit);
        if !unit.codec.is_video() {
            return;
        }
        if self.track.replace(track) != Some(track) {
            self.keyframes.on_other_track();
            self.newest = None;
        }
        self.keyframes.on_picture(unit.time, unit.keyframe);
        let newest = self.newest.unwrap_or(unit.time);
        self.b_frames |= unit.time.0 + REORDERED < newest.0;
        self.newest = Some(newest.max(unit.time));
    }

    /// The parameter sets say so, or slices; RTP times need not.
    pub(super) fn on_b_frames(&mut self) {
        self.b_frames = true;
    }

    /// The counters of all receivers together.
    pub(super) fn on_counters(&mut self, now: Instant, counters: &ReceiverCounters) {
        let loss = &mut self.loss;
        if now.saturating_duration_since(loss.began) < LOSS_WINDOW {
            return;
        }
        let sent = counters.packets + counters.lost;
        let missing = counters.recovered + counters.lost;
        let is_high =
            100 * missing.saturating_sub(loss.missing) > HIGH_LOSS * sent.saturating_sub(loss.sent);
        *loss = LossWindow {
            began: now,
            sent,
            missing,
            is_high,
        };
    }

    /// The round trip of the selected path was measured.
    pub(super) fn on_round_trip(&mut self, path: Remote, rtt: Duration) {
        self.queue.on_round_trip(path, rtt);
    }

    /// The track whose encoder is to be asked for a keyframe, to learn whether it answers; once for each need.
    pub(super) fn take_keyframe_wanted(&mut self) -> Option<TrackId> {
        self.track.filter(|_| self.keyframes.take_wanted())
    }

    pub(super) fn warnings(&self) -> Vec<PublisherWarning> {
        let warnings = [
            (self.keyframes.is_long(), PublisherWarning::LongGop),
            (self.b_frames, PublisherWarning::BFrames),
            (self.loss.is_high, PublisherWarning::UplinkLoss),
            (self.queue.is_long(), PublisherWarning::UplinkLow),
            (
                self.clocks.iter().any(ClockDrift::is_large),
                PublisherWarning::ClockDrift,
            ),
            (self.silence.is_long(), PublisherWarning::Silent),
        ];
        let warnings = warnings.into_iter().filter(|(applies, _)| *applies);
        warnings.map(|(_, warning)| warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use shared::api::Codec;

    use super::*;

    fn unit(ms: i64, keyframe: bool) -> AccessUnit {
        AccessUnit {
            codec: Codec::H264,
            dts: MediaTime(ms * 1_000),
            time: MediaTime(ms * 1_000),
            keyframe,
            data: Bytes::new(),
        }
    }

    #[test]
    fn pictures_out_of_order_are_b_frames() {
        let mut health = EncoderHealth::new(&[], Instant::now());
        for ms in [0, 40, 80, 79] {
            health.on_unit(TrackId(0), &unit(ms, ms == 0));
        }
        assert_eq!(health.warnings(), []);
        // Another layer.
        health.on_unit(TrackId(1), &unit(60, false));
        assert_eq!(health.warnings(), []);
        for ms in [200, 120, 160] {
            health.on_unit(TrackId(0), &unit(ms, false));
        }
        assert_eq!(health.warnings(), [PublisherWarning::BFrames]);
    }

    #[test]
    fn losses_are_those_of_the_last_seconds() {
        let start = Instant::now();
        let mut health = EncoderHealth::new(&[], start);
        let mut at = |seconds, packets, lost, recovered| {
            let counters = ReceiverCounters {
                packets,
                lost,
                recovered,
                ..ReceiverCounters::default()
            };
            health.on_counters(start + Duration::from_secs(seconds), &counters);
            health.warnings()
        };
        assert_eq!(at(9, 1_000, 500, 0), []);
        assert_eq!(at(10, 1_000, 1, 50), [PublisherWarning::UplinkLoss]);
        assert_eq!(at(15, 1_500, 1, 50), [PublisherWarning::UplinkLoss]);
        assert_eq!(at(20, 2_000, 11, 59), []);
        assert_eq!(at(30, 2_000, 11, 59), []);
    }
}

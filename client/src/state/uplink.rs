//! How the sent stream goes, from the browser's counters (W3C "Identifiers for WebRTC's Statistics API").

use super::publish::{PublishEvent, PublishPhase, RecoveryStep};

/// The server reports several times a second; after this many samples without a byte of it, it is gone.
const STALLED_SAMPLES: u32 = 6;
/// A start takes Chromium some seconds until its estimate of the network is right.
const WEAK_SAMPLES: u32 = 8;
const GOOD_SAMPLES: u32 = 4;
/// Loss in percent from which viewers see it.
const MUCH_LOSS: f64 = 5.0;

/// Counters at one moment. What the browser does not report is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UplinkSample {
    /// Milliseconds of a monotonic clock.
    pub at: f64,
    pub bytes_sent: Option<f64>,
    pub frames: Option<f64>,
    pub size: Option<(u32, u32)>,
    /// For example `H264`.
    pub codec: Option<String>,
    /// Seconds.
    pub round_trip: Option<f64>,
    /// Of the last report, 0.0 to 1.0.
    pub loss: Option<f64>,
    /// The browser lowers the quality for the network's sake.
    pub limited: bool,
    /// Bytes received: reports.
    pub received: Option<f64>,
}

/// Figures between two samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UplinkFigures {
    pub bitrate_bps: Option<f64>,
    pub fps: Option<f64>,
    pub round_trip_ms: Option<f64>,
    pub loss_percent: Option<f64>,
    pub size: Option<(u32, u32)>,
    pub codec: Option<String>,
}

impl UplinkFigures {
    pub fn between(before: &UplinkSample, after: &UplinkSample) -> Self {
        let seconds = (after.at - before.at) / 1_000.0;
        let rate = |before: Option<f64>, after: Option<f64>| {
            let grown = after? - before?;
            (grown >= 0.0 && seconds > 0.0).then(|| grown / seconds)
        };
        Self {
            bitrate_bps: rate(before.bytes_sent, after.bytes_sent).map(|bytes| bytes * 8.0),
            fps: rate(before.frames, after.frames),
            round_trip_ms: after.round_trip.map(|seconds| seconds * 1_000.0),
            loss_percent: after.loss.map(|loss| loss * 100.0),
            size: after.size,
            codec: after.codec.clone(),
        }
    }
}

/// Follows one session, sample by sample, one a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UplinkMonitor {
    silent: u32,
    bad: u32,
    good: u32,
}

impl UplinkMonitor {
    /// What the page has to know after this sample.
    pub fn on_sample(
        &mut self,
        phase: &PublishPhase,
        before: &UplinkSample,
        after: &UplinkSample,
    ) -> Option<PublishEvent> {
        let received = Some(after.received? - before.received?);
        self.silent = match received {
            Some(0.0) => self.silent + 1,
            _ => 0,
        };
        if let PublishPhase::Recovering { step, .. } = phase {
            // After an ICE restart on the same path the connection state does not change, but reports arrive.
            let is_back = *step == RecoveryStep::Restarting && self.silent == 0;
            return is_back.then_some(PublishEvent::Connected);
        }
        if self.silent >= STALLED_SAMPLES && phase.is_live() {
            self.silent = 0;
            return Some(PublishEvent::Stalled);
        }
        let is_bad = after.limited || after.loss.is_some_and(|loss| loss * 100.0 >= MUCH_LOSS);
        (self.bad, self.good) = match is_bad {
            true => (self.bad + 1, 0),
            false => (0, self.good + 1),
        };
        match () {
            () if self.bad >= WEAK_SAMPLES => Some(PublishEvent::Uplink { weak: true }),
            () if self.good >= GOOD_SAMPLES => Some(PublishEvent::Uplink { weak: false }),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::session::RetryCause;

    fn sample(second: f64) -> UplinkSample {
        UplinkSample {
            at: second * 1_000.0,
            bytes_sent: Some(second * 250_000.0),
            frames: Some(second * 30.0),
            size: Some((1280, 720)),
            codec: Some("H264".into()),
            round_trip: Some(0.04),
            loss: Some(0.01),
            limited: false,
            received: Some(second * 900.0),
        }
    }

    #[test]
    fn figures_are_rates_between_two_samples() {
        let figures = UplinkFigures::between(&sample(3.0), &sample(4.0));
        assert_eq!(figures.bitrate_bps, Some(2_000_000.0));
        assert_eq!(figures.fps, Some(30.0));
        assert_eq!(figures.round_trip_ms, Some(40.0));
        assert_eq!(figures.loss_percent, Some(1.0));
        // A new session counts from zero.
        let again = UplinkFigures::between(&sample(4.0), &sample(0.5));
        assert_eq!(again.bitrate_bps, None);
        let unknown = UplinkSample::default();
        assert_eq!(UplinkFigures::between(&unknown, &unknown).fps, None);
    }

    /// The events of so many samples after one another.
    fn events(phase: &PublishPhase, count: u32, change: fn(&mut UplinkSample)) -> Vec<(u32, bool)> {
        let mut monitor = UplinkMonitor::default();
        let at = |second: u32| {
            let mut sample = sample(second.into());
            change(&mut sample);
            sample
        };
        let event = |second| {
            let event = monitor.on_sample(phase, &at(second - 1), &at(second))?;
            Some((second, event == PublishEvent::Uplink { weak: true }))
        };
        (1..=count).filter_map(event).collect()
    }

    #[test]
    fn a_network_is_weak_after_eight_bad_seconds_and_good_after_four() {
        let live = PublishPhase::Live;
        let limited = |sample: &mut UplinkSample| sample.limited = true;
        assert_eq!(events(&live, 8, limited), [(8, true)]);
        let lossy = |sample: &mut UplinkSample| sample.loss = Some(0.05);
        assert_eq!(events(&live, 8, lossy), [(8, true)]);
        assert_eq!(events(&live, 4, |_| {}), [(4, false)]);
    }

    #[test]
    fn a_server_that_reports_nothing_for_six_seconds_is_gone() {
        let mut monitor = UplinkMonitor::default();
        let silent = |second: u32| UplinkSample {
            received: Some(7.0),
            ..sample(second.into())
        };
        for second in 1..6 {
            let event =
                monitor.on_sample(&PublishPhase::Live, &silent(second - 1), &silent(second));
            assert_ne!(event, Some(PublishEvent::Stalled), "{second}");
        }
        let event = monitor.on_sample(&PublishPhase::Live, &silent(5), &silent(6));
        assert_eq!(event, Some(PublishEvent::Stalled));
    }

    #[test]
    fn reports_after_an_ice_restart_are_a_connection() {
        let mut monitor = UplinkMonitor::default();
        let restarting = PublishPhase::Recovering {
            cause: RetryCause::Lost,
            step: RecoveryStep::Restarting,
        };
        let silent = UplinkSample {
            received: sample(1.0).received,
            ..sample(2.0)
        };
        assert_eq!(monitor.on_sample(&restarting, &sample(1.0), &silent), None);
        let event = monitor.on_sample(&restarting, &silent, &sample(3.0));
        assert_eq!(event, Some(PublishEvent::Connected));
    }
}

//! What the picture of a player does: it moves, or its last frame stands still because no other one comes.
//!
//! Times are milliseconds of a monotonic clock.

use super::session::Phase;

/// After this long without a frame, the last one is dimmed behind a spinner.
const LATE_MS: u64 = 700;
/// A video of few frames per second is late after so many of its intervals.
const LATE_INTERVALS: u64 = 3;
/// The interval is a mean in which the last one has this share: 1 in 8.
const SMOOTHING: u64 = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Picture {
    /// There has been no frame since the start.
    #[default]
    Empty,
    /// Frames arrive.
    Moving,
    /// The next frame is late, or a new session is to bring it.
    Still,
}

/// Follows the frames of one player across its sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureMonitor {
    picture: Picture,
    /// The last frame, or since when the next one is awaited.
    since: Option<u64>,
    /// Mean time between two frames.
    interval: Option<u64>,
    /// The session is over. Browsers present a black frame then.
    over: bool,
}

impl PictureMonitor {
    pub fn picture(&self) -> Picture {
        self.picture
    }

    /// A frame is presented.
    pub fn on_frame(&mut self, now: u64) {
        if self.over {
            return;
        }
        if let Some(passed) = self.since.map(|since| now.saturating_sub(since)) {
            self.interval = Some(
                self.interval
                    .map_or(passed, |mean| (mean * (SMOOTHING - 1) + passed) / SMOOTHING),
            );
        }
        self.since = Some(now);
        self.picture = Picture::Moving;
    }

    /// Call several times a second. `expected`: the browser would present a frame if there was one.
    pub fn on_tick(&mut self, now: u64, expected: bool) {
        if !expected {
            self.since = None;
            return;
        }
        let since = *self.since.get_or_insert(now);
        let limit = LATE_MS.max(self.interval.unwrap_or(0).saturating_mul(LATE_INTERVALS));
        if self.picture == Picture::Moving && now.saturating_sub(since) >= limit {
            self.picture = Picture::Still;
        }
    }

    pub fn on_phase(&mut self, phase: &Phase) {
        if *phase == Phase::Stopped {
            *self = Self::default();
        }
        self.over = match phase {
            Phase::Connecting | Phase::Playing | Phase::Unsteady | Phase::Restarting => false,
            Phase::Stopped
            | Phase::Closed
            | Phase::Waiting { .. }
            | Phase::Reconnecting { .. }
            | Phase::Ended
            | Phase::Upcoming
            | Phase::Failed(_) => true,
        };
        if self.over {
            self.since = None;
            if self.picture == Picture::Moving {
                self.picture = Picture::Still;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::RetryCause;
    use super::*;

    /// Frames at these intervals up to `until`, with a tick each 100 ms; returns when the picture stood still.
    fn still_at(monitor: &mut PictureMonitor, interval: u64, frames: u64, until: u64) -> Vec<u64> {
        let mut still = Vec::new();
        for now in 0..until {
            if now % interval == 0 && now / interval < frames {
                monitor.on_frame(now);
            }
            if now % 100 == 0 {
                let before = monitor.picture();
                monitor.on_tick(now, true);
                if monitor.picture() == Picture::Still && before != Picture::Still {
                    still.push(now);
                }
            }
        }
        still
    }

    #[test]
    fn a_frame_is_late_after_seven_tenths_of_a_second() {
        let mut monitor = PictureMonitor::default();
        // The last frame is at 360 ms.
        assert_eq!(still_at(&mut monitor, 40, 10, 5_000), [1_100]);
        monitor.on_frame(5_000);
        assert_eq!(monitor.picture(), Picture::Moving);
    }

    #[test]
    fn a_video_of_one_frame_per_second_is_not_late_each_second() {
        let mut monitor = PictureMonitor::default();
        // Its rate is known from the second frame on.
        assert_eq!(still_at(&mut monitor, 1_000, 60, 60_000), [700]);
        assert_eq!(monitor.picture(), Picture::Moving);
    }

    #[test]
    fn nothing_is_late_before_the_first_frame() {
        let mut monitor = PictureMonitor::default();
        assert!(still_at(&mut monitor, 40, 0, 5_000).is_empty());
        assert_eq!(monitor.picture(), Picture::Empty);
    }

    #[test]
    fn a_hidden_page_presents_no_frames_and_has_time_when_it_is_visible_again() {
        let mut monitor = PictureMonitor::default();
        monitor.on_frame(0);
        monitor.on_tick(100, false);
        monitor.on_tick(60_000, false);
        monitor.on_tick(60_100, true);
        monitor.on_tick(60_700, true);
        assert_eq!(monitor.picture(), Picture::Moving);
        monitor.on_tick(60_800, true);
        assert_eq!(monitor.picture(), Picture::Still);
    }

    #[test]
    fn the_last_frame_stays_until_a_new_session_has_one() {
        let mut monitor = PictureMonitor::default();
        monitor.on_frame(0);
        let cause = RetryCause::Lost;
        for phase in [
            Phase::Unsteady,
            Phase::Restarting,
            Phase::Waiting {
                until: 9,
                cause: cause.clone(),
            },
            Phase::Reconnecting { cause },
            Phase::Playing,
        ] {
            monitor.on_phase(&phase);
            let expected = match phase {
                Phase::Unsteady | Phase::Restarting => Picture::Moving,
                _ => Picture::Still,
            };
            assert_eq!(monitor.picture(), expected, "{phase:?}");
            if expected == Picture::Still && phase != Phase::Playing {
                // The black one.
                monitor.on_frame(8_000);
                assert_eq!(monitor.picture(), Picture::Still, "{phase:?}");
            }
        }
        monitor.on_frame(9_000);
        assert_eq!(monitor.picture(), Picture::Moving);
        monitor.on_phase(&Phase::Stopped);
        assert_eq!(monitor.picture(), Picture::Empty);
    }
}

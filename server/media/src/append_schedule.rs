//! When a source appends each unit. Pure: `now` is passed in.

use std::time::{Duration, Instant};

use super::time::MediaTime;

/// How far ahead of its live instant a unit is appended.
pub const LEAD: Duration = Duration::from_millis(400);

/// Units that are not encoded are appended together, up to this much less ahead: waking a thread for each of the 80 units a second of an ordinary film costs
/// more than appending them.
pub(super) const GATHER: Duration = Duration::from_millis(100);
/// A unit that is ready this much after its live instant means that the source stalled.
const STALL: Duration = Duration::from_millis(100);
/// A unit that is ready this much after its live instant means that the source is about to stall.
const LATE: Duration = Duration::from_millis(50);

/// Maps the stream's clock to the wall clock: the anchor's media time is live at the anchor's instant.
#[derive(Clone, Debug, Default)]
pub(super) struct AppendSchedule {
    anchor: Option<(MediaTime, Instant)>,
}

impl AppendSchedule {
    pub(super) fn set(&mut self, time: MediaTime, at: Instant) {
        self.anchor = Some((time, at));
    }

    pub(super) fn is_set(&self) -> bool {
        self.anchor.is_some()
    }

    /// When `time` is live. `now` before the first anchor.
    pub(super) fn live_at(&self, time: MediaTime, now: Instant) -> Instant {
        let Some((anchor, at)) = self.anchor else {
            return now;
        };
        let ahead = time.micros_since(anchor);
        let distance = Duration::from_micros(ahead.unsigned_abs());
        if ahead >= 0 {
            at.checked_add(distance)
        } else {
            at.checked_sub(distance)
        }
        .unwrap_or(now)
    }

    /// When a unit of `time` is to be appended: [`LEAD`] before it is live.
    pub(super) fn append_at(&self, time: MediaTime, now: Instant) -> Instant {
        let live = self.live_at(time, now);
        live.checked_sub(LEAD).unwrap_or(live)
    }

    /// The media time that is live at `now`.
    pub(super) fn live(&self, now: Instant) -> MediaTime {
        let Some((anchor, at)) = self.anchor else {
            return MediaTime::ZERO;
        };
        let ahead =
            i64::try_from(now.saturating_duration_since(at).as_micros()).unwrap_or(i64::MAX);
        let behind =
            i64::try_from(at.saturating_duration_since(now).as_micros()).unwrap_or(i64::MAX);
        MediaTime(anchor.0.saturating_add(ahead).saturating_sub(behind))
    }

    pub(super) fn has_stalled(&self, time: MediaTime, now: Instant) -> bool {
        now.saturating_duration_since(self.live_at(time, now)) > STALL
    }

    pub(super) fn is_late(&self, time: MediaTime, now: Instant) -> bool {
        now.saturating_duration_since(self.live_at(time, now)) > LATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_appended_a_lead_before_they_are_live() {
        let now = Instant::now();
        let mut schedule = AppendSchedule::default();
        schedule.set(MediaTime(1_000_000), now);
        assert_eq!(
            schedule.append_at(MediaTime(3_000_000), now),
            now + Duration::from_secs(2) - LEAD
        );
        assert_eq!(
            schedule.live(now + Duration::from_secs(2)),
            MediaTime(3_000_000)
        );
        assert!(!schedule.has_stalled(MediaTime(1_000_000), now + STALL));
        assert!(schedule.has_stalled(MediaTime(1_000_000), now + STALL * 2));
    }
}

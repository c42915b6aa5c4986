//! Time that loops, and time that is kept: pure, `now` is passed in.

use std::time::{Duration, Instant};

use super::control::Control;
use super::time::MediaTime;

/// How far ahead of its live instant a unit is appended.
pub const LEAD: Duration = Duration::from_millis(400);

/// A unit that comes this much after its live instant shows that the source stalled.
const STALL: Duration = Duration::from_millis(100);
/// One that comes this much after it shows that a stall is near.
const LATE: Duration = Duration::from_millis(50);

/// The wall clock, so that tests can put another in its place.
pub trait Clock {
    fn now(&self) -> Instant;
    /// Sleeps until `until`, or less when the orders change.
    fn sleep(&self, control: &Control, until: Instant);
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, control: &Control, until: Instant) {
        control.sleep_until(until);
    }
}

/// Places the passes over a file one after another. Both tracks are shifted by the same offset, so
/// however many passes there are, sound and picture stay as they are in the file.
#[derive(Clone, Debug, Default)]
pub struct LoopClock {
    /// Where the current pass begins on the stream's clock, in microseconds.
    offset: i64,
    /// Length of a pass: the longer track's, measured on the first full pass.
    length: Option<i64>,
}

impl LoopClock {
    /// `file_time`: microseconds since the beginning of the file.
    pub fn at(&self, file_time: i64) -> MediaTime {
        MediaTime(self.offset.saturating_add(file_time))
    }

    /// The pass is over. `end`: where its longer track ended, in microseconds since the file's
    /// beginning. `changed`: the file was written to since its length was measured.
    pub fn end_of_pass(&mut self, end: i64, changed: bool) {
        let length = match self.length {
            Some(length) if !changed => length,
            _ => end,
        };
        self.length = Some(length);
        // What was read must not overlap what comes, whatever was measured before.
        self.offset = self.offset.saturating_add(length.max(end));
    }
}

/// When which unit is due. `anchor`: this media time is live at this instant.
#[derive(Clone, Debug, Default)]
pub(super) struct Pacer {
    anchor: Option<(MediaTime, Instant)>,
}

impl Pacer {
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

    /// When `time` is to be appended.
    pub(super) fn due(&self, time: MediaTime, now: Instant) -> Instant {
        let live = self.live_at(time, now);
        live.checked_sub(LEAD).unwrap_or(live)
    }

    /// The media time that is live now.
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
    fn after_a_thousand_loops_sound_and_picture_are_where_they_started() {
        // 5.28 s of picture, 5.312 s of sound: neither is a whole number of the other's frames.
        let mut clock = LoopClock::default();
        for pass in 0..1000i64 {
            assert_eq!(clock.at(0), MediaTime(pass * 5_312_000));
            let (picture, sound) = (clock.at(40_000), clock.at(21_333));
            assert_eq!(picture.micros_since(sound), 40_000 - 21_333);
            clock.end_of_pass(5_312_000, false);
        }
        // In RTP's clocks, too: rounding does not add up.
        let start = clock.at(0);
        assert_eq!(start.to_clock(90_000), 1000 * 5_312 * 90);
        assert_eq!(start.to_clock(48_000), 1000 * 5_312 * 48);
    }

    #[test]
    fn a_pass_that_reads_less_of_the_same_file_keeps_its_length() {
        let mut clock = LoopClock::default();
        clock.end_of_pass(1_000_000, false);
        clock.end_of_pass(900_000, false);
        assert_eq!(clock.at(0), MediaTime(2_000_000));
    }

    #[test]
    fn a_file_that_grew_has_its_new_length_from_then_on() {
        let mut clock = LoopClock::default();
        clock.end_of_pass(1_000_000, false);
        clock.end_of_pass(3_000_000, true);
        assert_eq!(clock.at(0), MediaTime(4_000_000));
        clock.end_of_pass(3_000_000, false);
        assert_eq!(clock.at(0), MediaTime(7_000_000));
    }

    #[test]
    fn units_are_due_a_lead_before_they_are_live() {
        let now = Instant::now();
        let mut pacer = Pacer::default();
        pacer.set(MediaTime(1_000_000), now);
        assert_eq!(
            pacer.due(MediaTime(3_000_000), now),
            now + Duration::from_secs(2) - LEAD
        );
        assert_eq!(
            pacer.live(now + Duration::from_secs(2)),
            MediaTime(3_000_000)
        );
        assert!(!pacer.has_stalled(MediaTime(1_000_000), now + STALL));
        assert!(pacer.has_stalled(MediaTime(1_000_000), now + STALL * 2));
    }
}

//! What clicks and taps on the picture do: one plays or stops, two at once are for full screen. On a touch screen the first one only shows the controls.
//!
//! Times are milliseconds of a monotonic clock.

/// The second click of two comes within this time.
pub const DOUBLE_MS: u64 = 300;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taps {
    /// When the first one of perhaps two was, and whether it plays or stops.
    first: Option<(u64, bool)>,
}

impl Taps {
    /// `shows_controls`: a tap that has just made the controls visible. True: the second of two, for full screen. False: call [`Self::on_timer`] after
    /// [`DOUBLE_MS`].
    pub fn on_tap(&mut self, now: u64, shows_controls: bool) -> bool {
        let first = self.first.take();
        if first.is_some_and(|(at, _)| now.saturating_sub(at) < DOUBLE_MS) {
            return true;
        }
        self.first = Some((now, !shows_controls));
        false
    }

    /// True: the tap stayed alone, and plays or stops.
    pub fn on_timer(&mut self) -> bool {
        self.first.take().is_some_and(|(_, acts)| acts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_click_plays_or_stops_after_a_moment() {
        let mut taps = Taps::default();
        assert!(!taps.on_tap(0, false));
        assert!(taps.on_timer());
        assert!(!taps.on_timer());
    }

    #[test]
    fn two_clicks_are_for_full_screen_and_nothing_else() {
        let mut taps = Taps::default();
        assert!(!taps.on_tap(1_000, false));
        assert!(taps.on_tap(1_299, false));
        assert!(!taps.on_timer());
        assert!(!taps.on_tap(1_400, false), "a third one is the first again");
    }

    #[test]
    fn a_tap_that_shows_the_controls_does_nothing_else() {
        let mut taps = Taps::default();
        assert!(!taps.on_tap(0, true));
        assert!(!taps.on_timer());
        assert!(!taps.on_tap(1_000, true));
        assert!(taps.on_tap(1_100, false), "two are for full screen");
    }
}

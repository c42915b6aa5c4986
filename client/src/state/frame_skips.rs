//! Detects that the server skips frames because the connection is too slow: when to ask the server, and how long to show it.
//!
//! The browser sees that the video freezes, but not why. The server knows whether it skipped frames.

use super::stats::Figures;

/// The server is asked at most once in this time.
const QUERY_INTERVAL_MS: f64 = 2_000.0;
/// A skip is shown for this long.
const SHOWN_MS: f64 = 10_000.0;

/// State of one session. Times are milliseconds of a monotonic clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameSkips {
    /// The video froze after the last request.
    suspected: bool,
    asked_at: Option<f64>,
    /// The server's count in its last response.
    count: u64,
    rose_at: Option<f64>,
}

impl FrameSkips {
    /// Takes the figures of the last second while connected. True: ask the server now.
    pub fn on_sample(&mut self, now: f64, figures: &Figures) -> bool {
        let froze = figures.freezes.is_some_and(|freezes| freezes > 0.0);
        self.suspected |= froze || figures.fps == Some(0.0);
        let early = self
            .asked_at
            .is_some_and(|asked_at| now - asked_at < QUERY_INTERVAL_MS);
        if !self.suspected || early {
            return false;
        }
        self.suspected = false;
        self.asked_at = Some(now);
        true
    }

    /// Takes the number of times that the server skipped frames in this session.
    pub fn on_answer(&mut self, now: f64, count: u64) {
        if count > self.count {
            self.count = count;
            self.rose_at = Some(now);
        }
    }

    /// Whether the page should show that frames are skipped.
    pub fn is_visible(&self, now: f64) -> bool {
        self.rose_at.is_some_and(|rose_at| now - rose_at < SHOWN_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(fps: f64, freezes: f64) -> Figures {
        Figures {
            fps: Some(fps),
            freezes: Some(freezes),
            ..Figures::default()
        }
    }

    #[test]
    fn while_video_plays_the_server_is_not_asked() {
        let mut skips = FrameSkips::default();
        for second in 0..100 {
            assert!(!skips.on_sample(f64::from(second) * 1_000.0, &frames(25.0, 0.0)));
        }
        assert!(
            !skips.on_sample(1e6, &Figures::default()),
            "a stream of audio alone never freezes"
        );
    }

    #[test]
    fn the_server_is_asked_every_other_second_while_the_video_is_frozen() {
        let mut skips = FrameSkips::default();
        let asked_at: Vec<u32> = (0..6)
            .filter(|&second| skips.on_sample(f64::from(second) * 1_000.0, &frames(0.0, 0.0)))
            .collect();
        assert_eq!(asked_at, [0, 2, 4]);
    }

    #[test]
    fn a_freeze_just_after_a_request_is_asked_about_later() {
        let mut skips = FrameSkips::default();
        assert!(skips.on_sample(0.0, &frames(0.0, 0.0)));
        assert!(!skips.on_sample(1_000.0, &frames(12.0, 1.0)));
        assert!(skips.on_sample(2_000.0, &frames(25.0, 0.0)));
        assert!(!skips.on_sample(4_000.0, &frames(25.0, 0.0)));
    }

    #[test]
    fn skips_are_shown_from_a_rise_of_the_count_until_ten_seconds_later() {
        let mut skips = FrameSkips::default();
        skips.on_answer(0.0, 0);
        assert!(!skips.is_visible(0.0), "packet loss alone is not a skip");
        skips.on_answer(1_000.0, 1);
        assert!(skips.is_visible(10_900.0) && !skips.is_visible(11_000.0));
        skips.on_answer(12_000.0, 1);
        assert!(!skips.is_visible(12_000.0));
        skips.on_answer(13_000.0, 3);
        skips.on_answer(15_000.0, 4);
        assert!(skips.is_visible(24_000.0) && !skips.is_visible(25_000.0));
    }
}

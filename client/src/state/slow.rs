//! Whether a connection is too slow for the film: when to ask the server, and for how long to say so.
//!
//! A browser sees that pictures stand still, and not why. The server knows whether it left some out.

use super::stats::Figures;

/// The server is asked this often at most...
const ASK_EVERY_MS: f64 = 2_000.0;
/// ...and what it said is shown for so long.
const SHOWN_MS: f64 = 10_000.0;

/// What is known of one session. Times are milliseconds of a steady clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slow {
    /// Something stood still since the server was asked.
    in_doubt: bool,
    asked: Option<f64>,
    /// As the server counted when it was asked.
    skips: u64,
    rose: Option<f64>,
}

impl Slow {
    /// Takes what happened within the last second while connected. True: ask the server now.
    pub fn sampled(&mut self, now: f64, figures: &Figures) -> bool {
        let froze = figures.freezes.is_some_and(|freezes| freezes > 0.0);
        self.in_doubt |= froze || figures.fps == Some(0.0);
        let early = self.asked.is_some_and(|asked| now - asked < ASK_EVERY_MS);
        if !self.in_doubt || early {
            return false;
        }
        self.in_doubt = false;
        self.asked = Some(now);
        true
    }

    /// Takes how often the server has left out pictures in this session.
    pub fn answered(&mut self, now: f64, skips: u64) {
        if skips > self.skips {
            self.skips = skips;
            self.rose = Some(now);
        }
    }

    /// True: a person should be told.
    pub fn is_told(&self, now: f64) -> bool {
        self.rose.is_some_and(|rose| now - rose < SHOWN_MS)
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
    fn while_pictures_flow_nobody_is_asked() {
        let mut slow = Slow::default();
        for second in 0..100 {
            assert!(!slow.sampled(f64::from(second) * 1_000.0, &frames(25.0, 0.0)));
        }
        assert!(
            !slow.sampled(1e6, &Figures::default()),
            "sound alone never stands still"
        );
    }

    #[test]
    fn the_server_is_asked_every_other_second_while_pictures_stand_still() {
        let mut slow = Slow::default();
        let asked: Vec<u32> = (0..6)
            .filter(|&second| slow.sampled(f64::from(second) * 1_000.0, &frames(0.0, 0.0)))
            .collect();
        assert_eq!(asked, [0, 2, 4]);
    }

    #[test]
    fn a_freeze_just_after_a_question_is_asked_about_later() {
        let mut slow = Slow::default();
        assert!(slow.sampled(0.0, &frames(0.0, 0.0)));
        assert!(!slow.sampled(1_000.0, &frames(12.0, 1.0)));
        assert!(slow.sampled(2_000.0, &frames(25.0, 0.0)));
        assert!(!slow.sampled(4_000.0, &frames(25.0, 0.0)));
    }

    #[test]
    fn a_person_is_told_when_the_count_rose_and_until_ten_seconds_after() {
        let mut slow = Slow::default();
        slow.answered(0.0, 0);
        assert!(
            !slow.is_told(0.0),
            "a network that lost something is not slow"
        );
        slow.answered(1_000.0, 1);
        assert!(slow.is_told(10_900.0) && !slow.is_told(11_000.0));
        slow.answered(12_000.0, 1);
        assert!(!slow.is_told(12_000.0));
        slow.answered(13_000.0, 3);
        slow.answered(15_000.0, 4);
        assert!(slow.is_told(24_000.0) && !slow.is_told(25_000.0));
    }
}

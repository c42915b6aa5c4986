//! Whether a publisher's keyframes are too far apart for those who join or lose a picture. Pure.

use media::time::MediaTime;

/// In microseconds. Who joins or loses a picture waits that long, where the encoder makes no keyframe when it is asked.
const LIMIT: i64 = 4_000_000;
/// In microseconds. A keyframe that comes later was not made for the request.
const PROMPT: i64 = 750_000;
/// In microseconds. So long after a prompt keyframe the encoder is asked again: the first one may have come by chance.
const AGAIN: i64 = 1_000_000;
/// Prompt keyframes after which an encoder is asked no more.
const ANSWERS: u8 = 2;

/// Browsers make a keyframe when one is needed, and none otherwise. Others offer `nack pli` and answer no request, as OBS does: so an encoder is asked once
/// its keyframe is older than [`LIMIT`], until it has answered [`ANSWERS`] times.
#[derive(Debug)]
pub(super) struct KeyframeInterval {
    /// `nack pli` was negotiated.
    takes_requests: bool,
    /// Prompt keyframes in a row, of [`ANSWERS`] that show that it answers.
    answers: u8,
    newest: Option<MediaTime>,
    asked: Option<MediaTime>,
    /// No picture has come since it was asked.
    is_first: bool,
    /// The request has not been sent yet.
    is_wanted: bool,
    is_long: bool,
}

impl KeyframeInterval {
    pub(super) fn new(takes_requests: bool) -> Self {
        Self {
            takes_requests,
            answers: 0,
            newest: None,
            asked: None,
            is_first: false,
            is_wanted: false,
            is_long: false,
        }
    }

    /// The next picture is of another track.
    pub(super) fn on_other_track(&mut self) {
        (self.newest, self.asked, self.is_wanted) = (None, None, false);
    }

    pub(super) fn on_picture(&mut self, time: MediaTime, keyframe: bool) {
        if let Some(newest) = self.newest
            && self.answers < ANSWERS
        {
            self.follow(time, time.micros_since(newest), keyframe);
        }
        if keyframe {
            self.on_other_track();
            self.newest = Some(time);
        }
    }

    fn follow(&mut self, time: MediaTime, age: i64, keyframe: bool) {
        let Some(asked) = self.asked else {
            let limit = if self.answers > 0 { AGAIN } else { LIMIT };
            if keyframe || !self.takes_requests {
                self.is_long = age > LIMIT || (self.is_long && !keyframe);
            } else if age > limit {
                (self.asked, self.is_wanted, self.is_first) = (Some(time), true, true);
            }
            return;
        };
        // Pictures may be further apart than that.
        let is_prompt = time.micros_since(asked) <= PROMPT || self.is_first;
        self.is_first = false;
        match (keyframe, is_prompt) {
            (true, true) => {
                self.answers += 1;
                self.is_long &= self.answers < ANSWERS;
            }
            (true, false) => self.is_long = age > LIMIT,
            (false, true) => {}
            (false, false) => {
                self.is_long = true;
                // The prompt keyframe came by chance, or a request was lost: it is asked as at first.
                if std::mem::take(&mut self.answers) > 0 {
                    self.asked = None;
                }
            }
        }
    }

    /// True once when a keyframe is to be asked for.
    pub(super) fn take_wanted(&mut self) -> bool {
        std::mem::take(&mut self.is_wanted)
    }

    pub(super) fn is_long(&self) -> bool {
        self.is_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In milliseconds, of 25 pictures a second.
    const PICTURE: i64 = 40;

    /// Shows pictures up to a time in milliseconds, with a keyframe every `gop`, and so long after each request.
    struct Encoder {
        interval: KeyframeInterval,
        now: i64,
        picture: i64,
        gop: i64,
        answers_after: Option<i64>,
        due: Option<i64>,
        asked: u32,
    }

    impl Encoder {
        fn new(takes_requests: bool, gop: i64, answers_after: Option<i64>) -> Self {
            Self {
                interval: KeyframeInterval::new(takes_requests),
                now: 0,
                picture: PICTURE,
                gop,
                answers_after,
                due: None,
                asked: 0,
            }
        }

        /// Whether the interval was too long at any time.
        fn is_long_until(&mut self, until: i64) -> bool {
            let mut is_long = false;
            while self.now < until {
                let keyframe =
                    self.now % self.gop < self.picture || self.due.is_some_and(|at| at <= self.now);
                if keyframe {
                    self.due = None;
                }
                self.interval
                    .on_picture(MediaTime(1_000 * self.now), keyframe);
                if self.interval.take_wanted() {
                    self.asked += 1;
                    let answer = self.answers_after.map(|after| self.now + after);
                    self.due = answer.or(self.due);
                }
                is_long |= self.interval.is_long();
                self.now += self.picture;
            }
            is_long
        }
    }

    #[test]
    fn keyframes_every_two_seconds_are_fine_and_nobody_is_asked() {
        let mut encoder = Encoder::new(true, 2_000, None);
        assert!(!encoder.is_long_until(20_000));
        assert_eq!(encoder.asked, 0);
    }

    #[test]
    fn who_takes_no_requests_is_warned_until_keyframes_come_more_often() {
        let mut encoder = Encoder::new(false, 8_000, Some(40));
        assert!(!encoder.is_long_until(4_040));
        assert!(encoder.is_long_until(4_080));
        assert_eq!(encoder.asked, 0);
        encoder.is_long_until(8_040);
        assert!(encoder.interval.is_long());
        encoder.gop = 2_000;
        encoder.is_long_until(10_040);
        assert!(!encoder.interval.is_long());
    }

    #[test]
    fn who_answers_two_requests_is_asked_no_more_and_may_send_none_for_ever() {
        for after in [40, 400] {
            let mut encoder = Encoder::new(true, i64::MAX, Some(after));
            assert!(!encoder.is_long_until(60_000), "{after}");
            assert_eq!(encoder.asked, 2);
        }
    }

    #[test]
    fn who_answers_with_the_next_of_one_picture_a_second_answers() {
        let mut encoder = Encoder::new(true, i64::MAX, Some(1_000));
        encoder.picture = 1_000;
        assert!(!encoder.is_long_until(60_000));
        assert_eq!(encoder.asked, 2);
        encoder = Encoder::new(true, 10_000, None);
        encoder.picture = 1_000;
        encoder.is_long_until(12_000);
        assert!(encoder.interval.is_long());
    }

    #[test]
    fn keyframes_that_follow_a_request_by_chance_are_no_answers() {
        for gop in [4_160, 4_500, 4_700] {
            let mut encoder = Encoder::new(true, gop, None);
            assert!(!encoder.is_long_until(gop + 1_000), "{gop}");
            for seconds in 7..60 {
                encoder.is_long_until(1_000 * seconds);
                assert!(encoder.interval.is_long(), "{gop} {seconds}");
            }
        }
        let mut cut = Encoder::new(true, 8_000, None);
        cut.is_long_until(PICTURE);
        cut.due = Some(4_240);
        assert!(!cut.is_long_until(5_000));
        assert!(cut.is_long_until(7_000));
        // The keyframe at 8 s comes less than 4 s after the cut.
        for seconds in 13..60 {
            cut.is_long_until(1_000 * seconds);
            assert!(cut.interval.is_long(), "{seconds}");
        }
    }

    #[test]
    fn a_request_that_was_lost_silences_nobody_who_answers() {
        let mut encoder = Encoder::new(true, i64::MAX, Some(40));
        encoder.is_long_until(4_200);
        encoder.answers_after = None;
        assert!(encoder.is_long_until(7_000));
        encoder.answers_after = Some(40);
        encoder.is_long_until(12_000);
        assert!(!encoder.is_long_until(60_000));
    }

    #[test]
    fn who_takes_requests_and_answers_none_is_asked_once_in_each_gop() {
        for gop in [5_000, 8_320] {
            let mut encoder = Encoder::new(true, gop, None);
            assert!(encoder.is_long_until(3 * gop), "{gop}");
            assert!(encoder.interval.is_long());
            assert_eq!(encoder.asked, 3);
        }
    }

    #[test]
    fn an_answer_that_was_slow_once_is_not_for_ever() {
        let mut encoder = Encoder::new(true, i64::MAX, Some(2_000));
        assert!(encoder.is_long_until(7_000));
        encoder.answers_after = Some(200);
        encoder.is_long_until(12_000);
        assert!(!encoder.is_long_until(60_000));
    }

    #[test]
    fn a_keyframe_just_after_the_limit_is_no_answer() {
        let mut encoder = Encoder::new(true, LIMIT / 1_000 + PICTURE, None);
        assert!(encoder.is_long_until(13_000));
        assert_eq!(encoder.asked, 0);
    }
}

//! The mapping from a file's time to the stream's time while the file loops. Pure.

use super::time::MediaTime;

/// Places the iterations of a loop one after another. Both tracks are shifted by the same offset, so audio and
/// video keep their distance in any number of iterations.
#[derive(Clone, Debug, Default)]
pub(super) struct LoopClock {
    /// Where the current iteration begins on the stream's clock, in microseconds.
    offset: i64,
    /// Length of an iteration in microseconds: the longer track's, measured in the first complete iteration.
    length: Option<i64>,
}

impl LoopClock {
    /// The stream's time for `file_time`, in microseconds since the beginning of the file.
    pub(super) fn at(&self, file_time: i64) -> MediaTime {
        MediaTime(self.offset.saturating_add(file_time))
    }

    /// Ends the iteration. `end`: where its longer track ended, in microseconds since the file's beginning.
    /// `changed`: the file was modified since its length was measured.
    pub(super) fn end_iteration(&mut self, end: i64, changed: bool) {
        let length = match self.length {
            Some(length) if !changed => length,
            _ => end,
        };
        self.length = Some(length);
        // The next iteration must not overlap this one, whatever length was measured before.
        self.offset = self.offset.saturating_add(length.max(end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_thousand_loops_audio_and_video_keep_their_distance() {
        // 5.28 s of video, 5.312 s of audio: neither is a whole number of the other's frames.
        let mut clock = LoopClock::default();
        for iteration in 0..1000i64 {
            assert_eq!(clock.at(0), MediaTime(iteration * 5_312_000));
            let (video, audio) = (clock.at(40_000), clock.at(21_333));
            assert_eq!(video.micros_since(audio), 40_000 - 21_333);
            clock.end_iteration(5_312_000, false);
        }
        // In the RTP clocks, too: rounding errors do not accumulate.
        let start = clock.at(0);
        assert_eq!(start.to_clock(90_000), 1000 * 5_312 * 90);
        assert_eq!(start.to_clock(48_000), 1000 * 5_312 * 48);
    }

    #[test]
    fn an_iteration_that_reads_less_of_the_same_file_keeps_its_length() {
        let mut clock = LoopClock::default();
        clock.end_iteration(1_000_000, false);
        clock.end_iteration(900_000, false);
        assert_eq!(clock.at(0), MediaTime(2_000_000));
    }

    #[test]
    fn a_file_that_grew_has_its_new_length_from_then_on() {
        let mut clock = LoopClock::default();
        clock.end_iteration(1_000_000, false);
        clock.end_iteration(3_000_000, true);
        assert_eq!(clock.at(0), MediaTime(4_000_000));
        clock.end_iteration(3_000_000, false);
        assert_eq!(clock.at(0), MediaTime(7_000_000));
    }
}

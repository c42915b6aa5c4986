//! Decode times, which RTP does not carry: from presentation times in the order of decoding.

use std::time::{Duration, Instant};

/// H.264 reorders at most so many pictures (A.3.1: the decoded picture buffer).
const MAX_DEPTH: usize = 16;
/// Two decode times differ by this at least.
const MIN_STEP: Duration = Duration::from_micros(1);

/// Gives each unit of a track a decode time. With B-frames, pictures come before others that are presented earlier; a picture is decoded when it is its turn
/// in the order of presentation, earlier by as many pictures as were seen to overtake another. So decode times are as far apart as pictures are.
#[derive(Debug, Default)]
pub struct DecodeTimes {
    /// The highest presentation times, in order.
    highest: Vec<Instant>,
    /// The most pictures that came before one that is presented before them.
    depth: usize,
    newest: Option<Instant>,
}

impl DecodeTimes {
    /// The decode time of the next unit. It is later than that of the one before, and not after the presentation time, but for the first pictures that are
    /// overtaken.
    pub fn next(&mut self, presentation: Instant) -> Instant {
        let at = self.highest.partition_point(|time| *time <= presentation);
        self.depth = self.depth.max(self.highest.len() - at).min(MAX_DEPTH);
        self.highest.insert(at, presentation);
        if self.highest.len() > MAX_DEPTH + 1 {
            self.highest.remove(0);
        }
        let turn = self.highest.len().checked_sub(self.depth + 1);
        let turn = turn.map_or(self.highest[0], |turn| self.highest[turn]);
        let earliest = self.newest.map(|newest| newest + MIN_STEP);
        let decode = earliest.map_or(turn, |earliest| turn.max(earliest));
        self.newest = Some(decode);
        decode
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decode times in microseconds of pictures 40 ms apart, of which these numbers come.
    fn decode(order: &[u64]) -> Vec<u64> {
        let start = Instant::now();
        let mut times = DecodeTimes::default();
        let decoded = order.iter().map(|picture| {
            let time = times.next(start + Duration::from_millis(40 * picture));
            time.duration_since(start).as_micros() as u64
        });
        decoded.collect()
    }

    #[test]
    fn without_b_frames_pictures_are_decoded_when_they_are_presented() {
        assert_eq!(
            decode(&[0, 1, 2, 4, 5]),
            [0, 40_000, 80_000, 160_000, 200_000]
        );
    }

    #[test]
    fn with_b_frames_pictures_are_decoded_evenly_and_none_after_it_is_presented() {
        // Two B-frames after each picture; from the second such group on, the depth is known.
        let groups = (1..6).flat_map(|group| [3 * group, 3 * group - 2, 3 * group - 1]);
        let order: Vec<u64> = [0].into_iter().chain(groups).collect();
        let decoded = decode(&order);
        assert_eq!(decoded[..4], [0, 120_000, 120_001, 120_002]);
        let steps: Vec<_> = decoded[5..]
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect();
        assert!(steps.iter().all(|step| *step == 40_000), "{decoded:?}");
        let mut late = order.iter().zip(&decoded).skip(5);
        assert!(late.all(|(picture, decoded)| *decoded <= 40_000 * picture));
    }

    #[test]
    fn a_pyramid_of_b_frames_is_decoded_evenly() {
        let groups = (1..8).flat_map(|group| [4, 2, 1, 3].map(|at| 4 * group - 4 + at));
        let order: Vec<u64> = [0].into_iter().chain(groups).collect();
        let decoded = decode(&order);
        let steps: Vec<_> = decoded[8..]
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect();
        assert!(steps.iter().all(|step| *step == 40_000), "{decoded:?}");
        let mut late = order.iter().zip(&decoded).skip(8);
        assert!(late.all(|(picture, decoded)| *decoded <= 40_000 * picture));
    }

    proptest! {
        #[test]
        fn decode_times_rise_whatever_the_presentation_times(
            order in proptest::collection::vec(0u64..1000, 1..200),
        ) {
            let decoded = decode(&order);
            prop_assert!(decoded.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}

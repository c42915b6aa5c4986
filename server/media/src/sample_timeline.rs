//! Audio samples on the stream's clock, cut into frames.

use std::collections::VecDeque;

/// Hz.
pub(super) const SAMPLE_RATE: i64 = 48_000;
/// Samples per channel in a frame: 20 ms.
pub(super) const FRAME_SAMPLES: usize = 960;
/// A timestamp within this many samples (20 ms) of the end of the last frame is jitter, not a gap.
const TOLERANCE: i64 = 960;
/// A gap is filled with silence up to this many samples (10 s); the rest of the gap is skipped.
const MAX_SILENCE: i64 = 10 * SAMPLE_RATE;

/// Stereo samples on the stream's clock. Silence fills gaps and overlaps are cut. Samples whose timestamp is off by less
/// than [`TOLERANCE`] are appended without either, so that the jitter of timestamps is not audible.
#[derive(Clone, Debug, Default)]
pub(super) struct SampleTimeline {
    /// Position of the first sample in `samples`, a multiple of [`FRAME_SAMPLES`]; `None` before the first sample.
    next: Option<i64>,
    samples: VecDeque<(f32, f32)>,
    /// The next samples go exactly where their timestamp says, without tolerance.
    exact: bool,
}

impl SampleTimeline {
    /// The next samples are placed without tolerance: a new iteration of the file begins.
    pub(super) fn realign(&mut self) {
        self.exact = true;
    }

    /// The position after the last sample.
    pub(super) fn end(&self) -> i64 {
        self.next.unwrap_or(0) + self.samples.len() as i64
    }

    /// Adds samples whose timestamp is the position `at`.
    pub(super) fn insert(&mut self, at: i64, samples: &[(f32, f32)]) {
        if self.next.is_none() {
            self.next = Some(at.div_euclid(FRAME_SAMPLES as i64) * FRAME_SAMPLES as i64);
            self.exact = true;
        }
        let gap = at - self.end();
        if gap.abs() <= TOLERANCE && !self.exact {
            self.samples.extend(samples);
            return;
        }
        self.exact = false;
        if gap >= 0 {
            self.push_silence(gap);
            self.samples.extend(samples);
        } else {
            let cut = usize::try_from(-gap)
                .unwrap_or(usize::MAX)
                .min(samples.len());
            self.samples.extend(&samples[cut..]);
        }
    }

    /// Fills up to the position `until` with silence.
    pub(super) fn fill_silence(&mut self, until: i64) {
        if self.next.is_none() {
            self.next = Some(until.div_euclid(FRAME_SAMPLES as i64) * FRAME_SAMPLES as i64);
        }
        let gap = until - self.end();
        if gap > 0 {
            self.push_silence(gap);
            self.exact = true;
        }
    }

    fn push_silence(&mut self, gap: i64) {
        if gap > MAX_SILENCE {
            // Only whole frames are skipped, so that frames stay aligned to 20 ms.
            let skip = (gap - MAX_SILENCE) / FRAME_SAMPLES as i64 * FRAME_SAMPLES as i64;
            if let Some(next) = &mut self.next {
                *next += skip;
            }
            self.samples
                .extend(std::iter::repeat_n((0.0, 0.0), (gap - skip) as usize));
        } else {
            self.samples
                .extend(std::iter::repeat_n((0.0, 0.0), gap as usize));
        }
    }

    /// The next whole frame and its position.
    pub(super) fn pop_frame(&mut self) -> Option<(i64, Vec<(f32, f32)>)> {
        let next = self.next.as_mut()?;
        if self.samples.len() < FRAME_SAMPLES {
            return None;
        }
        let at = *next;
        *next += FRAME_SAMPLES as i64;
        Some((at, self.samples.drain(..FRAME_SAMPLES).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loud(count: usize) -> Vec<(f32, f32)> {
        vec![(1.0, 1.0); count]
    }

    fn drained(timeline: &mut SampleTimeline) -> Vec<(i64, Vec<(f32, f32)>)> {
        std::iter::from_fn(|| timeline.pop_frame()).collect()
    }

    #[test]
    fn frames_begin_on_multiples_of_20_ms_wherever_the_first_sample_is() {
        let mut timeline = SampleTimeline::default();
        timeline.insert(1000, &loud(3000));
        let frames = drained(&mut timeline);
        assert_eq!(
            frames.iter().map(|frame| frame.0).collect::<Vec<_>>(),
            [960, 1920, 2880]
        );
        assert_eq!(
            frames[0].1.iter().filter(|sample| sample.0 == 0.0).count(),
            40
        );
    }

    #[test]
    fn a_gap_is_silent_and_an_overlap_is_cut() {
        let mut timeline = SampleTimeline::default();
        timeline.insert(0, &loud(960));
        timeline.insert(4800, &loud(960));
        timeline.insert(4320, &loud(3000));
        let frames = drained(&mut timeline);
        assert_eq!(frames.len(), 7);
        assert!(
            frames[1..5]
                .iter()
                .all(|frame| frame.1.iter().all(|sample| *sample == (0.0, 0.0)))
        );
        assert!(
            frames[5..]
                .iter()
                .all(|frame| frame.1.iter().all(|sample| *sample == (1.0, 1.0)))
        );
    }

    #[test]
    fn jitter_of_timestamps_is_neither_gap_nor_overlap_except_where_the_file_loops() {
        let mut timeline = SampleTimeline::default();
        timeline.insert(0, &loud(1000));
        timeline.insert(1030, &loud(1000));
        timeline.insert(1990, &loud(1000));
        assert_eq!(timeline.end(), 3000);
        timeline.realign();
        timeline.insert(3010, &loud(950));
        assert_eq!(timeline.end(), 3960);
    }

    #[test]
    fn a_gap_of_hours_costs_ten_seconds_of_silence() {
        let mut timeline = SampleTimeline::default();
        timeline.insert(0, &loud(960));
        timeline.insert(48_000 * 7200 + 7, &loud(960));
        assert!(timeline.samples.len() < 500_000);
        assert_eq!(timeline.end(), 48_000 * 7200 + 7 + 960);
    }
}

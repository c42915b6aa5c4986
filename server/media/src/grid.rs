//! Sound laid out in time, sample by sample, and cut into frames.

use std::collections::VecDeque;

/// Samples a second.
pub(super) const RATE: i64 = 48_000;
/// Samples of each channel in a frame: 20 ms.
pub(super) const FRAME: usize = 960;
/// Timestamps within this many samples (20 ms) of where the last frame ended are jitter, not a gap.
const TOLERANCE: i64 = 960;
/// A gap is filled with silence up to this many samples (10 s); the grid jumps over the rest.
const MAX_SILENCE: i64 = 10 * RATE;

/// Samples on the stream's clock. Silence fills gaps, overlaps are cut, and what is a little off its place is
/// joined to what came before, so that the jitter of timestamps is not heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    /// Position of the first sample in `samples`, a multiple of [`FRAME`]; `None` before the first.
    next: Option<i64>,
    samples: VecDeque<(f32, f32)>,
    /// The next samples are put exactly where they belong, however close.
    exact: bool,
}

impl Grid {
    pub(super) fn realign(&mut self) {
        self.exact = true;
    }

    /// Where the sample after the last one goes.
    pub(super) fn end(&self) -> i64 {
        self.next.unwrap_or(0) + self.samples.len() as i64
    }

    pub(super) fn put(&mut self, at: i64, samples: &[(f32, f32)]) {
        if self.next.is_none() {
            self.next = Some(at.div_euclid(FRAME as i64) * FRAME as i64);
            self.exact = true;
        }
        let gap = at - self.end();
        if gap.abs() <= TOLERANCE && !self.exact {
            self.samples.extend(samples);
            return;
        }
        self.exact = false;
        if gap >= 0 {
            self.silence(gap);
            self.samples.extend(samples);
        } else {
            let cut = usize::try_from(-gap)
                .unwrap_or(usize::MAX)
                .min(samples.len());
            self.samples.extend(&samples[cut..]);
        }
    }

    pub(super) fn fill(&mut self, until: i64) {
        if self.next.is_none() {
            self.next = Some(until.div_euclid(FRAME as i64) * FRAME as i64);
        }
        let gap = until - self.end();
        if gap > 0 {
            self.silence(gap);
            self.exact = true;
        }
    }

    fn silence(&mut self, gap: i64) {
        if gap > MAX_SILENCE {
            // Nothing is heard either way. Whole frames are jumped over, so the grid stays one of 20 ms.
            let jump = (gap - MAX_SILENCE) / FRAME as i64 * FRAME as i64;
            if let Some(next) = &mut self.next {
                *next += jump;
            }
            self.samples
                .extend(std::iter::repeat_n((0.0, 0.0), (gap - jump) as usize));
        } else {
            self.samples
                .extend(std::iter::repeat_n((0.0, 0.0), gap as usize));
        }
    }

    /// The next whole frame and where it begins.
    pub(super) fn take(&mut self) -> Option<(i64, Vec<(f32, f32)>)> {
        let next = self.next.as_mut()?;
        if self.samples.len() < FRAME {
            return None;
        }
        let at = *next;
        *next += FRAME as i64;
        Some((at, self.samples.drain(..FRAME).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ones(count: usize) -> Vec<(f32, f32)> {
        vec![(1.0, 1.0); count]
    }

    fn drained(grid: &mut Grid) -> Vec<(i64, Vec<(f32, f32)>)> {
        std::iter::from_fn(|| grid.take()).collect()
    }

    #[test]
    fn frames_begin_on_multiples_of_20_ms_whatever_came_first() {
        let mut grid = Grid::default();
        grid.put(1000, &ones(3000));
        let frames = drained(&mut grid);
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
        let mut grid = Grid::default();
        grid.put(0, &ones(960));
        grid.put(4800, &ones(960));
        grid.put(4320, &ones(3000));
        let frames = drained(&mut grid);
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
    fn jitter_of_timestamps_is_neither_gap_nor_overlap_except_at_a_seam() {
        let mut grid = Grid::default();
        grid.put(0, &ones(1000));
        grid.put(1030, &ones(1000));
        grid.put(1990, &ones(1000));
        assert_eq!(grid.end(), 3000);
        grid.realign();
        grid.put(3010, &ones(950));
        assert_eq!(grid.end(), 3960);
    }

    #[test]
    fn a_gap_of_hours_costs_ten_seconds_of_silence() {
        let mut grid = Grid::default();
        grid.put(0, &ones(960));
        grid.put(48_000 * 7200 + 7, &ones(960));
        assert!(grid.samples.len() < 500_000);
        assert_eq!(grid.end(), 48_000 * 7200 + 7 + 960);
    }
}

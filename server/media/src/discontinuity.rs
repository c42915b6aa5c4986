//! Removes jumps of a file's clock, which spliced broadcasts and damaged timestamps have.

/// Removes jumps of more than `max_jump` microseconds from a file's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct DiscontinuityFilter {
    max_jump: i64,
    shift: i64,
    newest: Option<i64>,
}

impl DiscontinuityFilter {
    pub(super) fn new(max_jump: i64) -> Self {
        Self {
            max_jump,
            shift: 0,
            newest: None,
        }
    }

    /// The microseconds to add to the times of a packet with the decoding time `time`.
    pub(super) fn shift(&mut self, time: i64) -> i64 {
        let shifted = time.saturating_add(self.shift);
        match self.newest {
            Some(newest) if shifted.saturating_sub(newest).saturating_abs() > self.max_jump => {
                self.shift = newest.saturating_sub(time);
            }
            Some(newest) => self.newest = Some(newest.max(shifted)),
            None => self.newest = Some(shifted),
        }
        self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_a_broadcast_clock_is_removed() {
        let mut filter = DiscontinuityFilter::new(10_000_000);
        assert_eq!(filter.shift(1_000_000), 0);
        assert_eq!(filter.shift(1_040_000), 0);
        assert_eq!(filter.shift(90_000_000), 1_040_000 - 90_000_000);
        assert_eq!(filter.shift(90_040_000), 1_040_000 - 90_000_000);
        assert_eq!(filter.shift(5), 1_080_000 - 5);
    }
}

//! The clock of a file may jump: broadcasts are cut together, and damaged bytes read as any time.

/// Closes jumps longer than `limit`, microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jumps {
    limit: i64,
    shift: i64,
    newest: Option<i64>,
}

impl Jumps {
    pub(super) fn longer_than(limit: i64) -> Self {
        Self {
            limit,
            shift: 0,
            newest: None,
        }
    }

    /// What to add to the time of a packet decoded at `time`.
    pub(super) fn shift(&mut self, time: i64) -> i64 {
        let shifted = time.saturating_add(self.shift);
        match self.newest {
            Some(newest) if shifted.saturating_sub(newest).saturating_abs() > self.limit => {
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
    fn a_jump_of_a_broadcast_clock_is_closed() {
        let mut jumps = Jumps::longer_than(10_000_000);
        assert_eq!(jumps.shift(1_000_000), 0);
        assert_eq!(jumps.shift(1_040_000), 0);
        assert_eq!(jumps.shift(90_000_000), 1_040_000 - 90_000_000);
        assert_eq!(jumps.shift(90_040_000), 1_040_000 - 90_000_000);
        assert_eq!(jumps.shift(5), 1_080_000 - 5);
    }
}

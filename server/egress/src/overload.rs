//! Whether a shard keeps up with its viewers.

use std::time::{Duration, Instant};

/// A shard that is behind for this long has more viewers than its core can serve; a burst is over sooner.
const PATIENCE: Duration = Duration::from_secs(1);

/// It is called overloaded for so long after it has caught up: viewers who skip frames relieve it for moments.
const MEMORY: Duration = Duration::from_secs(5);

/// Pure: `now` is passed in after each pass over the viewers that were due.
#[derive(Debug, Default)]
pub(super) struct Overload {
    behind_since: Option<Instant>,
    until: Option<Instant>,
}

impl Overload {
    /// `caught_up`: the pass has left nobody due.
    pub(super) fn on_pass(&mut self, now: Instant, caught_up: bool) {
        if caught_up {
            self.behind_since = None;
        } else if now.duration_since(*self.behind_since.get_or_insert(now)) >= PATIENCE {
            self.until = Some(now + MEMORY);
        }
        self.until = self.until.filter(|until| *until > now);
    }

    pub(super) fn is_overloaded(&self) -> bool {
        self.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a pass at each of these milliseconds: whether it is overloaded.
    fn after(passes: &[(u64, bool)]) -> Vec<bool> {
        let start = Instant::now();
        let mut overload = Overload::default();
        let passes = passes.iter().map(|(millis, caught_up)| {
            overload.on_pass(start + Duration::from_millis(*millis), *caught_up);
            overload.is_overloaded()
        });
        passes.collect()
    }

    #[test]
    fn a_shard_that_is_behind_for_a_second_is_overloaded() {
        let passes = [(0, false), (500, false), (999, false), (1_000, false)];
        assert_eq!(after(&passes), [false, false, false, true]);
    }

    #[test]
    fn a_shard_that_catches_up_in_between_is_not() {
        let passes = [(0, false), (900, true), (1_000, false), (1_900, false)];
        assert_eq!(after(&passes), [false; 4]);
    }

    #[test]
    fn it_is_overloaded_until_it_has_kept_up_for_five_seconds() {
        let passes = [
            (0, false),
            (1_000, false),
            (1_500, true),
            (5_999, true),
            (6_000, true),
        ];
        assert_eq!(after(&passes), [false, true, true, true, false]);
    }
}

//! A publisher whose line is slower than what it sends: its packets wait in a queue, which the round trip shows.

use std::time::Duration;

use net::routes::Remote;

/// So much longer than without a queue.
const LONG: Duration = Duration::from_millis(250);
/// In so many round trips after one another, 4 to 6 s apart.
const IN_ROW: u8 = 2;

#[derive(Debug, Default)]
pub(super) struct UplinkQueue {
    /// Each path has its own round trip: the shortest is that without a queue.
    path: Option<(Remote, Duration)>,
    long: u8,
}

impl UplinkQueue {
    /// The round trip of a path was measured.
    pub(super) fn on_round_trip(&mut self, path: Remote, rtt: Duration) {
        let shortest = match self.path {
            Some((known, shortest)) if known == path => shortest.min(rtt),
            _ => {
                self.long = 0;
                rtt
            }
        };
        self.path = Some((path, shortest));
        self.long = match rtt > shortest + LONG {
            true => self.long.saturating_add(1),
            false => 0,
        };
    }

    pub(super) fn is_long(&self) -> bool {
        self.long >= IN_ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Remote {
        Remote {
            socket: 0,
            address: ([192, 0, 2, 1], port).into(),
            tcp: false,
        }
    }

    #[test]
    fn round_trips_that_become_and_stay_long_are_a_queue() {
        let mut queue = UplinkQueue::default();
        let mut after = |port, milliseconds| {
            queue.on_round_trip(path(port), Duration::from_millis(milliseconds));
            queue.is_long()
        };
        let said = [600, 640, 900, 640, 900, 900, 900, 640].map(|rtt| after(1, rtt));
        assert_eq!(said, [false, false, false, false, false, true, true, false]);
        assert_eq!([900, 900].map(|rtt| after(1, rtt)), [false, true]);
        // Another path is longer by itself.
        assert_eq!([2_000, 2_000].map(|rtt| after(2, rtt)), [false, false]);
    }
}

//! The files that one peer has asked this side for: sent one after another, in the order of asking. Pure.

/// Limit on the files that a peer may have asked for and not got yet. Our clients ask for [`crate::file_queue::ASKED_AHEAD`].
pub const MAX_WANTED: usize = 256;

/// The file of this number, from this byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    pub number: u64,
    pub offset: u64,
}

/// The result of [`WantQueue::on_want`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantOutcome {
    /// It is sent in its turn.
    Queued,
    /// It was being sent: the caller stops that. It begins again as the next file.
    Restarted,
    /// Too many are wanted already.
    Full,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct WantQueue {
    waiting: Vec<Want>,
    current: Option<u64>,
}

impl WantQueue {
    pub fn on_want(&mut self, want: Want) -> WantOutcome {
        if self.current == Some(want.number) {
            self.current = None;
            self.waiting.insert(0, want);
            return WantOutcome::Restarted;
        }
        let before = self.waiting.iter_mut();
        if let Some(before) = before.into_iter().find(|other| other.number == want.number) {
            before.offset = want.offset;
        } else if self.waiting.len() >= MAX_WANTED {
            return WantOutcome::Full;
        } else {
            self.waiting.push(want);
        }
        WantOutcome::Queued
    }

    /// The file is no longer wanted, or no longer offered. True when it was being sent: the caller stops that.
    pub fn remove(&mut self, number: u64) -> bool {
        self.waiting.retain(|want| want.number != number);
        let current = self.current == Some(number);
        if current {
            self.current = None;
        }
        current
    }

    /// The file to send now. `None` while another is being sent, and when nothing is wanted.
    pub fn begin_next(&mut self) -> Option<Want> {
        if self.current.is_some() || self.waiting.is_empty() {
            return None;
        }
        let want = self.waiting.remove(0);
        self.current = Some(want.number);
        Some(want)
    }

    /// The file was sent, or broken off.
    pub fn on_ended(&mut self, number: u64) {
        if self.current == Some(number) {
            self.current = None;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(number: u64) -> Want {
        Want { number, offset: 0 }
    }

    #[test]
    fn files_are_sent_one_after_another_in_the_order_of_asking() {
        let mut queue = WantQueue::default();
        for number in [9, 3, 5, 3] {
            assert_eq!(queue.on_want(want(number)), WantOutcome::Queued);
        }
        let mut order = Vec::new();
        while let Some(next) = queue.begin_next() {
            assert_eq!(queue.begin_next(), None, "one at a time");
            order.push(next.number);
            queue.on_ended(next.number);
        }
        assert_eq!(order, [9, 3, 5]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_file_that_is_asked_for_again_begins_again_at_the_new_offset() {
        let mut queue = WantQueue::default();
        queue.on_want(want(1));
        queue.on_want(want(2));
        queue.begin_next();
        let again = Want {
            number: 1,
            offset: 7,
        };
        assert_eq!(queue.on_want(again), WantOutcome::Restarted);
        assert_eq!(queue.begin_next(), Some(again));
    }

    #[test]
    fn a_file_that_is_stopped_frees_its_place() {
        let mut queue = WantQueue::default();
        for number in 1..=3 {
            queue.on_want(want(number));
        }
        queue.begin_next();
        assert!(!queue.remove(2));
        assert!(queue.remove(1), "it was being sent");
        assert_eq!(queue.begin_next(), Some(want(3)));
    }

    #[test]
    fn a_peer_that_asks_without_end_is_refused() {
        let mut queue = WantQueue::default();
        for number in 0..MAX_WANTED as u64 {
            assert_eq!(queue.on_want(want(number)), WantOutcome::Queued);
        }
        for number in 0..100 * MAX_WANTED as u64 {
            let known = number < MAX_WANTED as u64;
            let expected = if known {
                WantOutcome::Queued
            } else {
                WantOutcome::Full
            };
            assert_eq!(queue.on_want(want(number)), expected);
        }
        assert_eq!(queue.waiting.len(), MAX_WANTED);
    }
}

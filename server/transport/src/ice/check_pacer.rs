//! The pace of the checks that no check of a peer has triggered: one for all connections of a server (RFC 8445 14.2).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Ta (RFC 8445 14.2): 20 requests a second, whatever the number of connections.
pub(super) const TA: Duration = Duration::from_millis(50);

/// Clones share one pace. Connections take turns: each waits for one request at a time.
#[derive(Clone, Debug, Default)]
pub struct CheckPacer(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    /// No request before.
    next: Option<Instant>,
    /// Given out so far.
    tickets: u64,
    /// Rising.
    waiting: VecDeque<u64>,
}

/// A place in the queue for one request. Dropping it leaves the queue.
#[derive(Debug)]
pub(super) struct Turn {
    pacer: CheckPacer,
    ticket: u64,
}

impl CheckPacer {
    pub(super) fn enqueue(&self) -> Turn {
        let mut queue = self.queue();
        let ticket = queue.tickets;
        queue.tickets += 1;
        queue.waiting.push_back(ticket);
        Turn {
            pacer: self.clone(),
            ticket,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Consistent at every point where a holder could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Whether a request may be sent now, which uses the turn up. Err: when to ask again.
    pub(super) fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut queue = self.pacer.queue();
        let free = queue.next.map_or(now, |next| next.max(now));
        let ahead = queue.waiting.partition_point(|other| *other < self.ticket);
        if ahead > 0 || free > now {
            return Err(free + TA * u32::try_from(ahead).unwrap_or(u32::MAX));
        }
        queue.waiting.pop_front();
        queue.next = Some(now + TA);
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self.pacer.queue();
        if let Ok(place) = queue.waiting.binary_search(&self.ticket) {
            queue.waiting.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_leaves_each_interval_and_those_that_wait_take_turns() {
        let (pacer, start) = (CheckPacer::default(), Instant::now());
        let turns: Vec<_> = (0..3).map(|_| pacer.enqueue()).collect();
        assert_eq!(turns[2].take(start), Err(start + 2 * TA));
        assert_eq!(turns[0].take(start), Ok(()));
        assert_eq!(turns[1].take(start), Err(start + TA));
        // A further request of the first one is behind those of the others.
        let again = pacer.enqueue();
        assert_eq!(again.take(start + TA), Err(start + 3 * TA));
        assert_eq!(turns[1].take(start + TA), Ok(()));
        assert_eq!(turns[2].take(start + 2 * TA), Ok(()));
        assert_eq!(again.take(start + 3 * TA), Ok(()));
    }

    #[test]
    fn one_that_leaves_the_queue_delays_nobody() {
        let (pacer, start) = (CheckPacer::default(), Instant::now());
        let (first, second) = (pacer.enqueue(), pacer.enqueue());
        drop(first);
        assert_eq!(second.take(start), Ok(()));
        drop(second);
        assert_eq!(pacer.enqueue().take(start), Err(start + TA));
    }
}

//! Whether the messages to a foreign peer have arrived when the peer acknowledges none, such as a client that sends plain text: its SCTP has acknowledged
//! them (RFC 9260 3.3.4). Pure.

use std::time::{Duration, Instant};

/// A peer that acknowledges messages has done so by then, also those that were sent again ([`crate::app`]).
pub(crate) const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delivery {
    /// The peer sends `received`, which is the better evidence.
    acknowledges: bool,
    /// The highest number that SCTP has acknowledged, and when the first since [`Delivery::take`] was.
    drained: Option<(u64, Instant)>,
}

impl Delivery {
    /// The peer has acknowledged a message itself.
    pub(crate) fn on_acknowledged(&mut self) {
        self.acknowledges = true;
        self.drained = None;
    }

    /// SCTP has acknowledged all messages up to this number.
    pub(crate) fn on_drained(&mut self, number: u64, now: Instant) {
        if !self.acknowledges {
            let (before, since) = self.drained.unwrap_or((0, now));
            self.drained = Some((number.max(before), since));
        }
    }

    /// The number up to which all messages count as received now.
    pub(crate) fn take(&mut self, now: Instant) -> Option<u64> {
        let (_, since) = self.drained?;
        if now < since + ACKNOWLEDGE_TIMEOUT {
            return None;
        }
        self.take_all()
    }

    /// The same when the peer leaves: it acknowledges nothing any more.
    pub(crate) fn take_all(&mut self) -> Option<u64> {
        self.drained.take().map(|(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_to_a_peer_that_acknowledges_none_count_as_received_after_a_while() {
        let (mut delivery, start) = (Delivery::default(), Instant::now());
        delivery.on_drained(7, start);
        delivery.on_drained(9, start + ACKNOWLEDGE_TIMEOUT / 2);
        assert_eq!(delivery.take(start + ACKNOWLEDGE_TIMEOUT / 2), None);
        assert_eq!(delivery.take(start + ACKNOWLEDGE_TIMEOUT), Some(9));
        assert_eq!(delivery.take(start + 2 * ACKNOWLEDGE_TIMEOUT), None);
    }

    #[test]
    fn a_peer_that_acknowledges_is_believed_alone() {
        let (mut delivery, start) = (Delivery::default(), Instant::now());
        delivery.on_drained(7, start);
        delivery.on_acknowledged();
        delivery.on_drained(9, start);
        assert_eq!(delivery.take(start + 2 * ACKNOWLEDGE_TIMEOUT), None);
        assert_eq!(delivery.take_all(), None);
    }

    #[test]
    fn what_has_arrived_at_a_peer_that_leaves_counts_at_once() {
        let (mut delivery, start) = (Delivery::default(), Instant::now());
        delivery.on_drained(7, start);
        assert_eq!(delivery.take_all(), Some(7));
    }
}

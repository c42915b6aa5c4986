//! Perfect negotiation (W3C WebRTC 10.7): both sides of a connection may offer at any time. Pure: it decides, its owner acts.
//!
//! When two offers cross, the *impolite* side ignores the other's, and the *polite* side takes its own back (rollback) and answers. Who is polite must be known to
//! both alike: the peer with the greater [`PeerId`] is.

use crate::signaling::PeerId;

/// Whether `me` gives way to `other` when offers cross.
pub fn is_polite(me: &PeerId, other: &PeerId) -> bool {
    me > other
}

/// What has been promised on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiation {
    polite: bool,
    making_offer: bool,
    ignoring: bool,
}

/// What to do with an offer of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOffer {
    /// `setRemoteDescription(offer)`, answer.
    Answer,
    /// Take the own offer back first (a browser does so by itself), then answer.
    RollBack,
    /// Drop it, and the candidates that come with it.
    Ignore,
}

impl Negotiation {
    pub const fn new(polite: bool) -> Self {
        Self {
            polite,
            making_offer: false,
            ignoring: false,
        }
    }

    /// An own offer is being made: from before `createOffer` until it has been set and sent, or failed.
    pub fn making_offer(&mut self, making: bool) {
        self.making_offer = making;
    }

    /// An offer came. `stable`: the signaling state is.
    pub fn on_offer(&mut self, stable: bool) -> OnOffer {
        let collision = self.making_offer || !stable;
        self.ignoring = collision && !self.polite;
        match (collision, self.polite) {
            (false, _) => OnOffer::Answer,
            (true, true) => OnOffer::RollBack,
            (true, false) => OnOffer::Ignore,
        }
    }

    /// Whether a candidate that cannot be added is no error: it belongs to an offer that was ignored.
    pub const fn is_ignoring(&self) -> bool {
        self.ignoring
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_of_two_is_polite() {
        let id = |n: u8| PeerId::try_from(format!("{n:016x}")).unwrap();
        assert!(is_polite(&id(2), &id(1)));
        assert!(!is_polite(&id(1), &id(2)));
    }

    #[test]
    fn when_offers_cross_one_side_gives_way() {
        let mut polite = Negotiation::new(true);
        let mut impolite = Negotiation::new(false);
        polite.making_offer(true);
        impolite.making_offer(true);
        assert_eq!(polite.on_offer(true), OnOffer::RollBack);
        assert_eq!(impolite.on_offer(true), OnOffer::Ignore);
        assert!(impolite.is_ignoring());
        impolite.making_offer(false);
        assert_eq!(impolite.on_offer(true), OnOffer::Answer);
        assert!(!impolite.is_ignoring());
    }

    #[test]
    fn an_offer_that_waits_for_its_answer_counts_as_crossing() {
        let mut negotiation = Negotiation::new(false);
        assert_eq!(negotiation.on_offer(false), OnOffer::Ignore);
    }
}

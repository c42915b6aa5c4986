//! Perfect negotiation (W3C WebRTC 10.7): both sides of a connection may offer at any time. Pure: it does no I/O.
//!
//! When two offers cross, the *impolite* side ignores the other offer; the *polite* side rolls its own offer back and answers. The peer with the
//! greater [`PeerId`] is polite, so both sides agree.

use crate::signaling::PeerId;

/// Whether `me` is the polite side of a connection to `other`.
pub fn is_polite(me: &PeerId, other: &PeerId) -> bool {
    me > other
}

/// The first offer to a peer, with `a=setup:active` in place of `actpass`: this side becomes the DTLS client (RFC 8842 5.2). Some libraries begin SCTP
/// only as ICE controlling side (werift) or as DTLS client (webrtc-rs); a peer that is neither waits for the other side to begin, and libraries
/// that count their channels by the DTLS role (RFC 8832 6) do not take the id of `chat`.
pub fn as_dtls_client(offer: &str) -> String {
    offer.replace("a=setup:actpass", "a=setup:active")
}

/// The state of the negotiation on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiation {
    polite: bool,
    making_offer: bool,
    ignoring: bool,
}

/// What to do with a remote offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferAction {
    /// Set it as remote description, then answer.
    Answer,
    /// Roll the local offer back (browsers do so implicitly), then answer.
    RollBack,
    /// Ignore it and its candidates.
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

    /// `true` before an offer is created; `false` when it has been set and sent, or has failed.
    pub fn making_offer(&mut self, making: bool) {
        self.making_offer = making;
    }

    /// A remote offer arrived. `stable`: the signaling state is `stable`.
    pub fn on_offer(&mut self, stable: bool) -> OfferAction {
        let collision = self.making_offer || !stable;
        self.ignoring = collision && !self.polite;
        match (collision, self.polite) {
            (false, _) => OfferAction::Answer,
            (true, true) => OfferAction::RollBack,
            (true, false) => OfferAction::Ignore,
        }
    }

    /// Whether the last remote offer was ignored: then a candidate that cannot be added is no error.
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
    fn when_offers_cross_one_side_rolls_back() {
        let mut polite = Negotiation::new(true);
        let mut impolite = Negotiation::new(false);
        polite.making_offer(true);
        impolite.making_offer(true);
        assert_eq!(polite.on_offer(true), OfferAction::RollBack);
        assert_eq!(impolite.on_offer(true), OfferAction::Ignore);
        assert!(impolite.is_ignoring());
        impolite.making_offer(false);
        assert_eq!(impolite.on_offer(true), OfferAction::Answer);
        assert!(!impolite.is_ignoring());
    }

    #[test]
    fn an_offer_to_be_the_dtls_client_differs_in_nothing_else() {
        let offer =
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=setup:actpass\r\na=mid:0\r\n";
        let active = as_dtls_client(offer);
        assert_eq!(active, offer.replace("actpass", "active"));
        assert_eq!(as_dtls_client(&active), active);
    }

    #[test]
    fn an_unanswered_local_offer_collides() {
        let mut negotiation = Negotiation::new(false);
        assert_eq!(negotiation.on_offer(false), OfferAction::Ignore);
    }
}

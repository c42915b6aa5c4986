//! Which of two paths that the peer has nominated is the newer choice.
//!
//! RFC 8445 8.1.1 has one nomination a session, but browsers nominate in each check of the pair that they use, and move by
//! nominating another (regular nomination, repeated); peers after RFC 5245 8.1.1.2 nominate every pair in each check (aggressive
//! nomination). The first mean the newest, and of the second the highest priority wins (RFC 8445 8.1.1, last paragraph).

use std::time::{Duration, Instant};

use super::stun::{Message, TransactionId};

/// A selected path that was not heard for this long may have stopped working.
pub(super) const QUIET: Duration = Duration::from_secs(1);
/// After so long without, a nomination begins anew. Keepalives are due every 15 s (RFC 8445 11).
const LAPSE: Duration = Duration::from_secs(30);

/// The nominations of one path: the checks with USE-CANDIDATE.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nomination {
    newest: Option<Instant>,
    transaction: TransactionId,
    /// Nominations since the selected path, if another, was selected or nominated last.
    in_a_row: u32,
    /// The newest began after a lapse.
    is_first: bool,
    /// PRIORITY of the newest.
    priority: u32,
    /// Waits for the path to be proved.
    pub(super) is_undecided: bool,
}

impl Nomination {
    pub(super) fn is_nominated(&self) -> bool {
        self.newest.is_some()
    }

    /// Notes a check. False: it does not nominate, or is a retransmission.
    pub(super) fn note(&mut self, now: Instant, check: &Message<'_>) -> bool {
        let repeats = self.newest.is_some() && self.transaction == check.transaction;
        if !check.use_candidate || repeats {
            return false;
        }
        self.is_first = self.newest.is_none_or(|newest| newest + LAPSE <= now);
        self.newest = Some(now);
        self.transaction = check.transaction;
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.priority = check.priority;
        self.is_undecided = true;
        true
    }

    /// Another path is the selected one, and was just selected or nominated.
    pub(super) fn interrupt(&mut self) {
        self.in_a_row = 0;
    }

    /// Whether the peer moves to this path from the selected one.
    pub(super) fn supersedes(&self, selected: &Self) -> bool {
        let (Some(newest), true) = (self.newest, self.is_undecided) else {
            return false;
        };
        // A path without a nomination was selected because it was the first.
        let Some(last) = selected.newest else {
            return true;
        };
        self.in_a_row >= 2
            || (self.is_first && last + QUIET <= newest)
            || self.priority > selected.priority
    }
}

//! Checks of a lite peer's candidates: it sends none itself (RFC 8445 2.5), so the agent is the controlling side (6.1.1).
//!
//! These are the only datagrams that go to an address because an offer names it. So they are few, and paced together with those
//! of all connections.

use std::time::{Duration, Instant};

use net::routes::Remote;

use super::check_pacer::{CheckPacer, Turn};
use super::stun::{self, Class, Message, Sender, TransactionId};
use super::{Agent, IceEvent, Verdict, queue};

/// Candidates of one peer that are checked.
pub const MAX_CANDIDATES: usize = 10;

/// The waits after each of seven requests (RFC 8489 6.2.1), beginning with the RTO of RFC 8445 14.3. A connection has 15 s.
const WAITS_MS: [u64; 7] = [500, 1_000, 2_000, 2_000, 2_000, 2_000, 2_000];
/// The peer ignores checks until it has our password, which is in the answer.
const HEAD_START: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct LitePeer {
    pacer: CheckPacer,
    turn: Option<Turn>,
    /// Our turn does not come before.
    turn_at: Instant,
    pairs: Vec<Pair>,
}

/// A candidate under check. Once one has answered, it is the only one, and is nominated (RFC 8445 8.1.1).
#[derive(Debug)]
struct Pair {
    remote: Remote,
    transaction: TransactionId,
    nominates: bool,
    sent: usize,
    due: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Failed,
    Valid,
    Nominated,
}

impl LitePeer {
    /// The preferred candidates come first.
    fn new(candidates: &[Remote], pacer: CheckPacer, now: Instant) -> Self {
        let candidates = candidates.iter().take(MAX_CANDIDATES);
        Self {
            pacer,
            turn: None,
            turn_at: now,
            pairs: candidates
                .map(|remote| Pair::new(*remote, false, now + HEAD_START))
                .collect(),
        }
    }

    /// The next request, when it is its time and our turn.
    fn poll(&mut self, now: Instant) -> Option<&Pair> {
        let due = self.pairs.iter_mut().filter(|pair| pair.due <= now);
        // The first of those that are due for equally long.
        let Some(pair) = due.min_by_key(|pair| pair.due) else {
            self.turn = None;
            return None;
        };
        let turn = self.turn.get_or_insert_with(|| self.pacer.enqueue());
        if let Err(later) = turn.take(now) {
            self.turn_at = later;
            return None;
        }
        self.turn = None;
        let wait = WAITS_MS.get(pair.sent).copied().unwrap_or_default();
        pair.sent += 1;
        pair.due = now + Duration::from_millis(wait);
        Some(pair)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let due = self.pairs.iter().map(|pair| pair.due).min()?;
        Some(match self.turn {
            Some(_) => due.max(self.turn_at),
            None => due,
        })
    }

    /// Removes the candidates that have not answered their last request.
    fn expire(&mut self, now: Instant) -> Vec<Remote> {
        let is_over = |pair: &mut Pair| pair.sent >= WAITS_MS.len() && pair.due <= now;
        let over = self.pairs.extract_if(.., is_over);
        over.map(|pair| pair.remote).collect()
    }

    /// An authenticated answer; with the candidates that are not checked any more.
    fn on_response(&mut self, now: Instant, from: Remote, success: bool) -> (Outcome, Vec<Remote>) {
        let answered = self.pairs.iter().find(|pair| pair.remote == from);
        let nominated = answered.is_some_and(|pair| pair.nominates);
        let (outcome, is_over): (_, fn(&Pair, Remote) -> bool) = match (success, nominated) {
            (false, _) => (Outcome::Failed, |pair, from| pair.remote == from),
            (true, false) => (Outcome::Valid, |pair, from| pair.remote != from),
            (true, true) => (Outcome::Nominated, |_, _| true),
        };
        let over = self.pairs.extract_if(.., |pair| is_over(pair, from));
        let over = over.map(|pair| pair.remote).collect();
        if outcome == Outcome::Valid {
            self.pairs = vec![Pair::new(from, true, now)];
        }
        (outcome, over)
    }
}

impl Pair {
    fn new(remote: Remote, nominates: bool, due: Instant) -> Self {
        Self {
            remote,
            transaction: stun::random_transaction(),
            nominates,
            sent: 0,
            due,
        }
    }
}

impl Agent {
    /// The peer's offer says `a=ice-lite`: these candidates of it are checked, at most [`MAX_CANDIDATES`].
    pub fn check_candidates(&mut self, candidates: &[Remote], pacer: &CheckPacer, now: Instant) {
        let peer = LitePeer::new(candidates, pacer.clone(), now);
        self.lite_peer = Some(Box::new(peer));
    }

    pub(super) fn check_lite_peer(&mut self, now: Instant) {
        let Some(peer) = &mut self.lite_peer else {
            return;
        };
        let over = peer.expire(now);
        // Until one waits for its turn.
        while let Some(pair) = peer.poll(now) {
            let nominates = pair.nominates;
            let session = &self.session;
            let check = stun::check(
                pair.transaction,
                &session.username,
                &session.remote_integrity,
                Sender::Controlling { nominates },
            );
            queue(&mut self.transmits, pair.remote, check);
        }
        self.forget_candidates(over);
    }

    /// None: it answers none of these checks.
    pub(super) fn on_lite_response(
        &mut self,
        now: Instant,
        from: Remote,
        response: &Message<'_>,
    ) -> Option<Verdict> {
        let peer = self.lite_peer.as_mut()?;
        let awaits = |pair: &Pair| pair.remote == from && pair.transaction == response.transaction;
        if !peer.pairs.iter().any(awaits) {
            return None;
        }
        if !response.is_authentic(&self.session.remote_integrity) {
            return Some(Verdict::NotOurs);
        }
        let success = response.class == Class::Success;
        let (outcome, mut over) = peer.on_response(now, from, success);
        over.retain(|candidate| outcome != Outcome::Nominated || *candidate != from);
        self.forget_candidates(over);
        let generation = self.session.generation;
        if outcome == Outcome::Nominated
            && let Some(index) = self.path(now, from, generation)
        {
            let path = &mut self.paths[index];
            if path.generation != generation {
                path.change_generation(generation);
            }
            path.on_response(now, response.transaction, true);
            self.note_heard(now, from);
            self.select(now, index);
        }
        self.check_lite_peer(now);
        Some(Verdict::Ours)
    }

    /// After a restart, only the address that the peer has proved is checked with the new credentials: a restart names none.
    pub(super) fn restart_lite_peer(&mut self, now: Instant) {
        if let (Some(peer), Some(selected)) = (&mut self.lite_peer, self.selected) {
            let pair = Pair::new(selected, false, now + HEAD_START);
            let over = std::mem::replace(&mut peer.pairs, vec![pair]);
            self.forget_candidates(over.iter().map(|pair| pair.remote).collect());
        }
    }

    fn forget_candidates(&mut self, candidates: Vec<Remote>) {
        for candidate in candidates {
            if !self.knows(candidate) {
                self.events.push_back(IceEvent::Forgotten(candidate));
            }
        }
    }
}

//! When to mend the connection to another peer, and how. Pure; the times are milliseconds of any steady clock.
//!
//! Both sides may mend at once ([`shared::negotiation`]); the polite one waits a little longer, so mostly one does.

/// A peer that arrives offers by itself; for so long the others wait for that.
const OFFER_WITHIN: u64 = 3_000;
/// Silence on the path that may pass by itself.
const SILENCE: u64 = 3_000;
/// For an offer to be answered and its candidates to be tried.
const TRY: u64 = 10_000;
const LONGEST_TRY: u64 = 30_000;
/// From this try on a new connection is made, not only a new path.
const REBUILD: u32 = 3;
/// After so many tries it is said that it cannot be done; it is tried on.
const GIVE_UP: u32 = 2;
/// What the polite side waits longer.
const POLITE: u64 = 1_000;

/// How the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Connecting,
    Open,
    /// It was open, and is being mended.
    Broken,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// New ICE credentials on the connection there is; or the first connection.
    Restart,
    /// A connection from nothing.
    Rebuild,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    polite: bool,
    /// The server can carry an offer to the other side.
    reachable: bool,
    open: bool,
    was_open: bool,
    /// The connection itself ended: a new path is of no use.
    dead: bool,
    tries: u32,
    /// When the next remedy is due, unless all is well.
    due: u64,
}

impl Repair {
    pub fn new(polite: bool) -> Self {
        Self {
            polite,
            reachable: false,
            open: false,
            was_open: false,
            dead: false,
            tries: 0,
            due: 0,
        }
    }

    /// `offer`: this side has come to the other, and offers.
    pub fn reachable(&mut self, now: u64, offer: bool) {
        self.reachable = true;
        self.tries = 0;
        self.due = if offer { now } else { now + OFFER_WITHIN };
    }

    pub fn unreachable(&mut self) {
        self.reachable = false;
    }

    /// Messages flow.
    pub fn open(&mut self) {
        (self.open, self.was_open, self.dead) = (true, true, false);
        self.tries = 0;
    }

    /// No answer on the path.
    pub fn silent(&mut self, now: u64) {
        self.broken(now + SILENCE);
    }

    /// ICE has given up. It has given up a restart too when that took its whole time, so this does not hurry the next.
    pub fn failed(&mut self, now: u64) {
        if self.open || self.tries == 0 {
            self.broken(now);
        }
    }

    /// The other side has ended the connection, or has another one.
    pub fn ended(&mut self, now: u64) {
        self.dead = true;
        // Mostly it has reloaded, and offers as soon as it is back.
        self.broken(now + SILENCE);
    }

    /// The other side is at it.
    pub fn offered(&mut self, now: u64) {
        self.due = self.due.max(now + TRY);
    }

    /// A connection was made anew, by whichever side.
    pub fn rebuilt(&mut self, now: u64) {
        self.open = false;
        self.dead = false;
        self.due = self.due.max(now + TRY);
    }

    fn broken(&mut self, due: u64) {
        let due = if self.polite { due + POLITE } else { due };
        // A remedy under way keeps its time.
        if self.open || self.tries == 0 {
            self.due = due;
        }
        self.open = false;
    }

    /// What is to be done now. Ask about once a second.
    pub fn tick(&mut self, now: u64) -> Option<Remedy> {
        if self.open || !self.reachable || now < self.due {
            return None;
        }
        self.tries += 1;
        let wait = (TRY + u64::from(self.tries / REBUILD) * TRY).min(LONGEST_TRY);
        self.due = now + if self.polite { wait + POLITE } else { wait };
        Some(if self.dead || self.tries.is_multiple_of(REBUILD) {
            Remedy::Rebuild
        } else {
            Remedy::Restart
        })
    }

    pub fn health(&self) -> Health {
        match (self.open, self.was_open) {
            (true, _) => Health::Open,
            _ if self.tries > GIVE_UP => Health::Failed,
            (_, true) => Health::Broken,
            _ => Health::Connecting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedies(repair: &mut Repair, seconds: std::ops::Range<u64>) -> Vec<(u64, Remedy)> {
        seconds
            .filter_map(|s| Some((s, repair.tick(s * 1_000)?)))
            .collect()
    }

    fn open() -> Repair {
        let mut repair = Repair::new(false);
        repair.reachable(0, true);
        assert_eq!(repair.tick(0), Some(Remedy::Restart));
        repair.open();
        assert_eq!(repair.health(), Health::Open);
        assert!(remedies(&mut repair, 0..100).is_empty());
        repair
    }

    #[test]
    fn who_arrives_offers_and_who_was_there_waits_a_moment() {
        let mut arrived = Repair::new(true);
        arrived.reachable(0, true);
        assert_eq!(remedies(&mut arrived, 0..5), [(0, Remedy::Restart)]);
        let mut there = Repair::new(false);
        there.reachable(0, false);
        there.offered(1_000);
        assert!(remedies(&mut there, 0..11).is_empty());
        assert_eq!(there.health(), Health::Connecting);
    }

    #[test]
    fn a_path_that_dies_is_restarted_after_three_seconds() {
        let mut repair = open();
        repair.silent(100_000);
        assert_eq!(repair.health(), Health::Broken);
        assert_eq!(remedies(&mut repair, 100..110), [(103, Remedy::Restart)]);
        repair.open();
        assert_eq!(repair.health(), Health::Open);
    }

    #[test]
    fn ice_that_gave_up_is_restarted_at_once() {
        let mut repair = open();
        repair.failed(100_000);
        assert_eq!(repair.tick(100_000), Some(Remedy::Restart));
        // That it fails again does not make it faster.
        repair.failed(101_000);
        assert_eq!(repair.tick(102_000), None);
    }

    #[test]
    fn restarts_that_do_not_help_end_in_a_new_connection_and_in_a_word() {
        let mut repair = open();
        repair.silent(0);
        let tried = remedies(&mut repair, 0..60);
        use Remedy::{Rebuild, Restart};
        assert_eq!(
            tried,
            [(3, Restart), (13, Restart), (23, Rebuild), (43, Restart)]
        );
        assert_eq!(repair.health(), Health::Failed);
    }

    #[test]
    fn a_connection_that_the_other_side_ended_is_made_anew() {
        let mut repair = open();
        repair.ended(0);
        assert_eq!(remedies(&mut repair, 0..5), [(3, Remedy::Rebuild)]);
        let mut repair = open();
        repair.ended(0);
        repair.rebuilt(1_000);
        assert!(remedies(&mut repair, 0..11).is_empty());
    }

    #[test]
    fn nothing_is_tried_while_the_server_cannot_carry_it() {
        let mut repair = open();
        repair.unreachable();
        repair.silent(0);
        assert!(remedies(&mut repair, 0..100).is_empty());
        repair.reachable(100_000, true);
        assert_eq!(remedies(&mut repair, 100..105), [(100, Remedy::Restart)]);
    }
}

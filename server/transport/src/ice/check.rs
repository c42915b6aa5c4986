//! Our check of one path: a request that is repeated until it is answered.

use std::time::{Duration, Instant};

use super::stun::{self, TransactionId};

/// The waits after each request of a check. Then it has failed.
const WAITS_MS: [u64; 7] = [50, 100, 200, 400, 800, 1_600, 1_600];
/// A check for consent begins with this wait, as its path works and nothing is in a hurry.
const CONSENT_STEP: usize = 3;
/// Requests whose answers tell a round trip: the newest ones.
const TIMED: u8 = 8;
/// The byte of a transaction that counts the requests.
const COUNT: usize = 11;

/// Until it is answered or has failed. All its requests have one transaction but for the last byte, which counts them: an answer to an early one counts, and
/// tells the round trip of the request that it answers.
#[derive(Debug)]
pub(super) struct Check {
    /// Of the next request.
    transaction: TransactionId,
    step: usize,
    due: Instant,
    /// When each of the newest requests was sent, by its count.
    sent: [Option<Instant>; TIMED as usize],
}

/// What a check needs now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Request(TransactionId),
    Failed,
}

impl Check {
    /// RFC 8445 7.3.1.4.
    pub(super) fn triggered(now: Instant) -> Self {
        Self::new(now, 0)
    }

    /// RFC 7675 5.1.
    pub(super) fn of_consent(now: Instant) -> Self {
        Self::new(now, CONSENT_STEP)
    }

    fn new(now: Instant, step: usize) -> Self {
        Self {
            transaction: stun::random_transaction(),
            step,
            due: now,
            sent: [None; TIMED as usize],
        }
    }

    /// Its requests are frequent again.
    pub(super) fn begin_again(&mut self, now: Instant) {
        (self.step, self.due) = (0, now);
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn poll(&mut self, now: Instant) -> Due {
        if now < self.due {
            return Due::Nothing;
        }
        let Some(wait) = WAITS_MS.get(self.step) else {
            return Due::Failed;
        };
        self.step += 1;
        self.due = now + Duration::from_millis(*wait);
        let request = self.transaction;
        self.sent[usize::from(request[COUNT] % TIMED)] = Some(now);
        self.transaction[COUNT] = request[COUNT].wrapping_add(1);
        Due::Request(request)
    }

    /// Whether a transaction is that of one of its requests, or of one to come.
    pub(super) fn awaits(&self, transaction: TransactionId) -> bool {
        transaction[..COUNT] == self.transaction[..COUNT]
    }

    /// Since the request of this transaction. `None`: it was long ago.
    pub(super) fn round_trip(&self, now: Instant, transaction: TransactionId) -> Option<Duration> {
        let (next, count) = (self.transaction[COUNT], transaction[COUNT]);
        let is_timed = (1..=TIMED).contains(&next.wrapping_sub(count));
        let sent = self.sent[usize::from(count % TIMED)].filter(|_| is_timed)?;
        Some(now.saturating_duration_since(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn an_answer_tells_the_round_trip_of_its_own_request() {
        let start = Instant::now();
        let mut check = Check::of_consent(start);
        let Due::Request(first) = check.poll(start) else {
            panic!("it is due");
        };
        assert_eq!(check.poll(start + ms(399)), Due::Nothing);
        let Due::Request(second) = check.poll(start + ms(400)) else {
            panic!("it is repeated");
        };
        assert!(check.awaits(first) && check.awaits(second));
        assert_eq!(check.round_trip(start + ms(700), first), Some(ms(700)));
        assert_eq!(check.round_trip(start + ms(700), second), Some(ms(300)));
        // Never sent, and of another check.
        let mut other = second;
        other[COUNT] = other[COUNT].wrapping_add(1);
        assert_eq!(check.round_trip(start + ms(700), other), None);
        other[0] ^= 1;
        assert!(!check.awaits(other));
    }

    #[test]
    fn only_the_newest_requests_are_timed_however_often_it_begins_again() {
        let start = Instant::now();
        let mut check = Check::triggered(start);
        let requests: Vec<_> = (0..600)
            .map(|count| {
                check.begin_again(start + ms(count));
                check.poll(start + ms(count))
            })
            .collect();
        let round_trips = requests.iter().map(|request| match request {
            Due::Request(transaction) => check.round_trip(start + ms(1_000), *transaction),
            _ => panic!("it is due"),
        });
        let round_trips: Vec<_> = round_trips.collect();
        assert_eq!(round_trips[599], Some(ms(401)));
        assert_eq!(round_trips[592], Some(ms(408)));
        assert_eq!(round_trips[591], None);
    }
}

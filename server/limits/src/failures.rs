//! A limit on how often one client may fail, for example with a wrong key. `now` is passed in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::address::CountedAddress;

/// Failures of late, by address. An address may fail ten times in a minute; after that it has to wait. All clients
/// without an address of their own share a larger number.
#[derive(Debug, Default)]
pub struct Failures {
    by_address: HashMap<CountedAddress, FailureBudget>,
    others: FailureBudget,
    purged: Option<Instant>,
}

/// When all failures so far have been forgotten: each counts for its part of a period.
#[derive(Clone, Copy, Debug, Default)]
struct FailureBudget(Option<Instant>);

const PERIOD: Duration = Duration::from_secs(60);
const PER_ADDRESS: u32 = 10;
const OF_OTHERS: u32 = 200;
/// Addresses that are counted on their own; further ones count among the others.
const MAX_ADDRESSES: usize = 10_000;
/// A purge visits all addresses.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

impl Failures {
    /// Whether another attempt is permitted.
    ///
    /// # Errors
    /// Not before this time has passed.
    pub fn check(&self, address: Option<CountedAddress>, now: Instant) -> Result<(), Duration> {
        match self.own(address) {
            Some(budget) => budget.check(PER_ADDRESS, now),
            None if self.counts_alone(address) => Ok(()),
            None => self.others.check(OF_OTHERS, now),
        }
    }

    /// Counts a failure.
    pub fn add(&mut self, address: Option<CountedAddress>, now: Instant) {
        let is_purge_due =
            |purged: Instant| now.saturating_duration_since(purged) >= PURGE_INTERVAL;
        if self.by_address.len() >= MAX_ADDRESSES && self.purged.is_none_or(is_purge_due) {
            self.purged = Some(now);
            self.by_address
                .retain(|_, budget| !budget.has_recovered(now));
        }
        match address {
            Some(address) if self.counts_alone(Some(address)) => {
                let budget = self.by_address.entry(address).or_default();
                budget.add(PER_ADDRESS, now);
            }
            _ => self.others.add(OF_OTHERS, now),
        }
    }

    fn own(&self, address: Option<CountedAddress>) -> Option<&FailureBudget> {
        self.by_address.get(&address?)
    }

    /// Whether the failures of this address have a limit of their own.
    pub fn counts_alone(&self, address: Option<CountedAddress>) -> bool {
        address.is_some() && (self.own(address).is_some() || self.by_address.len() < MAX_ADDRESSES)
    }
}

impl FailureBudget {
    fn add(&mut self, permitted: u32, now: Instant) {
        let recovered = self.0.map_or(now, |end| end.max(now));
        // Attempts that were made at the same time count too, but do not prolong the wait without bound.
        self.0 = Some((recovered + PERIOD / permitted).min(now + 2 * PERIOD));
    }

    fn check(self, permitted: u32, now: Instant) -> Result<(), Duration> {
        let left = self
            .0
            .map_or(Duration::ZERO, |end| end.saturating_duration_since(now));
        // One more fits when it would be within the period.
        let wait = (left + PERIOD / permitted).saturating_sub(PERIOD);
        match wait.is_zero() {
            true => Ok(()),
            false => Err(wait),
        }
    }

    fn has_recovered(self, now: Instant) -> bool {
        self.0.is_none_or(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(number: u32) -> Option<CountedAddress> {
        Some(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)).into())
    }

    /// Attempts that all fail, until one is not permitted.
    fn fail(failures: &mut Failures, address: Option<CountedAddress>, now: Instant) -> u32 {
        let permitted = (0..10_000).take_while(|_| {
            let permitted = failures.check(address, now).is_ok();
            if permitted {
                failures.add(address, now);
            }
            permitted
        });
        permitted.count() as u32
    }

    #[test]
    fn an_address_may_fail_ten_times_in_a_minute_and_others_are_not_affected() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        assert_eq!(fail(&mut failures, address(1), now), PER_ADDRESS);
        let wait = failures.check(address(1), now).unwrap_err();
        assert!(wait <= Duration::from_secs(6), "{wait:?}");
        assert_eq!(failures.check(address(1), now + wait), Ok(()));
        assert_eq!(fail(&mut failures, address(1), now + wait), 1);
        assert_eq!(
            fail(&mut failures, address(1), now + 2 * PERIOD),
            PER_ADDRESS
        );
        assert_eq!(fail(&mut failures, address(2), now), PER_ADDRESS);
        assert_eq!(fail(&mut failures, None, now), OF_OTHERS);
    }

    #[test]
    fn attempts_at_the_same_time_do_not_prolong_the_wait_without_bound() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        (0..10_000).for_each(|_| failures.add(address(1), now));
        let wait = failures.check(address(1), now).unwrap_err();
        assert!(wait <= 2 * PERIOD, "{wait:?}");
    }

    #[test]
    fn a_flood_of_addresses_is_bounded_and_counts_together() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for number in 0..2 * MAX_ADDRESSES as u32 {
            failures.add(address(number), now);
        }
        assert_eq!(failures.by_address.len(), MAX_ADDRESSES);
        assert!(failures.check(address(1 << 20), now).is_err());
        // A known address is counted alone.
        assert_eq!(failures.check(address(1), now), Ok(()));
        // At most one purge a second.
        assert_eq!(failures.purged, Some(now));
        failures.add(address(1 << 20), now + PURGE_INTERVAL / 2);
        assert_eq!(failures.purged, Some(now));
        let later = now + 3 * PERIOD;
        failures.add(address(1 << 20), later);
        assert_eq!(failures.by_address.len(), 1);
        assert_eq!(failures.check(address(1 << 21), later), Ok(()));
    }
}

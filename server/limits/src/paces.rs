//! A limit on how often each address does something, and all together. `now` is passed in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::address::CountedAddress;
use super::quota::Exceeded;
use super::rate_limit::RateLimit;

/// Admits `OF_ADDRESS` events a second of one address and `TOTAL` of all, and bursts as [`RateLimit`].
#[derive(Debug)]
pub struct Paces<const OF_ADDRESS: u32, const TOTAL: u32> {
    total: RateLimit<TOTAL>,
    by_address: HashMap<CountedAddress, RateLimit<OF_ADDRESS>>,
    purged: Instant,
}

/// Addresses that have a pace of their own; further ones have the total alone.
const MAX_ADDRESSES: usize = 10_000;
/// A purge visits all addresses.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

impl<const OF_ADDRESS: u32, const TOTAL: u32> Paces<OF_ADDRESS, TOTAL> {
    pub fn new(now: Instant) -> Self {
        Self {
            total: RateLimit::new(now),
            by_address: HashMap::new(),
            purged: now,
        }
    }

    /// Counts an event if it is admitted. `None`: an address that counts in total only.
    ///
    /// # Errors
    /// It is not. What one address does in vain does not count in total.
    pub fn try_acquire(
        &mut self,
        address: Option<CountedAddress>,
        now: Instant,
    ) -> Result<(), Exceeded> {
        if self.by_address.len() >= MAX_ADDRESSES
            && now.saturating_duration_since(self.purged) >= PURGE_INTERVAL
        {
            self.purged = now;
            self.by_address.retain(|_, pace| !pace.is_unused(now));
        }
        if let Some(address) = address
            && (self.by_address.len() < MAX_ADDRESSES || self.by_address.contains_key(&address))
        {
            let pace = self.by_address.entry(address);
            if !pace.or_insert_with(|| RateLimit::new(now)).try_acquire(now) {
                return Err(Exceeded::Address);
            }
        }
        match self.total.try_acquire(now) {
            true => Ok(()),
            false => Err(Exceeded::Total),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(number: u32) -> Option<CountedAddress> {
        Some(IpAddr::from(Ipv4Addr::from_bits(0xc633_0000 + number)).into())
    }

    #[test]
    fn one_address_leaves_the_pace_of_others() {
        let start = Instant::now();
        let mut paces = Paces::<10, 25>::new(start);
        let mut admitted = |number, now| {
            let acquired = (0..1_000).map(|_| paces.try_acquire(address(number), now));
            acquired.filter(Result::is_ok).count()
        };
        assert_eq!([admitted(1, start), admitted(2, start)], [20, 20]);
        // The rest of what all together may do.
        assert_eq!(admitted(3, start), 10);
        let later = start + Duration::from_secs(1);
        assert_eq!([admitted(1, later), admitted(3, later)], [10, 10]);
        let unnamed = (0..1_000).filter(|_| paces.try_acquire(None, later).is_ok());
        assert_eq!(unnamed.count(), 5);
    }

    #[test]
    fn addresses_are_forgotten_and_bounded() {
        let start = Instant::now();
        let mut paces = Paces::<10, 1_000_000>::new(start);
        for number in 0..3 * MAX_ADDRESSES as u32 {
            paces.try_acquire(address(number), start).unwrap();
        }
        assert_eq!(paces.by_address.len(), MAX_ADDRESSES);
        let later = start + Duration::from_secs(2);
        paces.try_acquire(address(0), later).unwrap();
        assert_eq!(paces.by_address.len(), 1);
    }
}

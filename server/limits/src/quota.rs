//! A limit for one address and for all, and the counts under it.

use std::collections::HashMap;

use super::address::CountedAddress;

/// How many of something there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub total: u32,
    pub per_address: u32,
}

/// Which limit does not permit one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    Address,
    Total,
}

/// How many of something there are: of each address, and in total. It holds no more entries than it counts.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    total: u32,
    by_address: HashMap<CountedAddress, u32>,
}

impl Counts {
    /// Whether one more fits. `None`: an address that counts in total only.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, address: Option<CountedAddress>, quota: Quota) -> Result<(), Exceeded> {
        let of_address = address.map_or(0, |address| self.of(address));
        if address.is_some() && of_address >= quota.per_address {
            Err(Exceeded::Address)
        } else if self.total >= quota.total {
            Err(Exceeded::Total)
        } else {
            Ok(())
        }
    }

    /// Counts one, whether it fits or not.
    pub fn add(&mut self, address: Option<CountedAddress>) {
        self.total = self.total.saturating_add(1);
        if let Some(address) = address {
            let count = self.by_address.entry(address).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Takes away one that was counted for this address.
    pub fn remove(&mut self, address: Option<CountedAddress>) {
        self.total = self.total.saturating_sub(1);
        let Some(address) = address else { return };
        if let Some(count) = self.by_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    pub fn total(&self) -> u32 {
        self.total
    }

    pub fn of(&self, address: CountedAddress) -> u32 {
        self.by_address.get(&address).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const QUOTA: Quota = Quota {
        total: 3,
        per_address: 2,
    };

    fn from(address: &str) -> Option<CountedAddress> {
        Some(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let mut counts = Counts::default();
        let (one, other) = (from("192.0.2.1"), from("192.0.2.2"));
        for _ in 0..2 {
            assert_eq!(counts.check(one, QUOTA), Ok(()));
            counts.add(one);
        }
        assert_eq!(counts.check(one, QUOTA), Err(Exceeded::Address));
        assert_eq!(counts.check(other, QUOTA), Ok(()));
        counts.add(other);
        assert_eq!(counts.check(other, QUOTA), Err(Exceeded::Total));
        counts.remove(one);
        assert_eq!(counts.check(other, QUOTA), Ok(()));
    }

    #[test]
    fn without_an_address_only_the_total_counts() {
        let mut counts = Counts::default();
        for _ in 0..3 {
            assert_eq!(counts.check(None, QUOTA), Ok(()));
            counts.add(None);
        }
        assert_eq!(counts.check(None, QUOTA), Err(Exceeded::Total));
    }

    #[test]
    fn an_address_with_nothing_is_forgotten() {
        let mut counts = Counts::default();
        for host in 0..100 {
            let address = from(&format!("192.0.2.{host}"));
            counts.add(address);
            counts.remove(address);
        }
        assert_eq!((counts.total(), counts.by_address.len()), (0, 0));
    }
}

//! Limits on allocations, and on the bytes per second that a user may relay. Pure.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::rate_limiter::RateLimiter;

/// A burst of this much time at the allowed rate passes at once.
const BURST: Duration = Duration::from_secs(1);

/// Limits on relaying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Allocations of all users together.
    pub all: usize,
    /// Allocations of one user, that is one name in a credential.
    pub per_user: usize,
    /// Allocations of one client address (IPv6: one /64), of all its users together.
    pub per_address: usize,
    /// Bytes per second of one user, both directions and all allocations together.
    pub user_rate: u64,
}

impl Default for Limits {
    /// 1000 allocations, 64 of a user, 256 of an address; 50 Mbit/s per user.
    fn default() -> Self {
        Self {
            all: 1000,
            per_user: 64,
            per_address: 256,
            user_rate: 50_000_000 / 8,
        }
    }
}

/// The limit that an allocation would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuotaExceeded {
    /// [`Limits::per_user`] or [`Limits::per_address`].
    User,
    /// [`Limits::all`].
    Server,
}

/// Counts allocations by user and by address.
#[derive(Debug)]
pub(super) struct Quotas {
    limits: Limits,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    users: HashMap<Box<str>, (usize, Arc<RateLimiter>)>,
    addresses: HashMap<IpAddr, usize>,
}

/// Permits one allocation. Released on drop.
#[derive(Debug)]
pub(super) struct AllocationPermit {
    quotas: Arc<Quotas>,
    user: Box<str>,
    address: IpAddr,
    limiter: Arc<RateLimiter>,
}

impl Quotas {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            used: Mutex::default(),
        }
    }

    pub(super) fn acquire(
        self: &Arc<Self>,
        user: &str,
        address: IpAddr,
    ) -> Result<AllocationPermit, QuotaExceeded> {
        let address = quota_prefix(address);
        let mut used = self.used();
        if used.all >= self.limits.all {
            return Err(QuotaExceeded::Server);
        }
        let of_user = used.users.get(user).map_or(0, |(count, _)| *count);
        let of_address = used.addresses.get(&address).copied().unwrap_or(0);
        if of_user >= self.limits.per_user || of_address >= self.limits.per_address {
            return Err(QuotaExceeded::User);
        }
        used.all += 1;
        *used.addresses.entry(address).or_default() += 1;
        let (count, limiter) = used.users.entry(user.into()).or_default();
        *count += 1;
        Ok(AllocationPermit {
            quotas: self.clone(),
            user: user.into(),
            address,
            limiter: limiter.clone(),
        })
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AllocationPermit {
    /// Takes `bytes` from the rate of the user. False: they exceed it. `now`: since the server started.
    pub(super) fn take(&self, bytes: usize, now: Duration) -> bool {
        let rate = self.quotas.limits.user_rate.max(1);
        let cost = Duration::from_nanos(bytes as u64 * 1_000_000_000 / rate);
        self.limiter.take(now, cost, BURST)
    }
}

impl Drop for AllocationPermit {
    fn drop(&mut self) {
        let mut used = self.quotas.used();
        used.all -= 1;
        if let Some((count, _)) = used.users.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                used.users.remove(&self.user);
            }
        }
        if let Some(count) = used.addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                used.addresses.remove(&self.address);
            }
        }
    }
}

/// The address that is counted: an IPv6 host usually has a whole /64.
fn quota_prefix(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        all: 5,
        per_user: 2,
        per_address: 3,
        user_rate: 1000,
    };

    #[test]
    fn allocations_are_counted_by_user_by_address_and_altogether() {
        let quotas = Arc::new(Quotas::new(LIMITS));
        let [one, two, three] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|ip| ip.parse().unwrap());
        let acquire = |user, ip| quotas.acquire(user, ip);
        let mut permits = vec![acquire("a", one).unwrap(), acquire("a", two).unwrap()];
        assert_eq!(acquire("a", three).unwrap_err(), QuotaExceeded::User);
        permits.push(acquire("b", one).unwrap());
        permits.push(acquire("c", one).unwrap());
        assert_eq!(
            acquire("d", one).unwrap_err(),
            QuotaExceeded::User,
            "of one address"
        );
        permits.push(acquire("d", two).unwrap());
        assert_eq!(acquire("e", three).unwrap_err(), QuotaExceeded::Server);
        permits.clear();
        assert_eq!(acquire("e", three).map(|_| ()), Ok(()));
        let used = quotas.used();
        assert_eq!(
            (used.all, used.users.len(), used.addresses.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_user_has_one_rate_in_all_allocations() {
        let quotas = Arc::new(Quotas::new(LIMITS));
        let ip = "2001:db8::1".parse().unwrap();
        let permits = [
            quotas.acquire("a", ip).unwrap(),
            quotas.acquire("a", ip).unwrap(),
        ];
        let other = quotas.acquire("b", "2001:db8::2".parse().unwrap()).unwrap();
        let passed = |now| {
            permits
                .iter()
                .cycle()
                .take(100)
                .filter(|permit| permit.take(100, now))
                .count()
        };
        assert_eq!(passed(Duration::from_secs(1)), 10, "a second's worth");
        assert_eq!(passed(Duration::from_millis(1500)), 5);
        assert!(other.take(100, Duration::from_secs(1)));
    }
}

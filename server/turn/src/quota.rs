//! How many allocations there may be, and how many bytes a second a user may relay.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::meter::Meter;

/// So much may pass at once, however low the rate is.
const BURST: Duration = Duration::from_secs(1);

/// Bounds on what is relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Allocations of everybody.
    pub all: usize,
    /// Allocations of one user, which is one credential.
    pub per_user: usize,
    /// Allocations of one address, however many credentials it fetched.
    pub per_address: usize,
    /// Bytes a second of one user, both directions and all allocations together.
    pub user_rate: u64,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    User,
    Server,
}

/// Who has how many allocations.
#[derive(Debug)]
pub(super) struct Quotas {
    limits: Limits,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    users: HashMap<Box<str>, (usize, Arc<Meter>)>,
    addresses: HashMap<IpAddr, usize>,
}

/// The right to one allocation, given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    quotas: Arc<Quotas>,
    user: Box<str>,
    address: IpAddr,
    meter: Arc<Meter>,
}

impl Quotas {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            used: Mutex::default(),
        }
    }

    pub(super) fn seat(self: &Arc<Self>, user: &str, address: IpAddr) -> Result<Seat, Full> {
        let address = household(address);
        let mut used = self.used();
        if used.all >= self.limits.all {
            return Err(Full::Server);
        }
        let of_user = used.users.get(user).map_or(0, |(count, _)| *count);
        let of_address = used.addresses.get(&address).copied().unwrap_or(0);
        if of_user >= self.limits.per_user || of_address >= self.limits.per_address {
            return Err(Full::User);
        }
        used.all += 1;
        *used.addresses.entry(address).or_default() += 1;
        let (count, meter) = used.users.entry(user.into()).or_default();
        *count += 1;
        Ok(Seat {
            quotas: self.clone(),
            user: user.into(),
            address,
            meter: meter.clone(),
        })
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Whether `bytes` more may pass now; `now` is since the server started.
    pub(super) fn take(&self, bytes: usize, now: Duration) -> bool {
        let rate = self.quotas.limits.user_rate.max(1);
        let cost = Duration::from_nanos(bytes as u64 * 1_000_000_000 / rate);
        self.meter.take(now, cost, BURST)
    }
}

impl Drop for Seat {
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

/// An IPv6 host has a whole /64 to itself.
fn household(address: IpAddr) -> IpAddr {
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
        let seat = |user, ip| quotas.seat(user, ip);
        let mut seats = vec![seat("a", one).unwrap(), seat("a", two).unwrap()];
        assert_eq!(seat("a", three).unwrap_err(), Full::User);
        seats.push(seat("b", one).unwrap());
        seats.push(seat("c", one).unwrap());
        assert_eq!(seat("d", one).unwrap_err(), Full::User, "of one address");
        seats.push(seat("d", two).unwrap());
        assert_eq!(seat("e", three).unwrap_err(), Full::Server);
        seats.clear();
        assert_eq!(seat("e", three).map(|_| ()), Ok(()));
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
        let seats = [quotas.seat("a", ip).unwrap(), quotas.seat("a", ip).unwrap()];
        let other = quotas.seat("b", "2001:db8::2".parse().unwrap()).unwrap();
        let passed = |now| {
            seats
                .iter()
                .cycle()
                .take(100)
                .filter(|seat| seat.take(100, now))
                .count()
        };
        assert_eq!(passed(Duration::from_secs(1)), 10, "a second's worth");
        assert_eq!(passed(Duration::from_millis(1500)), 5);
        assert!(other.take(100, Duration::from_secs(1)));
    }
}

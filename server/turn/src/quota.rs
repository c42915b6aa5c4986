//! Limits on allocations, and on the bytes per second that a user or a network may relay. Pure.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::rate_limiter::RateLimiter;

/// A burst of this much time at the allowed rate passes at once.
const BURST: Duration = Duration::from_secs(1);
/// Counted for each datagram besides its data: the headers of IP, UDP and a channel. An empty one is not free.
const OVERHEAD: usize = 40;
/// The last part of all allocations is for addresses that have none.
const RESERVED: usize = 10;

/// Limits on relaying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Allocations of all users together. The last tenth is for addresses without an allocation.
    pub all: usize,
    /// Allocations of one user, that is one name in a credential.
    pub per_user: usize,
    /// Allocations of one client address, of all its users together. IPv6: of one /64; twice as many of a /56, four times of a /48.
    pub per_address: usize,
    /// Bytes per second of one user, both directions and all allocations together.
    pub user_rate: u64,
    /// The same of one client address, counted as allocations are.
    pub address_rate: u64,
}

impl Limits {
    /// The part of all allocations that one address may have.
    pub fn of_address(all: usize) -> usize {
        (all / 8).max(8)
    }
}

impl Default for Limits {
    /// 1000 allocations, 64 of a user, 125 of an address; 50 Mbit/s per user, 100 per address.
    fn default() -> Self {
        Self {
            all: 1000,
            per_user: 64,
            per_address: Self::of_address(1000),
            user_rate: 50_000_000 / 8,
            address_rate: 100_000_000 / 8,
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
    users: HashMap<Box<str>, Usage>,
    networks: HashMap<Network, Usage>,
}

/// What one user or one network uses. It is kept until its meters are idle: otherwise each allocation would begin with a burst.
#[derive(Debug, Default)]
struct Usage {
    allocations: usize,
    meters: Arc<Meters>,
}

#[derive(Debug, Default)]
struct Meters {
    relayed: RateLimiter,
    /// What was read from TCP connections.
    read: RateLimiter,
}

/// An IPv4 address, or an IPv6 prefix with its length. A host usually has a whole /64, a customer a /56 or a /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Network(IpAddr, u8);

impl Network {
    /// The network of an address; for IPv6, of this length (at least 1).
    pub(super) fn of(address: IpAddr, length: u8) -> Self {
        match address.to_canonical() {
            ip @ IpAddr::V4(_) => Self(ip, 32),
            IpAddr::V6(ip) => {
                let host = 128 - length;
                let prefix = Ipv6Addr::from_bits(ip.to_bits() >> host << host);
                Self(prefix.into(), length)
            }
        }
    }
}

/// Permits one allocation. Released on drop.
#[derive(Debug)]
pub(super) struct AllocationPermit {
    quotas: Arc<Quotas>,
    user: Box<str>,
    networks: Vec<(Network, usize)>,
    /// With their rates, in bytes per second.
    meters: Vec<(Arc<Meters>, u64)>,
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
        let Limits {
            all,
            per_user,
            per_address,
            user_rate,
            address_rate,
        } = self.limits;
        let networks = networks(address);
        let mut used = self.used();
        let of = |network: &Network| used.networks.get(network).map_or(0, |of| of.allocations);
        let is_new = networks.iter().all(|(network, _)| of(network) == 0);
        let reserved = if is_new { 0 } else { all / RESERVED };
        if used.all + reserved >= all {
            return Err(QuotaExceeded::Server);
        }
        let of_user = used.users.get(user).map_or(0, |of| of.allocations);
        let is_full =
            |(network, share): &(Network, usize)| of(network) >= per_address.saturating_mul(*share);
        if of_user >= per_user || networks.iter().any(is_full) {
            return Err(QuotaExceeded::User);
        }
        used.all += 1;
        let mut meters = vec![(add(&mut used.users, user.into()), user_rate)];
        for (network, share) in &networks {
            let rate = address_rate.saturating_mul(*share as u64);
            meters.push((add(&mut used.networks, *network), rate));
        }
        Ok(AllocationPermit {
            quotas: self.clone(),
            user: user.into(),
            networks,
            meters,
        })
    }

    /// Forgets who has no allocation, and whose meters are idle.
    pub(super) fn sweep(&self, now: Duration) {
        let mut used = self.used();
        used.users.retain(|_, usage| usage.is_in_use(now));
        used.networks.retain(|_, usage| usage.is_in_use(now));
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add<K: Hash + Eq>(to: &mut HashMap<K, Usage>, key: K) -> Arc<Meters> {
    let usage = to.entry(key).or_default();
    usage.allocations += 1;
    Arc::clone(&usage.meters)
}

fn remove<K: Hash + Eq>(from: &mut HashMap<K, Usage>, key: &K) {
    if let Some(usage) = from.get_mut(key) {
        usage.allocations = usage.allocations.saturating_sub(1);
    }
}

impl Usage {
    fn is_in_use(&self, now: Duration) -> bool {
        let Meters { relayed, read } = &*self.meters;
        self.allocations > 0 || !relayed.is_idle(now) || !read.is_idle(now)
    }
}

impl AllocationPermit {
    /// Takes a datagram of so many bytes from the rates of the user and of its address. False: they exceed one. `now`: since the server started.
    pub(super) fn take(&self, bytes: usize, now: Duration) -> bool {
        let mut meters = self.meters.iter();
        meters.all(|(meters, rate)| {
            let cost = cost(bytes + OVERHEAD, *rate);
            meters.relayed.take(now, cost, BURST)
        })
    }

    /// Counts bytes that were read from a TCP connection. Returns how long nothing more is to be read.
    pub(super) fn pause_after(&self, bytes: usize, now: Duration) -> Duration {
        let meters = self.meters.iter();
        let pauses = meters.map(|(meters, rate)| meters.read.add(now, cost(bytes, *rate), BURST));
        pauses.max().unwrap_or_default()
    }
}

fn cost(bytes: usize, rate: u64) -> Duration {
    Duration::from_nanos(bytes as u64 * 1_000_000_000 / rate.max(1))
}

impl Drop for AllocationPermit {
    fn drop(&mut self) {
        let mut used = self.quotas.used();
        used.all -= 1;
        remove(&mut used.users, &self.user);
        for (network, _) in &self.networks {
            remove(&mut used.networks, network);
        }
    }
}

/// The networks by which an address is counted, with how many times the limit of an address each has.
fn networks(address: IpAddr) -> Vec<(Network, usize)> {
    let shares: &[_] = match address.to_canonical() {
        IpAddr::V4(_) => &[(32, 1)],
        IpAddr::V6(_) => &[(64, 1), (56, 2), (48, 4)],
    };
    let shares = shares.iter();
    shares
        .map(|(length, share)| (Network::of(address, *length), *share))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        all: 5,
        per_user: 2,
        per_address: 3,
        user_rate: 1000,
        address_rate: 1000,
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn allocations_are_counted_by_user_by_address_and_altogether() {
        let quotas = Arc::new(Quotas::new(LIMITS));
        let [one, two, three] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(ip);
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
        quotas.sweep(Duration::ZERO);
        let used = quotas.used();
        assert_eq!((used.all, used.users.len(), used.networks.len()), (0, 0, 0));
    }

    #[test]
    fn four_addresses_leave_allocations_to_others() {
        let quotas = Arc::new(Quotas::new(Limits::default()));
        let mut permits = Vec::new();
        let mut fill = |address: IpAddr| {
            let users = (0..2000).map(|user| user.to_string());
            let acquired = users.map_while(|user| quotas.acquire(&user, address).ok());
            let before = permits.len();
            permits.extend(acquired);
            permits.len() - before
        };
        let first = fill(ip("203.0.113.1"));
        assert_eq!(first, 125, "an eighth");
        for host in 2..=4 {
            assert_eq!(fill(IpAddr::from([203, 0, 113, host])), 125);
        }
        // Many addresses fill nine tenths; the others are for addresses that have none.
        for host in 5..=20 {
            fill(IpAddr::from([203, 0, 113, host]));
        }
        let stranger = fill(ip("198.51.100.1"));
        assert_eq!(stranger, 1);
    }

    #[test]
    fn the_networks_of_one_customer_are_counted_together() {
        let quotas = Arc::new(Quotas::new(Limits {
            all: 1000,
            ..LIMITS
        }));
        let mut permits = Vec::new();
        let mut acquired = |prefix: &str| {
            let before = permits.len();
            for network in 0..200 {
                for user in 0..4 {
                    let user = format!("{prefix}{network}-{user}");
                    let address = ip(&format!("{prefix}{network:02x}::{user}", user = 1));
                    permits.extend(quotas.acquire(&user, address).ok());
                }
            }
            permits.len() - before
        };
        // A /56 has 256 networks; a /48 has 256 of these.
        assert_eq!(acquired("2001:4860:1:1"), 6);
        assert_eq!(acquired("2001:4860:1:2"), 6);
        assert_eq!(acquired("2001:4860:1:3"), 0, "the /48 is full");
        assert_eq!(acquired("2001:4860:2:3"), 6);
    }

    #[test]
    fn a_user_has_one_rate_in_all_allocations() {
        let quotas = Arc::new(Quotas::new(LIMITS));
        let one = ip("2001:4860::1");
        let permits = [
            quotas.acquire("a", one).unwrap(),
            quotas.acquire("a", one).unwrap(),
        ];
        let other = quotas.acquire("b", ip("2001:4861::2")).unwrap();
        let passed = |now| {
            permits
                .iter()
                .cycle()
                .take(100)
                .filter(|permit| permit.take(60, now))
                .count()
        };
        assert_eq!(passed(Duration::from_secs(1)), 10, "a second's worth");
        assert_eq!(passed(Duration::from_millis(1500)), 5);
        assert!(other.take(100, Duration::from_secs(1)));
    }

    #[test]
    fn empty_datagrams_are_not_free() {
        let quotas = Arc::new(Quotas::new(LIMITS));
        let permit = quotas.acquire("a", ip("203.0.113.1")).unwrap();
        let now = Duration::from_secs(1);
        let passed = (0..1000).filter(|_| permit.take(0, now)).count();
        assert_eq!(passed, 1000 / OVERHEAD);
    }

    #[test]
    fn ten_credentials_of_an_address_have_one_rate_and_keep_it() {
        let limits = Limits {
            all: 100,
            per_address: 50,
            ..LIMITS
        };
        let quotas = Arc::new(Quotas::new(limits));
        let passed = |now: Duration| {
            let users = (0..10).map(|user| {
                let permit = quotas.acquire(&format!("{user}-{now:?}"), ip("203.0.113.1"));
                let permit = permit.unwrap();
                (0..100).filter(|_| permit.take(60, now)).count()
            });
            users.sum::<usize>()
        };
        assert_eq!(passed(Duration::from_secs(1)), 10);
        // Their allocations have ended, and the meter has not.
        quotas.sweep(Duration::from_secs(1));
        assert_eq!(passed(Duration::from_secs(1)), 0);
        assert_eq!(passed(Duration::from_millis(1500)), 5);
    }

    #[test]
    fn no_more_is_read_than_may_pass() {
        let quotas = Arc::new(Quotas::new(LIMITS));
        let permits = ["a", "b"].map(|user| quotas.acquire(user, ip("203.0.113.1")).unwrap());
        let now = Duration::from_secs(5);
        assert_eq!(permits[0].pause_after(1000, now), Duration::ZERO, "a burst");
        assert_eq!(permits[0].pause_after(500, now), Duration::from_millis(500));
        // Another user of the same address waits for the same meter.
        assert_eq!(permits[1].pause_after(500, now), Duration::from_secs(1));
        let later = now + Duration::from_secs(2);
        assert_eq!(permits[1].pause_after(1000, later), Duration::ZERO);
    }
}

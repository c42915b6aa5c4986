//! TCP connections without an allocation: few, in total and from one address. Pure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::quota::Network;

/// In total, and from one address (IPv6: one /64).
const MAX_CONNECTIONS: usize = 256;
const MAX_OF_ADDRESS: usize = 32;

/// Counts them by address. A newcomer takes the place of the oldest one of its address, or of the network (IPv6: /48) with most of them.
#[derive(Debug, Default)]
pub(super) struct UnauthenticatedConnections(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    admitted: u64,
    /// Oldest first.
    taken: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    number: u64,
    /// IPv6: its /64.
    address: Network,
    /// IPv6: its /48, which one subscriber may have.
    network: Network,
    evicted: Arc<Notify>,
}

/// Permits one such connection. Released on drop.
#[derive(Debug)]
pub(super) struct UnauthenticatedPermit {
    connections: Arc<UnauthenticatedConnections>,
    number: u64,
    evicted: Arc<Notify>,
}

impl UnauthenticatedConnections {
    pub(super) fn admit(self: &Arc<Self>, ip: IpAddr) -> UnauthenticatedPermit {
        let (address, network) = (Network::of(ip, 64), Network::of(ip, 48));
        let mut places = self.places();
        if places.of(address) >= MAX_OF_ADDRESS {
            places.evict_oldest(|place| place.address == address);
        } else if places.taken.len() >= MAX_CONNECTIONS
            && let Some(fullest) = places.fullest()
        {
            places.evict_oldest(|place| place.network == fullest);
        }
        places.admitted += 1;
        let (number, evicted) = (places.admitted, Arc::<Notify>::default());
        places.taken.push(Place {
            number,
            address,
            network,
            evicted: Arc::clone(&evicted),
        });
        UnauthenticatedPermit {
            connections: Arc::clone(self),
            number,
            evicted,
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn of(&self, address: Network) -> usize {
        let taken = self.taken.iter();
        taken.filter(|place| place.address == address).count()
    }

    /// The network with most places.
    fn fullest(&self) -> Option<Network> {
        let mut counts: HashMap<Network, usize> = HashMap::new();
        for place in &self.taken {
            *counts.entry(place.network).or_default() += 1;
        }
        let fullest = counts.into_iter().max_by_key(|(_, count)| *count);
        fullest.map(|(network, _)| network)
    }

    fn evict_oldest(&mut self, of: impl Fn(&Place) -> bool) {
        let oldest = self.taken.iter().position(of);
        if let Some(oldest) = oldest {
            self.taken.remove(oldest).evicted.notify_one();
        }
    }
}

impl UnauthenticatedPermit {
    pub(super) fn connections(&self) -> Arc<UnauthenticatedConnections> {
        Arc::clone(&self.connections)
    }

    /// Waits until the place is given to another connection.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for UnauthenticatedPermit {
    fn drop(&mut self) {
        let mut places = self.connections.places();
        places.taken.retain(|place| place.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_evicted(permit: &UnauthenticatedPermit) -> bool {
        let places = permit.connections.places();
        let mut taken = places.taken.iter();
        taken.all(|place| place.number != permit.number)
    }

    #[test]
    fn unauthenticated_connections_are_limited_and_the_oldest_make_room() {
        let connections = Arc::new(UnauthenticatedConnections::default());
        let one = IpAddr::from([203, 0, 113, 1]);
        let permits: Vec<_> = (0..100).map(|_| connections.admit(one)).collect();
        assert_eq!(connections.places().taken.len(), MAX_OF_ADDRESS);
        let evicted = permits.iter().filter(|permit| is_evicted(permit)).count();
        assert_eq!(evicted, 100 - MAX_OF_ADDRESS);
        assert!(is_evicted(&permits[0]) && !is_evicted(&permits[99]));
        drop(permits);
        assert!(connections.places().taken.is_empty());
    }

    #[test]
    fn eight_addresses_do_not_take_every_strangers_place() {
        let connections = Arc::new(UnauthenticatedConnections::default());
        let attack = |host| {
            let address = IpAddr::from([203, 0, 113, host]);
            (0..MAX_OF_ADDRESS).map(move |_| address)
        };
        let attack = || (1..=8).flat_map(attack).map(|ip| connections.admit(ip));
        let _attackers: Vec<_> = attack().collect();
        let stranger = connections.admit(IpAddr::from([198, 51, 100, 1]));
        assert_eq!(connections.places().taken.len(), MAX_CONNECTIONS);
        // The attackers go on, and take each other's places.
        let _more: Vec<_> = attack().collect();
        assert!(!is_evicted(&stranger));
        assert_eq!(connections.places().taken.len(), MAX_CONNECTIONS);
    }

    #[test]
    fn a_subscriber_with_many_ipv6_networks_does_not_take_every_strangers_place() {
        let connections = Arc::new(UnauthenticatedConnections::default());
        let stranger = connections.admit(IpAddr::from([198, 51, 100, 1]));
        let _attackers: Vec<_> = (0..1_000u16)
            .map(|network| connections.admit(format!("2a00:1:2:{network:x}::1").parse().unwrap()))
            .collect();
        assert!(!is_evicted(&stranger));
        assert_eq!(connections.places().taken.len(), MAX_CONNECTIONS);
    }

    #[test]
    fn the_hosts_of_an_ipv6_network_count_as_one() {
        let connections = Arc::new(UnauthenticatedConnections::default());
        let permits: Vec<_> = (0..100u16)
            .map(|host| connections.admit(format!("2001:db8::{host:x}").parse().unwrap()))
            .collect();
        let left = permits.iter().filter(|permit| !is_evicted(permit)).count();
        assert_eq!(left, MAX_OF_ADDRESS);
    }
}

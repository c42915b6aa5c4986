//! The shards, and which of them gets the next viewer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egress::shard::Shard;
use net::Route;

/// A new address is used after this time at the latest.
const ADDRESS_INTERVAL: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct ShardPool {
    shards: Vec<Shard>,
    /// Held from the choice of a shard until the route counts there.
    choosing: Mutex<()>,
}

impl ShardPool {
    pub(crate) fn new(shards: Vec<Shard>) -> Self {
        Self {
            shards,
            choosing: Mutex::default(),
        }
    }

    /// Opens a route on the running shard with the fewest. A viewer counts from here on, not only once it is connected: otherwise all viewers that join at
    /// the same time would get the same shard. `None`: there is no shard.
    pub(crate) fn open_route(&self) -> Option<(Shard, Arc<Route>)> {
        let _choosing = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        let shard = self
            .shards
            .iter()
            .min_by_key(|shard| shard.port().peers())?;
        Some((shard.clone(), Arc::new(shard.port().open())))
    }

    /// The UDP addresses of all shards.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let ports = self.shards.iter().map(Shard::port);
        ports.flat_map(|port| port.addresses()).collect()
    }

    /// Follows the addresses of this machine, which DHCP, a VPN or an IPv6 prefix may change.
    pub(crate) async fn follow_addresses(&self) {
        loop {
            tokio::time::sleep(ADDRESS_INTERVAL).await;
            match tokio::task::spawn_blocking(net::local_addresses).await {
                Ok(Ok(addresses)) => {
                    for shard in &self.shards {
                        shard.port().follow(&addresses);
                    }
                }
                Ok(Err(error)) => tracing::debug!(%error, "addresses of this machine"),
                Err(_) => return,
            }
        }
    }

    #[cfg(feature = "fault-injection")]
    pub(crate) fn get(&self, number: usize) -> &Shard {
        &self.shards[number]
    }
}

//! The shards, each with the thread of its connections, and which of them gets the next viewer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egress::shard::Shard;
use net::Route;

use super::thread::ConnectionThread;

/// A new address is used after this time at the latest.
const ADDRESS_INTERVAL: Duration = Duration::from_secs(3);

/// A port's two threads: one sends media, the other runs the connections.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) shard: Shard,
    pub(super) thread: ConnectionThread,
}

#[derive(Debug)]
pub(super) struct ShardPool {
    /// At least one.
    members: Vec<Member>,
    /// Held from the choice of a shard until the route counts there.
    choosing: Mutex<()>,
}

impl ShardPool {
    pub(super) fn new(members: Vec<Member>) -> Self {
        Self {
            members,
            choosing: Mutex::default(),
        }
    }

    /// Opens a route on the shard with the fewest, of those that keep up. `None`: none does. A viewer counts from here on, not only once it is connected: otherwise all viewers that join at
    /// the same time would get the same shard.
    pub(super) fn open_route(&self) -> Option<(&Member, Arc<Route>)> {
        let _choosing = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        let members = self.members.iter();
        let members = members.filter(|member| !member.shard.is_overloaded());
        let member = members.min_by_key(|member| member.shard.port().peers())?;
        Some((member, Arc::new(member.shard.port().open())))
    }

    /// The UDP addresses of all shards.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let ports = self.members.iter().map(|member| member.shard.port());
        ports.flat_map(|port| port.addresses()).collect()
    }

    /// Follows the addresses of this machine, which DHCP, a VPN or an IPv6 prefix may change.
    pub(super) async fn follow_addresses(&self) {
        loop {
            tokio::time::sleep(ADDRESS_INTERVAL).await;
            match tokio::task::spawn_blocking(net::local_addresses).await {
                Ok(Ok(addresses)) => {
                    for member in &self.members {
                        member.shard.port().follow(&addresses);
                    }
                }
                Ok(Err(error)) => tracing::debug!(%error, "addresses of this machine"),
                Err(_) => return,
            }
        }
    }

    #[cfg(feature = "fault-injection")]
    pub(super) fn get(&self, number: usize) -> &Member {
        &self.members[number]
    }
}

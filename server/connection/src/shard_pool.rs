//! The shards, and which of them gets the next viewer.

use std::sync::{Arc, Mutex, PoisonError};

use egress::shard::Shard;
use net::Route;

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

    #[cfg(feature = "fault-injection")]
    pub(crate) fn get(&self, number: usize) -> &Shard {
        &self.shards[number]
    }
}

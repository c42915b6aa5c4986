//! All live allocations, by relayed address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::allocation::{Allocation, receive};

/// Allocations, and the tasks that receive for them.
#[derive(Debug, Default)]
pub(super) struct Relays {
    live: RwLock<HashMap<SocketAddr, Live>>,
}

type Live = (Arc<Allocation>, JoinHandle<()>);

impl Relays {
    /// Adds an allocation and starts its task. False: the relayed address is in use.
    pub(super) fn start(&self, allocation: &Arc<Allocation>, started: Instant) -> bool {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        match live.entry(allocation.relayed()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                let task = tokio::spawn(receive(allocation.clone(), started));
                entry.insert((allocation.clone(), task));
                true
            }
        }
    }

    pub(super) fn is_used(&self, relayed: SocketAddr) -> bool {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.contains_key(&relayed)
    }

    pub(super) fn find(&self, relayed: SocketAddr) -> Option<Arc<Allocation>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&relayed).map(|(allocation, _)| allocation.clone())
    }

    pub(super) fn len(&self) -> usize {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.len()
    }

    /// Ends an allocation. Its port is free once a datagram in progress is done.
    pub(super) fn end(&self, allocation: &Allocation) {
        allocation.end();
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, task)) = live.remove(&allocation.relayed()) {
            task.abort();
        }
    }

    /// Ends the allocations that have expired.
    pub(super) fn sweep(&self, now: Duration) {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        live.retain(|_, (allocation, task)| {
            let live = !allocation.remaining(now).is_zero();
            if !live {
                allocation.end();
                task.abort();
            }
            live
        });
    }

    /// Ends all, and waits for their tasks.
    pub(super) async fn close(&self) {
        let live = {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *live)
        };
        for (allocation, task) in live.into_values() {
            allocation.end();
            task.abort();
            let _ = task.await;
        }
    }
}

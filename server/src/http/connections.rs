//! The HTTP connections that are open: how many there may be, and which of them makes room for a new one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use limits::{CountedAddress, Counts, Exceeded, Quota};
use tokio::sync::Notify;

use super::activity::Activity;

/// All connections of the server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    quota: Quota,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    counts: Counts,
    open: BTreeMap<u64, Open>,
    refused: [u64; 2],
    replaced: u64,
}

#[derive(Debug)]
struct Open {
    address: Option<CountedAddress>,
    activity: Activity,
    evicted: Arc<Notify>,
}

/// One connection among those that are counted, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    connections: Connections,
    id: u64,
    activity: Activity,
    evicted: Arc<Notify>,
}

/// How many there are and have been, for `/metrics`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionCounts {
    pub(super) open: u32,
    pub(super) limit: u32,
    pub(super) refused_by_address: u64,
    pub(super) refused_in_total: u64,
    pub(super) replaced: u64,
}

impl Connections {
    pub fn new(quota: Quota) -> Self {
        Self(Arc::new(Inner {
            quota,
            table: Mutex::default(),
        }))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection. Where there are too many, the one that has been idle for longest is closed for it: of the same address, or of all.
    /// `address`: by which it is counted; `None`: in total only.
    ///
    /// # Errors
    /// There are too many, and none of them is idle.
    pub(super) fn admit(&self, address: Option<CountedAddress>) -> Result<Slot, Exceeded> {
        let mut table = self.table();
        while let Err(exceeded) = table.counts.check(address, self.0.quota) {
            let same = match exceeded {
                Exceeded::Address => address,
                Exceeded::Total => None,
            };
            if !table.close_an_idle_one(same) {
                table.refused[exceeded as usize] += 1;
                return Err(exceeded);
            }
        }
        let (activity, evicted) = (Activity::new(), Arc::new(Notify::new()));
        let id = table.next;
        table.next += 1;
        table.counts.add(address);
        let open = Open {
            address,
            activity: activity.clone(),
            evicted: Arc::clone(&evicted),
        };
        table.open.insert(id, open);
        Ok(Slot {
            connections: self.clone(),
            id,
            activity,
            evicted,
        })
    }

    /// Counts an open connection, which is counted in total, for its client as well.
    fn assign(&self, id: u64, address: Option<CountedAddress>) -> Result<(), Exceeded> {
        let mut table = self.table();
        let of_address = Quota {
            total: u32::MAX,
            ..self.0.quota
        };
        while let Err(exceeded) = table.counts.check(address, of_address) {
            if !table.close_an_idle_one(address) {
                table.refused[exceeded as usize] += 1;
                return Err(exceeded);
            }
        }
        if let Some(mut open) = table.remove(id) {
            open.address = address;
            table.counts.add(address);
            table.open.insert(id, open);
        }
        Ok(())
    }

    pub(super) fn counts(&self) -> ConnectionCounts {
        let table = self.table();
        ConnectionCounts {
            open: table.counts.total(),
            limit: self.0.quota.total,
            refused_by_address: table.refused[Exceeded::Address as usize],
            refused_in_total: table.refused[Exceeded::Total as usize],
            replaced: table.replaced,
        }
    }
}

impl Table {
    /// False: none is idle.
    fn close_an_idle_one(&mut self, of: Option<CountedAddress>) -> bool {
        let idle = |(id, open): (&u64, &Open)| -> Option<(Instant, u64)> {
            let counts = of.is_none() || open.address == of;
            counts
                .then(|| open.activity.idle_since())?
                .map(|since| (since, *id))
        };
        let Some((_, id)) = self.open.iter().filter_map(idle).min() else {
            return false;
        };
        if let Some(open) = self.remove(id) {
            open.evicted.notify_one();
            self.replaced += 1;
        }
        true
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        self.counts.remove(open.address);
        Some(open)
    }
}

impl Slot {
    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// From now on the connection counts for this address: that of the client for which a proxy has opened it.
    ///
    /// # Errors
    /// The address has too many connections, and none of them is idle.
    pub(super) fn count_for(&self, address: Option<CountedAddress>) -> Result<(), Exceeded> {
        self.connections.assign(self.id, address)
    }

    /// Notified when the connection has to make room for another one.
    pub(super) fn evicted(&self) -> Arc<Notify> {
        Arc::clone(&self.evicted)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.table().remove(self.id);
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

    async fn is_evicted(slot: &Slot) -> bool {
        let notified = slot.evicted();
        let soon = std::time::Duration::from_millis(1);
        tokio::time::timeout(soon, notified.notified())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn the_oldest_idle_connection_of_the_address_makes_room() {
        let connections = Connections::new(QUOTA);
        let busy = connections.admit(from("192.0.2.1")).unwrap();
        let request = busy.activity().begin();
        let idle = connections.admit(from("192.0.2.1")).unwrap();
        let other = connections.admit(from("192.0.2.2")).unwrap();
        let new = connections.admit(from("192.0.2.1")).unwrap();
        assert!(is_evicted(&idle).await && !is_evicted(&busy).await && !is_evicted(&other).await);
        let second = new.activity().begin();
        assert_eq!(
            connections.admit(from("192.0.2.1")).unwrap_err(),
            Exceeded::Address
        );
        // In total: the idle one of the other address.
        connections.admit(from("192.0.2.3")).unwrap();
        assert!(is_evicted(&other).await);
        drop((request, second, busy, idle, other, new));
        let counts = connections.counts();
        assert_eq!((counts.open, counts.replaced), (0, 2));
        assert_eq!((counts.refused_by_address, counts.refused_in_total), (1, 0));
    }

    #[tokio::test]
    async fn a_connection_of_a_proxy_counts_for_its_client() {
        let connections = Connections::new(QUOTA);
        let slots: Vec<Slot> = (0..3).map(|_| connections.admit(None).unwrap()).collect();
        let client = from("192.0.2.1");
        let requests = [&slots[0], &slots[1]].map(|slot| {
            slot.count_for(client).unwrap();
            slot.activity().begin()
        });
        assert_eq!(slots[2].count_for(client), Err(Exceeded::Address));
        slots[2].count_for(from("192.0.2.2")).unwrap();
        drop(requests);
        slots[2].count_for(client).unwrap();
        assert!(is_evicted(&slots[0]).await && !is_evicted(&slots[2]).await);
        drop(slots);
        let table = connections.table();
        assert_eq!(
            (table.counts.total(), table.counts.of(client.unwrap())),
            (0, 0)
        );
    }

    #[tokio::test]
    async fn with_requests_on_all_of_them_a_new_one_is_refused() {
        let connections = Connections::new(QUOTA);
        let slots: Vec<Slot> = (0..3).map(|_| connections.admit(None).unwrap()).collect();
        let requests: Vec<_> = slots.iter().map(|slot| slot.activity().begin()).collect();
        assert_eq!(connections.admit(None).unwrap_err(), Exceeded::Total);
        drop(requests);
        connections.admit(None).unwrap();
        assert!(is_evicted(&slots[0]).await);
    }
}

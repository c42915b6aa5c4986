//! What was received of a publisher.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ingest::connection_receiver::ConnectionReceiver;
use ingest::receiver::{Receiver, ReceiverCounters};
use shared::api::{PublisherInfo, PublisherLayer, PublisherWarning};
use srtp::Profile;

/// Written by the thread of the connection, read by requests. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct PublisherCounters(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    profile: OnceLock<Profile>,
    datagrams: AtomicU64,
    bytes: AtomicU64,
    rejected: AtomicU64,
    units: AtomicU64,
    recovered: AtomicU64,
    lost: AtomicU64,
    dropped: AtomicU64,
    /// In microseconds; 0: unknown.
    rtt: AtomicU64,
    layers: Mutex<Vec<PublisherLayer>>,
    warnings: Mutex<Vec<PublisherWarning>>,
}

impl PublisherCounters {
    pub(super) fn set_profile(&self, profile: Profile) {
        // A connection has keys once.
        let _ = self.0.profile.set(profile);
    }

    pub(super) fn count(&self, bytes: usize, authentic: bool) {
        if !authentic {
            self.0.rejected.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.0.datagrams.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn count_unit(&self) {
        self.0.units.fetch_add(1, Ordering::Relaxed);
    }

    /// As the receivers of the m-lines count them. Returns the sums of what is counted here.
    pub(super) fn set_received(&self, receiver: &ConnectionReceiver) -> ReceiverCounters {
        let mut sum = ReceiverCounters::default();
        for counters in receiver.receivers().map(Receiver::counters) {
            sum.packets += counters.packets;
            sum.recovered += counters.recovered;
            sum.lost += counters.lost;
            sum.dropped += counters.dropped;
        }
        self.0.recovered.store(sum.recovered, Ordering::Relaxed);
        self.0.lost.store(sum.lost, Ordering::Relaxed);
        self.0.dropped.store(sum.dropped, Ordering::Relaxed);
        sum
    }

    pub(super) fn set_rtt(&self, rtt: Duration) {
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        self.0.rtt.store(micros.max(1), Ordering::Relaxed);
    }

    pub(super) fn set_warnings(&self, warnings: Vec<PublisherWarning>) {
        *lock(&self.0.warnings) = warnings;
    }

    pub(super) fn set_layers(&self, layers: Vec<PublisherLayer>) {
        *lock(&self.0.layers) = layers;
    }

    pub(super) fn stats(&self) -> PublisherInfo {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PublisherInfo {
            client: None,
            profile: self
                .0
                .profile
                .get()
                .map(|profile| profile.name().to_owned()),
            datagrams: value(&self.0.datagrams),
            bytes: value(&self.0.bytes),
            rejected: value(&self.0.rejected),
            units: value(&self.0.units),
            recovered: value(&self.0.recovered),
            lost: value(&self.0.lost),
            dropped: value(&self.0.dropped),
            rtt: Some(value(&self.0.rtt))
                .filter(|micros| *micros > 0)
                .map(|micros| micros as f64 / 1e6),
            layers: lock(&self.0.layers).clone(),
            warnings: lock(&self.0.warnings).clone(),
        }
    }
}

/// Each is replaced whole, so a poisoned lock is usable.
fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

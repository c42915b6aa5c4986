//! What was received of a publisher.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ingest::connection_receiver::ConnectionReceiver;
use ingest::receiver::Receiver;
use shared::api::PublisherInfo;
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

    /// As the receivers of the m-lines count them.
    pub(super) fn set_received(&self, receiver: &ConnectionReceiver) {
        let (mut recovered, mut lost, mut dropped) = (0, 0, 0);
        for counters in receiver.receivers().map(Receiver::counters) {
            recovered += counters.recovered;
            lost += counters.lost;
            dropped += counters.dropped;
        }
        self.0.recovered.store(recovered, Ordering::Relaxed);
        self.0.lost.store(lost, Ordering::Relaxed);
        self.0.dropped.store(dropped, Ordering::Relaxed);
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
        }
    }
}

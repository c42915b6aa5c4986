//! Limits on the rate of requests.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Requests in a row.
pub(super) const BURST: u32 = 100;
/// 200 requests a second.
const INTERVAL: Duration = Duration::from_millis(5);

/// The generic cell rate algorithm (ITU-T I.371, annex A).
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    /// The theoretical arrival time of the next request.
    arrival: Instant,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self { arrival: now }
    }

    /// Whether one more request may be handled now.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        let next = self.arrival.max(now) + INTERVAL;
        let admitted = next.duration_since(now) <= INTERVAL * BURST;
        if admitted {
            self.arrival = next;
        }
        admitted
    }
}

/// Shares of requests from new addresses.
const SOURCES: usize = 16;

/// Requests from new addresses, by their network: they are counted before they are authenticated, and a host that floods must
/// not use up the share of a peer that moves.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceMeters([Meter; SOURCES]);

impl SourceMeters {
    pub(super) fn new(now: Instant) -> Self {
        Self([Meter::new(now); SOURCES])
    }

    pub(super) fn of(&mut self, source: IpAddr) -> &mut Meter {
        let fold = |bytes: &[u8]| {
            let hash = |hash: usize, byte: &u8| hash.wrapping_mul(5).wrapping_add((*byte).into());
            bytes.iter().fold(0, hash)
        };
        let hash = match source.to_canonical() {
            IpAddr::V4(address) => fold(&address.octets()),
            // Of its /64 a host has all addresses.
            IpAddr::V6(address) => fold(&address.octets()[..8]),
        };
        &mut self.0[hash % SOURCES]
    }
}

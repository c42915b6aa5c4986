//! For tests: a network between a client behind a NAT and a server, which delays and loses datagrams, in simulated time.

use std::time::{Duration, Instant};

pub(crate) const DELAY: Duration = Duration::from_millis(20);

/// A datagram on its way, through a port on the outside of the NAT.
#[derive(Debug)]
pub(crate) struct Datagram {
    at: Instant,
    pub(crate) to_server: bool,
    pub(crate) port: u16,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct SimulatedNetwork {
    /// The client's port on the outside of the NAT. Datagrams to others are lost.
    pub(crate) port: u16,
    /// Percent, each way.
    pub(crate) loss: u64,
    seed: u64,
    datagrams: Vec<Datagram>,
}

impl SimulatedNetwork {
    pub(crate) fn new(port: u16, loss: u64, seed: u64) -> Self {
        Self {
            port,
            loss,
            seed,
            datagrams: Vec::new(),
        }
    }

    pub(crate) fn send_to_server(&mut self, now: Instant, bytes: Vec<u8>) {
        self.send(now, true, self.port, bytes);
    }

    pub(crate) fn send_to_client(&mut self, now: Instant, port: u16, bytes: Vec<u8>) {
        self.send(now, false, port, bytes);
    }

    fn send(&mut self, now: Instant, to_server: bool, port: u16, bytes: Vec<u8>) {
        if !self.loses() {
            let at = now + DELAY;
            self.datagrams.push(Datagram {
                at,
                to_server,
                port,
                bytes,
            });
        }
    }

    /// Knuth's linear congruential generator.
    fn loses(&mut self) -> bool {
        let product = self.seed.wrapping_mul(6_364_136_223_846_793_005);
        self.seed = product.wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % 100 < self.loss
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.datagrams.iter().map(|datagram| datagram.at).min()
    }

    /// What has arrived until `now`, in the order in which it was sent.
    pub(crate) fn arrivals(&mut self, now: Instant) -> Vec<Datagram> {
        let arrived = self.datagrams.extract_if(.., |datagram| datagram.at <= now);
        let arrived: Vec<_> = arrived.collect();
        let reaches = |datagram: &Datagram| datagram.to_server || datagram.port == self.port;
        arrived.into_iter().filter(reaches).collect()
    }
}

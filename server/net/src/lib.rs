//! The network: one UDP port a shard, shared by all of its viewers.
//!
//! | module | noun |
//! |---|---|
//! | [`bind`] | opening the sockets: one for every address of this machine |
//! | `candidates` | ICE candidates of a port (pure) |
//! | [`port`] | the sockets of one shard, and the datagrams of its viewers |
//! | `source_address` | from which of them a datagram to an address leaves |
//! | `sockets` | the sockets of a port, as the addresses of the machine come and go |
//! | [`routes`] | the routing table: the viewer of each datagram (pure) |
//! | [`socket`] | one address of a port |
//! | [`route`] | one peer's share of a port, and the path to it |
//! | `peer` | what the port and the route of a peer share: TCP connections, where its media and SRTCP go |
//! | [`arrival`] | a datagram on its way to the connection of its peer |
//! | [`datagram`] | the protocol of a datagram, by its first bytes (pure) |
//! | [`tcp`] | the same over TCP, for networks that block UDP |
//! | `unidentified` | TCP connections whose peer is not known yet |
//! | [`batch`] | many packets in one system call |

pub mod arrival;
pub mod batch;
pub mod bind;
mod candidates;
pub mod datagram;
mod peer;
pub mod port;
pub mod route;
pub mod routes;
pub mod socket;
mod sockets;
mod source_address;
pub mod tcp;
mod unidentified;

#[cfg(test)]
mod routes_tests;

pub use arrival::Arrival;
pub use bind::{NetError, local_addresses, loopback_addresses};
pub use port::Port;
pub use route::{Path, Route};

//! The network: one UDP port a shard, shared by all of its viewers.
//!
//! | module | noun |
//! |---|---|
//! | [`bind`] | opening the sockets: one for every address of this machine |
//! | `candidates` | ICE candidates of a port (pure) |
//! | [`port`] | the sockets of one shard, and the datagrams that arrive on them |
//! | [`routes`] | the routing table: the viewer of each datagram (pure) |
//! | [`route`] | one peer's share of a port |
//! | [`datagram`] | the protocol of a datagram, by its first bytes (pure) |
//! | [`tcp`] | the same over TCP, for networks that block UDP |
//! | [`batch`] | many packets in one system call |

pub mod batch;
pub mod bind;
mod candidates;
pub mod datagram;
pub mod port;
pub mod route;
#[cfg(test)]
mod route_tests;
pub mod routes;
pub mod tcp;

#[cfg(test)]
mod routes_tests;

pub use bind::{NetError, local_addresses};
pub use port::Port;
pub use route::{Path, Route};

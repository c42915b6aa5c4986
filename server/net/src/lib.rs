//! The network: one UDP port a shard, shared by everybody who is served there.
//!
//! | module | noun |
//! |---|---|
//! | `candidates` | the lines by which peers learn where we are (pure) |
//! | [`bind`] | opening the sockets: one for every address of this machine |
//! | [`port`] | the sockets of one shard, and what arrives on them |
//! | [`routes`] | whose datagram is it (pure) |
//! | [`route`] | one peer's share of a port |
//! | [`kind`] | what a datagram is, by its first bytes (pure) |
//! | [`tcp`] | the same over TCP, for networks without UDP |
//! | [`batch`] | many packets in one call of the kernel |

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

//! One peer's connection without sockets: datagrams in, datagrams out, `now` passed in.
//!
//! | module | noun |
//! |---|---|
//! | `transport` | a connection: ICE and DTLS together |
//! | [`ice`] | our ICE agent, the controlled side only |
//! | [`dtls`] | the DTLS handshake, fingerprints, and the SRTP keys that come of it |

pub mod dtls;
pub mod ice;
#[cfg(test)]
mod simulated_network;
mod transport;

pub use transport::{EndReason, Event, Transport, TransportParams};

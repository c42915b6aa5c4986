//! From cursors to packets on the wire: the fan-out.
//!
//! | module | noun |
//! |---|---|
//! | [`shard`] | a thread that owns a UDP port and sends the media of its viewers |
//! | `engine` | its viewers, and when each of them is to be looked at |
//! | `strays` | how often a stray datagram may cost more than a look-up (pure) |
//! | `ticks` | when whom is to be looked at (pure) |
//! | [`viewer`] | one viewer of a shard: what is due, repairs, feedback |
//! | [`track`] | one track on its way to one viewer |
//! | [`seal`] | SRTP: packets sealed by us instead of by the crate |
//! | [`sent`] | which frame of the log is behind a sequence number (pure) |
//! | [`transport`] | transport-wide numbers, and what became of them (pure) |
//! | [`estimate`] | what the way to a viewer can carry (pure) |
//! | [`pacer`] | when the next packet may go (pure) |
//! | [`rtcp`] | what a viewer says over RTCP, read in place (pure) |
//! | [`counters`] | what has happened to viewers and shards since they began |
//! | [`outlet`], [`viewing`] | the ordinary path, where the connection seals: where packets go, and one viewer's loop |

pub mod counters;
mod engine;
pub mod estimate;
pub mod outlet;
pub mod pacer;
pub mod rtcp;
pub mod seal;
pub mod sent;
pub mod shard;
mod strays;
mod ticks;
pub mod track;
pub mod transport;
pub mod viewer;
pub mod viewing;

#[cfg(test)]
mod estimate_tests;
#[cfg(test)]
mod link;
#[cfg(test)]
mod link_tests;
#[cfg(test)]
mod rtcp_tests;

pub use outlet::{Gone, Outlet, Packet, Report};
pub use viewing::{Ended, Feedback, run};

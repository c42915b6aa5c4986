//! From cursors to packets on the wire: the fan-out. What receivers report, and how fast to send, is decided in `congestion`.
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
//! | [`counters`] | what has happened to viewers and shards since they began |
//! | [`outlet`], [`viewing`] | the ordinary path, where the connection seals: where packets go, and one viewer's loop |

pub mod counters;
mod engine;
pub mod outlet;
pub mod seal;
pub mod shard;
mod strays;
mod ticks;
pub mod track;
pub mod viewer;
pub mod viewing;

pub use outlet::{Gone, Outlet, Packet, Report};
pub use viewing::{Ended, Feedback, run};

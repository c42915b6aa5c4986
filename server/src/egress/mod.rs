//! From cursors to packets on the wire.
//!
//! | module | noun |
//! |---|---|
//! | [`outlet`] | where a viewer's packets go, and the RTP stream that each track is to it |
//! | [`counters`] | what has happened to viewers and shards since they began |
//! | [`seal`] | SRTP: packets sealed by us instead of by the crate |
//! | [`viewing`] | one viewer's loop: what is due is sent, the rest waits |

pub mod counters;
pub mod outlet;
pub mod seal;
pub mod viewing;

pub use outlet::{Gone, Outlet, Packet, Report};
pub use viewing::{Ended, Feedback, run};

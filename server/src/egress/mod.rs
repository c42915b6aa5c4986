//! From cursors to packets on the wire.
//!
//! | module | noun |
//! |---|---|
//! | [`estimate`] | how many bits a second the network carries to a viewer |
//! | [`outlet`] | where a viewer's packets go, and the RTP stream that each track is to it |
//! | [`pacer`] | when the next packet to a viewer may go |
//! | [`rtcp`] | what viewers say about what they receive |
//! | [`sent`] | which frame is behind a sequence number, and what of it may be repeated |
//! | [`transport`] | what a viewer was sent and when, joined with what it says about that |
//! | [`viewing`] | one viewer's loop: what is due is sent, the rest waits |

pub mod estimate;
pub mod outlet;
pub mod pacer;
pub mod rtcp;
pub mod sent;
pub mod transport;
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

//! Fan-out: sends the due frames of a stream's log to every viewer, as SRTP. The package `congestion` computes the sending rate from the viewers' feedback.
//!
//! | module | noun |
//! |---|---|
//! | [`shard`] | a thread that owns a UDP port and sends media to its viewers |
//! | `socket_tasks` | the tasks of a shard that serve its sockets |
//! | `engine` | the viewers of a shard, and which of them is polled when |
//! | `waiting` | the viewers that wait for a log to grow |
//! | `timer_wheel` | when each viewer is polled next (pure) |
//! | `overload` | whether a shard keeps up (pure) |
//! | [`viewer`] | one viewer of a shard: due frames, retransmissions, feedback |
//! | [`track`] | one track of one viewer: RTP numbering, RTX history |
//! | `rtp_clock` | RTP timestamps and sender reports of one track |
//! | [`counters`] | counters of viewers and shards |
//! | `tally` | events that are not in the counters yet |
//! | `end_reason` | why sending to a viewer ended, and the report of it |
//! | `fan_out` | a shard's loop for the benchmark that counts its instructions |

pub mod counters;
mod end_reason;
mod engine;
#[cfg(feature = "instructions")]
pub mod fan_out;
#[cfg(any(test, feature = "instructions"))]
#[cfg_attr(not(test), expect(dead_code, reason = "tests use more of it"))]
mod harness;
#[cfg(feature = "instructions")]
mod no_cipher;
mod overload;
mod rtp_clock;
pub mod shard;
mod socket_tasks;
mod tally;
mod timer_wheel;
pub mod track;
pub mod viewer;
mod waiting;

pub use end_reason::{EndReason, EndReport};
/// What a viewer asks of its playhead: pause, seek, another track.
pub use timeline::playhead::Command as PlayheadCommand;

//! RTCP feedback of a receiver, and the sending rate that follows from it. No I/O and no clock: callers pass the time in.
//!
//! | module | noun |
//! |---|---|
//! | [`rtcp`] | RTCP of a receiver, parsed in place |
//! | [`twcc_history`] | sent packets by transport-wide sequence number, matched with their arrival times |
//! | [`rtx_history`] | sent packets by RTP sequence number, for retransmission |
//! | [`rtx_budget`] | how many bytes may be retransmitted |
//! | [`backoff`] | a growing pause between answers to one viewer |
//! | [`replay_budget`] | how much video may be sent again from a keyframe on |
//! | [`estimator`] | the bandwidth of the path to one receiver |
//! | [`pacer`] | when the next packet may be sent |

pub mod backoff;
pub mod estimator;
pub mod pacer;
pub mod replay_budget;
pub mod rtcp;
pub mod rtx_budget;
pub mod rtx_history;
pub mod twcc_history;

#[cfg(test)]
mod estimator_tests;
#[cfg(test)]
mod rtcp_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod simulation_tests;

//! What a receiver reports over RTCP, and the rate that follows from it. No I/O, no clock of its own: callers pass the time in.
//!
//! | module | noun |
//! |---|---|
//! | [`rtcp`] | RTCP from a receiver, read in place |
//! | [`transport`] | transport-wide sequence numbers, and when each packet arrived |
//! | [`sent`] | which frame of the log is behind an RTP sequence number; how much may be retransmitted |
//! | [`estimate`] | the bandwidth that the network has for one receiver |
//! | [`pacer`] | when the next packet may be sent |

pub mod estimator;
pub mod pacer;
pub mod rtcp;
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

//! What is fuzzed: everything that strangers may send us, less the parsers that are others' (HTTP, WebSocket, SDP).
//!
//! `cargo xtask fuzz [NAME] [--seconds 60]` builds each target with the compiler's coverage and runs it in libFuzzer
//! (<https://llvm.org/docs/LibFuzzer.html>), from the inputs in `seeds/`.
//!
//! | target | feeds |
//! |---|---|
//! | [`signaling`] | texts of several sockets to rooms |
//! | [`chat`] | frames of several peers to a conversation; names of files; the protocol field of file channels |
//! | [`feedback`] | RTCP of a viewer to what reads it, and to what is concluded from it |
//! | [`demux`] | datagrams from anywhere to the table that finds their viewers |

pub mod chat;
pub mod demux;
pub mod feedback;
pub mod signaling;

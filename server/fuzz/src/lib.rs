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
//!
//! Rooms and parts of egress and net are compiled from the server's source, not linked from its library: that brings FFmpeg and webrtc, minutes of
//! compiling.

pub mod chat;
pub mod demux;
#[path = "../../src/egress/estimate/mod.rs"]
pub mod estimate;
pub mod feedback;
#[path = "../../src/net/kind.rs"]
pub mod kind;
#[path = "../../src/room/mod.rs"]
pub mod room;
#[path = "../../src/net/routes.rs"]
pub mod routes;
#[path = "../../src/egress/rtcp/mod.rs"]
pub mod rtcp;
#[path = "../../src/egress/sent.rs"]
pub mod sent;
pub mod signaling;
#[path = "../../src/egress/transport.rs"]
pub mod transport;

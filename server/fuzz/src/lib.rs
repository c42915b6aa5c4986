//! Fuzz targets for everything that untrusted clients may send, except for third-party parsers (HTTP, WebSocket, SDP).
//!
//! `cargo xtask fuzz [NAME] [--seconds 60]` builds each target with coverage instrumentation and runs it in libFuzzer
//! (<https://llvm.org/docs/LibFuzzer.html>), from the inputs in `seeds/`.
//!
//! | target | feeds |
//! |---|---|
//! | [`signaling`] | texts of several sockets to the rooms |
//! | [`chat`] | frames of several peers to a conversation; file names; frames about files |
//! | [`feedback`] | RTCP of a viewer to its parser, the bandwidth estimator and the retransmissions |
//! | [`demux`] | datagrams from any address to the routing table |
//! | [`ingest`] | RTP and RTCP of a publisher to its receiver |
//! | [`simulcast`] | RTP that claims to be of any layer of a publisher to its demultiplexer |
//! | [`heads`] | the PROXY protocol, and the fields of a request that say who calls, through which proxies, and which host |
//! | [`names`] | names of people to the rule that decides which look the same |
//! | [`transport`] | a peer's checks, answers and DTLS, and datagrams of others to its connection |
//! | [`turn`] | datagrams, TCP streams and authenticated requests to a TURN server |

pub mod chat;
pub mod demux;
pub mod feedback;
pub mod heads;
pub mod ingest;
mod input;
pub mod names;
pub mod signaling;
pub mod simulcast;
pub mod transport;
pub mod turn;

//! Viewers over WebRTC. With `webrtc-runtime` the only package that knows webrtc-rs; others take single parts of it (RTCP, ciphers).
//!
//! One viewer, in order: [`Viewers::open_session`] negotiates, `session` answers, `lifetime` waits for the connection,
//! `attachment` sends the media.
//!
//! | module | noun |
//! |---|---|
//! | `viewers` | all viewers: answers offers, finds sessions by their secret, ends them |
//! | `session` | one viewer's session, as HTTP requests see it |
//! | `patch` | what a PATCH of a session asks for (pure) |
//! | `lifetime` | the task of a session, from the answer to the end |
//! | `liveness` | whether a viewer connects, and whether it is still there (pure) |
//! | `attachment` | the media of a connected viewer: sent by its shard, or by its connection |
//! | `negotiation` | from an offer to an answer: which m-lines are served, which are rejected (pure) |
//! | `offering` | what a stream offers, and which m-lines get it (pure) |
//! | `codecs` | which codec and which payload type (pure) |
//! | `sdp`, `sdpfrag` | descriptions and fragments as text (pure) |
//! | `connection` | a PeerConnection with the settings that all viewers share, and its answers |
//! | `shard_pool` | the shards, and which of them gets the next viewer |
//! | `rtp_params` | negotiated formats in the types of webrtc-rs |
//! | `key_extractor` | the SRTP keys of a connection, for egress |
//! | `keyframes` | PLI and FIR, from the RTCP that arrives |
//! | `runtime` | the UDP port of a shard as the sockets of one connection |

mod attachment;
mod codecs;
mod connection;
mod key_extractor;
mod keyframes;
mod lifetime;
mod liveness;
mod negotiation;
#[cfg(test)]
mod negotiation_tests;
mod offering;
mod patch;
mod rtp_params;
mod runtime;
mod sdp;
mod sdpfrag;
mod session;
mod shard_pool;
mod viewers;

pub use negotiation::NegotiationError;
pub use sdpfrag::FragmentError;
pub use session::{Patched, Session};
pub use viewers::{NewSession, Options, SessionError, SetupError, Viewers};

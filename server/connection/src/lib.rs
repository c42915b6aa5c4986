//! Viewers over WebRTC. The only place, but for `media/packetize`, that imports the webrtc crate.
//!
//! | module | noun |
//! |---|---|
//! | `viewers` | everybody who watches: answers offers, finds sessions by their secret, ends them |
//! | `session` | one viewer, from the answer to its end |
//! | `negotiation` | from an offer to an answer: what is served, what is turned down (pure) |
//! | `offering` | what a stream can give, and which m-lines get it (pure) |
//! | `codecs` | which codec and which payload type (pure) |
//! | `sdp`, `sdpfrag` | descriptions and fragments as text (pure) |
//! | `connection`, `answer` | a PeerConnection, set up the way that all viewers share, and its answers |
//! | `presence` | whether a viewer is still there |
//! | `serving` | how a viewer is served: by its shard, or by its connection alone |
//! | `key_extractor` | the SRTP keys of a connection, for egress to seal with |
//! | `outlet` | from egress to the tracks of a connection |
//! | `keyframes` | PLI and FIR, out of the RTCP that arrives |
//! | `runtime` | the crate's view of the shard's UDP port |

mod answer;
mod codecs;
mod connection;
mod key_extractor;
mod keyframes;
mod negotiation;
#[cfg(test)]
mod negotiation_tests;
mod offering;
mod outlet;
mod presence;
mod runtime;
mod sdp;
mod sdpfrag;
mod serving;
mod session;
mod viewers;

pub use negotiation::NegotiationError;
pub use sdpfrag::FragmentError;
pub use session::{Patched, Session};
pub use viewers::{NewSession, Options, SessionError, SetupError, Viewers};

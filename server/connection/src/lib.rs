//! Viewers over WebRTC.
//!
//! One viewer, in order: [`Viewers::open_session`] negotiates and answers; the thread of the port's connections runs its ICE and DTLS (`viewer`); when it is
//! connected, its shard sends the media (`serving`).
//!
//! | module | noun |
//! |---|---|
//! | `viewers` | all viewers: answers offers, finds sessions by their secret, ends them |
//! | `host` | what all connections share: ports, threads, the certificate |
//! | `sessions`, `session` | the sessions as HTTP requests see them |
//! | `session_control` | what HTTP requests do to the connection of a session |
//! | `patch` | what a PATCH of a session asks for (pure) |
//! | `thread` | the thread that runs the connections of a port |
//! | `connections` | the connections of one port, and which is due when |
//! | `connection` | the connection of one peer: its transport, on its route |
//! | `viewer` | one viewer, from the answer to the end |
//! | `serving` | a connected viewer: its keys, its subscription, its shard |
//! | `end`, `error` | why a session ended; why none began |
//! | `offered_connection` | what an offer says of the connection (pure) |
//! | `negotiation` | which m-lines of an offer are served, and how (pure) |
//! | `answer` | the answer as text (pure) |
//! | `offering` | what a stream offers, and which m-lines get it (pure) |
//! | `codecs` | which codec and which payload type (pure) |
//! | `profiles` | which SRTP profiles are offered to whom (pure) |
//! | `sdp`, `sdpfrag`, `credentials` | descriptions, fragments and credentials as text (pure) |
//! | `lite` | offers of lite agents, and which of their candidates are checked |
//! | `shard_pool` | the shards, and which of them gets the next connection |

mod answer;
mod codecs;
mod connection;
mod connections;
mod credentials;
mod end;
mod error;
mod host;
mod lite;
mod negotiation;
#[cfg(test)]
mod negotiation_tests;
mod offered_connection;
mod offering;
mod patch;
mod profiles;
mod sdp;
mod sdpfrag;
mod serving;
mod session;
mod session_control;
mod sessions;
mod shard_pool;
mod thread;
mod viewer;
mod viewers;

pub use error::{SessionError, SetupError};
pub use negotiation::NegotiationError;
pub use sdpfrag::FragmentError;
pub use session::Session;
pub use session_control::Patched;
pub use viewers::{NewSession, Options, Viewers};

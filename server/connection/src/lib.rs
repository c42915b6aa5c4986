//! Viewers over WebRTC.
//!
//! One viewer, in order: [`Viewers::open_session`] negotiates and answers; the thread of the port's connections runs its ICE and DTLS (`viewer`); when it is
//! connected, its shard sends the media (`serving`).
//!
//! | module | noun |
//! |---|---|
//! | `viewers` | all viewers: answers offers, finds sessions by their secret, ends them |
//! | `sessions`, `session` | the sessions as HTTP requests see them |
//! | `patch` | what a PATCH of a session asks for (pure) |
//! | `thread` | the thread that runs the connections of a port |
//! | `connections` | the connections of one port, and which is due when |
//! | `viewer` | one viewer, from the answer to the end |
//! | `serving` | a connected viewer: its keys, its subscription, its shard |
//! | `end`, `error` | why a session ended; why none began |
//! | `negotiation` | which m-lines of an offer are served, and how (pure) |
//! | `answer` | the answer as text (pure) |
//! | `offering` | what a stream offers, and which m-lines get it (pure) |
//! | `codecs` | which codec and which payload type (pure) |
//! | `profiles` | which SRTP profiles are offered to whom (pure) |
//! | `sdp`, `sdpfrag`, `credentials` | descriptions, fragments and credentials as text (pure) |
//! | `lite` | offers of lite agents, and which of their candidates are checked |
//! | `shard_pool` | the shards, and which of them gets the next viewer |

mod answer;
mod codecs;
mod connections;
mod credentials;
mod end;
mod error;
mod lite;
mod negotiation;
#[cfg(test)]
mod negotiation_tests;
mod offering;
mod patch;
mod profiles;
mod sdp;
mod sdpfrag;
mod serving;
mod session;
mod sessions;
mod shard_pool;
mod thread;
mod viewer;
mod viewers;

pub use error::{SessionError, SetupError};
pub use negotiation::NegotiationError;
pub use sdpfrag::FragmentError;
pub use session::{Patched, Session};
pub use viewers::{NewSession, Options, Viewers};

//! Viewers over WebRTC. The only place, but for `media/packetize`, that imports the webrtc crate.
//!
//! | module | noun |
//! |---|---|
//! | [`peers`] | everybody who watches: answers offers, finds sessions by their secret, ends them |
//! | `session` | one viewer, from the answer to its end |
//! | `negotiation` | from an offer to an answer: what is served, what is turned down (pure) |
//! | `codecs` | which codec and which payload type (pure) |
//! | `sdp`, `sdpfrag` | descriptions and fragments as text (pure) |
//! | `connection` | a PeerConnection, set up the way that all viewers share |
//! | `outlet` | from egress to the tracks of a connection |
//! | `keyframes` | PLI and FIR, out of the RTCP that arrives |
//! | `net`, `routes`, `runtime` | the one UDP port: its sockets, whose datagram it is (pure), and the crate's view of it |

mod codecs;
mod connection;
mod keyframes;
mod negotiation;
mod net;
mod outlet;
pub mod peers;
mod routes;
mod runtime;
mod sdp;
mod sdpfrag;
mod session;

pub use negotiation::NegotiationError;
pub use net::NetError;
pub use peers::{PeerError, Peers, Watching};
pub use sdpfrag::FragmentError;
pub use session::{Patched, Session};

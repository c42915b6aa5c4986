//! Viewers and publishers over WebRTC.
//!
//! One viewer, in order: [`Viewers::open_session`] negotiates and answers; the thread of the port's connections runs its ICE and DTLS (`viewer`); when it is
//! connected, its shard sends the media (`serving`).
//!
//! One publisher: [`Publishers::open_session`] negotiates and answers; the same threads run its ICE and DTLS (`publisher`), and receive its media (`intake`).
//!
//! | module | noun |
//! |---|---|
//! | `viewers`, `publishers` | all viewers, all publishers: they answer offers and find sessions by their secret |
//! | `host` | what their connections share: ports, threads, the certificate |
//! | `sessions`, `session`, `publisher_session` | the sessions as HTTP requests see them |
//! | `session_control` | what HTTP requests do to the connection of a session |
//! | `patch` | what a PATCH of a session asks for (pure) |
//! | `thread` | the thread that runs the connections of a port |
//! | `connections`, `peer` | the connections of one port, and which is due when; one of them |
//! | `connection` | the connection of one peer: its transport, on its route |
//! | `viewer` | one viewer, from the answer to the end |
//! | `serving` | a connected viewer: its keys, its subscription, its shard |
//! | `publisher` | one publisher, from the answer to the end |
//! | `intake` | a connected publisher's media: SRTP in, units and feedback out |
//! | `published_media`, `published_tracks` | its units, on their way into the log; the tracks that its m-lines are in its stream |
//! | `playable`, `picture_order` | which pictures are passed on, and which are encoded again; whether they are reordered (pure) |
//! | `layer_meter` | pictures and bits of a layer in a second (pure) |
//! | `encoder_health` | what the publisher should change (pure) |
//! | `publisher_counters` | what was received of it |
//! | `end`, `error`, `negotiation_error` | why a session ended; why none began; why an offer is not answered |
//! | `offered_connection` | what an offer says of the connection (pure) |
//! | `negotiation`, `publisher_negotiation` | which m-lines of an offer are sent or received, and how (pure) |
//! | `answer`, `publisher_answer` | the answer as text (pure) |
//! | `offering` | what a stream offers, and which m-lines get it (pure) |
//! | `simulcast`, `publisher_extensions` | the layers of a publisher's m-line, and the header extensions that tell them (pure) |
//! | `codecs`, `publisher_formats` | which codecs and payload types are sent, and received (pure) |
//! | `formats` | the formats that one m-line of a viewer may be sent in (pure) |
//! | `client_name` | the name of a publisher's program (pure) |
//! | `profiles` | which SRTP profiles are offered to whom (pure) |
//! | `sdp`, `sdpfrag`, `credentials` | descriptions, fragments and credentials as text (pure) |
//! | `lite` | offers of lite agents, and which of their candidates are checked |
//! | `shard_pool` | the shards, and which of them gets the next connection |

mod answer;
#[cfg(test)]
mod bundle_tests;
mod client_name;
mod codecs;
mod connection;
mod connections;
mod credentials;
mod encoder_health;
mod end;
mod error;
mod formats;
mod host;
mod intake;
mod layer_meter;
mod lite;
mod negotiation;
mod negotiation_error;
#[cfg(test)]
mod negotiation_tests;
mod offered_connection;
mod offering;
mod patch;
mod peer;
mod picture_order;
mod playable;
mod profiles;
mod published_media;
mod published_tracks;
mod publisher;
mod publisher_answer;
mod publisher_counters;
mod publisher_extensions;
mod publisher_formats;
mod publisher_negotiation;
#[cfg(test)]
mod publisher_negotiation_tests;
mod publisher_session;
mod publishers;
mod sdp;
mod sdpfrag;
mod serving;
mod session;
mod session_control;
mod sessions;
mod shard_pool;
mod simulcast;
#[cfg(test)]
mod spelling_tests;
mod thread;
mod viewer;
mod viewers;

pub use error::{SessionError, SetupError};
pub use negotiation_error::NegotiationError;
pub use publisher_session::PublisherSession;
pub use publishers::{PublisherOffer, Publishers};
pub use sdpfrag::FragmentError;
pub use session::Session;
pub use session_control::Patched;
pub use viewers::{NewSession, Options, ViewerOffer, Viewers};

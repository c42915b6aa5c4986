//! The HTTP interface. No other module imports axum.
//!
//! | module | noun |
//! |---|---|
//! | [`router`] | the route table |
//! | `offer`, `whep` | an SDP offer in, an answer out: plain, and by draft-ietf-wish-whep |
//! | `whip` | a publisher's offer in, an answer out: RFC 9725 |
//! | `session` | candidates, ICE restart, statistics and end of a session |
//! | `ws` | the WebSocket of rooms |
//! | `frame_limits` | limits on the frames of a WebSocket |
//! | `streams` | the list of streams, posters, health |
//! | `listing` | the serialized list: written and compressed once per change |
//! | [`events`] | the list of streams as it changes |
//! | `metrics` | counters for Prometheus |
//! | [`ice`] | STUN and TURN servers for clients, with credentials that expire |
//! | [`page`] | the web page |
//! | [`client_counting`] | the address by which the client of a request is counted |
//! | `body` | request bodies, limited in size and time |
//! | `unread_body` | what remains of a body when the answer is ready before it was read |
//! | `browser_policy` | what browsers may do with answers |
//! | `cors` | cross-origin requests |
//! | `pace` | how often the API may be asked |
//! | `callers` | which callers may open sockets of rooms and have TURN credentials |
//! | `host` | the host that a request names |
//! | `content_coding` | which content coding a request gets |
//! | `compression` | compression of what the API answers |
//! | `path` | the path of a request, without superfluous slashes |
//! | `error` | errors, and their status and sentence |
//! | [`listen`] | the accept loop of a port |
//! | `connection` | one connection: HTTP/1.1 or HTTP/2, with timeouts |
//! | [`connections`] | how many connections there may be, and which makes room for a new one |
//! | `proxied` | the client of a connection that a trusted proxy opens |
//! | `guarded_stream` | the socket of a connection |
//! | `activity` | what a connection is doing |
//! | [`trust`] | how a phone trusts the authority of `--tls self` |

mod activity;
mod body;
mod browser_policy;
pub(crate) mod callers;
pub mod client_counting;
mod compression;
mod connection;
pub mod connections;
mod content_coding;
mod cors;
mod error;
pub mod events;
mod frame_limits;
mod guarded_stream;
mod host;
pub mod ice;
pub mod listen;
pub(crate) mod listing;
mod metrics;
mod offer;
pub(crate) mod pace;
pub mod page;
mod path;
mod proxied;
pub mod router;
mod session;
mod streams;
pub mod trust;
mod unread_body;
mod whep;
mod whip;
mod ws;

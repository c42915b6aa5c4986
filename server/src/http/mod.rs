//! The HTTP interface. The only place that imports axum.
//!
//! | module | noun |
//! |---|---|
//! | [`router`] | every route on one page |
//! | `offer`, `whep` | an SDP offer in, an answer out: plain, and as draft-ietf-wish-whep says |
//! | `session` | candidates, ICE restart, how it goes, and the end of a session |
//! | `ws` | rooms |
//! | `streams` | what can be watched; health |
//! | `metrics` | what happens, in numbers for a monitor |
//! | [`ice`] | STUN and TURN servers for clients, with credentials that expire |
//! | `spa` | the page for browsers |
//! | `body` | request bodies, bounded in size and time |
//! | `cors` | who may call from another origin |
//! | `error` | one function that turns errors into a status and a sentence |
//! | [`listen`] | the accept loop, with its time limits |

mod body;
mod cors;
mod error;
pub mod ice;
pub mod listen;
mod metrics;
mod offer;
pub mod router;
mod session;
mod spa;
mod streams;
mod whep;
mod ws;

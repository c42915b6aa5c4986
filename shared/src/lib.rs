//! What every part of Weir agrees on: the messages, as plain serde types, and the rules that two peers must follow alike. No I/O, no clock.
//!
//! | module | speaks of |
//! |---|---|
//! | [`api`] | what `GET /api/...` answers: streams, their tracks, and why a track is re-encoded |
//! | [`signaling`] | rooms: what a peer and the server say over `GET /ws` |
//! | [`negotiation`] | who gives way when two offers cross |
//! | [`chat`] | what two peers say to each other over data channels |
//! | [`conversation`] | the messages of a room: order, ticks, and what has to be sent again |
//! | [`transfer`] | a file on its way: how much has come, whether it is whole, how fast it goes |
//! | [`hex`] | bytes as text |
//! | [`safety`] | the number that two people compare to know that nobody is between them |

pub mod api;
pub mod chat;
pub mod conversation;
mod flat;
pub mod hex;
pub mod negotiation;
pub mod safety;
pub mod signaling;
pub mod transfer;

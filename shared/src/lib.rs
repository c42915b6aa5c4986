//! The words that server and client share: plain serde types, no I/O.
//!
//! | module | speaks of |
//! |---|---|
//! | [`api`] | what `GET /api/...` answers: streams, their tracks, and why a track is re-encoded |

pub mod api;

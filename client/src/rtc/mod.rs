//! Owns the browser's WebRTC objects. Dropping a value here closes its browser object, removes its listeners and frees
//! their closures; nothing else in the client touches `RTCPeerConnection`.
//!
//! | module | owns |
//! |---|---|
//! | [`listener`] | one event listener and its closure |
//! | [`timer`] | one timeout or interval and its closure |
//! | [`peer`] | one `RTCPeerConnection` that receives |
//! | [`whep`] | one WHEP session: a peer and its resource on the server |
//! | [`signaling`] | the socket to the server of a room |
//! | [`mesh`] | the connections to the other peers of a room, through `pair` and `connection` |
//! | [`channel`] | one data channel |
//! | [`outgoing`], [`incoming`] | one file on its way to or from another peer |
//! | [`folder`] | the page's folder on disk for files that arrive |
//! | [`repair`] | when a connection is mended, and how (pure) |
//! | [`connection_test`] | short-lived connections that find out what can be reached |
//! | [`sdp`] | the few lines of SDP that are read or changed (pure) |

pub mod channel;
mod connection;
pub mod connection_test;
pub mod folder;
pub mod incoming;
pub mod listener;
pub mod mesh;
pub mod outgoing;
mod pair;
pub mod peer;
pub mod repair;
pub mod sdp;
pub mod signaling;
mod store;
pub mod timer;
pub mod whep;

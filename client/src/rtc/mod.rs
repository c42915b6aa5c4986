//! Owns the browser's WebRTC objects. Dropping a value here closes its browser object, removes its listeners and frees
//! their closures; nothing else in the client touches `RTCPeerConnection`.
//!
//! | module | owns |
//! |---|---|
//! | [`listener`] | one event listener and its closure |
//! | [`timer`] | one timeout or interval and its closure |
//! | [`peer`] | one `RTCPeerConnection` that receives |
//! | [`whep`] | one WHEP session: a peer and its resource on the server |
//! | [`sdp`] | the few lines of SDP that are read or changed (pure) |

pub mod listener;
pub mod peer;
pub mod sdp;
pub mod timer;
pub mod whep;

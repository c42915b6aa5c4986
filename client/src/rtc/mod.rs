//! Owns the browser's WebRTC objects. Dropping a value closes its browser object, removes its listeners and frees their
//! closures. No other module uses `RTCPeerConnection`.
//!
//! | module | owns |
//! |---|---|
//! | [`listener`] | one event listener and its closure |
//! | [`timer`] | one timeout or interval and its closure |
//! | [`media_connection`] | one `RTCPeerConnection` to the server, for media in one direction |
//! | [`media_receiver`] | the tracks that such a connection receives |
//! | [`media_session`] | a session of WHEP or WHIP on the server |
//! | [`whep`] | one WHEP session: a media receiver and its resource on the server |
//! | [`early_session`] | the WHEP session that index.html opens before the module runs |
//! | [`whip`] | one WHIP session: the tracks that are sent, and its resource on the server |
//! | [`capture`] | tracks of camera, microphone, screen and files |
//! | [`audio_graph`] | the level of captured sound, and one track of several |
//! | [`dynamic`] | objects and methods of the browser by name |
//! | [`signaling`] | the WebSocket to the server of a room |
//! | [`mesh`] | the connections to the other peers of a room, through `remote_peer` and `peer_connection` |
//! | `chat_channels` | the data channels that carry the chat with one peer |
//! | [`data_channel`] | one `RTCDataChannel` and its closures |
//! | [`file_channel`] | the channel that carries files to and from one peer |
//! | [`upload`], [`download`] | one file that is sent to or received from another peer |
//! | [`database`] | a database of the browser |
//! | [`kept_files`], [`store`] | where received files are kept, and where the bytes of one go |
//! | [`recovery`] | when a connection is restarted or replaced (pure) |
//! | [`connection_test`] | short-lived connections that test which servers can be reached |
//! | [`sdp`] | the few lines of SDP that are read or changed (pure) |

pub mod audio_graph;
pub mod capture;
mod chat_channels;
pub mod connection_test;
pub mod data_channel;
pub mod database;
mod dictionary;
pub mod download;
pub mod dynamic;
pub mod early_session;
pub mod file_channel;
pub mod kept_files;
pub mod listener;
pub mod media_connection;
pub mod media_receiver;
pub mod media_session;
pub mod mesh;
mod peer_connection;
pub mod recovery;
mod remote_peer;
pub mod sdp;
pub mod signaling;
pub mod stale_folders;
pub mod store;
pub mod timer;
pub mod upload;
pub mod whep;
pub mod whip;

//! Types and rules that the server, the client and other peers share: messages as serde types, and pure functions. No I/O, no clock.
//!
//! | module | contents |
//! |---|---|
//! | [`api`] | the responses of `GET /api/...`: streams, their tracks, and why a track is re-encoded |
//! | `api_error` | the body of its errors, as part of [`api`] |
//! | [`error_code`] | the codes of errors, over HTTP and in rooms |
//! | [`signaling`] | the messages between a peer and the server over `GET /ws` |
//! | `publisher_info` | statistics of a publisher, as part of [`api`] |
//! | `peer_id`, `room_password` | the key and the id of a peer, and the password of a room, as part of [`signaling`] |
//! | [`negotiation`] | which side rolls back when two offers cross |
//! | [`chat`] | the messages between two peers over data channels |
//! | [`chat_channels`] | the data channels of one chat, and on which of them this side sends |
//! | [`plain_text`] | text on `chat` of a client that speaks no frames |
//! | [`conversation`] | the messages of a room: order, delivery, retransmission |
//! | [`file_channel`] | the channel `files`: frames, credit, and what a receiver takes |
//! | [`file_queue`], [`want_queue`] | the order of files: what a receiver asks for, what an author sends |
//! | [`file_name`] | names of offered and received files: safe, within limits |
//! | [`stream_events`] | the events of `GET /api/events`: what changes in the list of streams |
//! | [`transfer`] | progress, integrity and speed of a file transfer |
//! | [`ice_candidate`] | candidates in descriptions of other clients: well-formed, of a bounded number |
//! | [`hex`] | bytes as hexadecimal text |
//! | [`printable`] | text of others for a terminal or a log |
//! | [`retry`] | when what failed is tried again: a back-off with jitter |
//! | [`safety`] | the code that two users compare to exclude a man-in-the-middle |

pub mod api;
mod api_error;
pub mod chat;
pub mod chat_channels;
pub mod conversation;
pub mod error_code;
pub mod file_channel;
pub mod file_name;
pub mod file_queue;
mod flat;
pub mod hex;
pub mod history;
pub mod ice_candidate;
pub mod negotiation;
mod peer_id;
pub mod plain_text;
pub mod printable;
mod publisher_info;
pub mod retry;
mod room_password;
pub mod safety;
pub mod signaling;
pub mod stream_events;
pub mod transfer;
pub mod want_queue;

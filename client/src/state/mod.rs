//! The client's rules without a browser: pure functions and state machines over plain values, tested natively.
//!
//! | module | decides |
//! |---|---|
//! | [`route`] | which page an address names, and the address of a page |
//! | [`server`] | which server to talk to, and why that one |
//! | [`trust`] | which servers may have what is a person's own |
//! | [`stored_name`] | the names of what the browser keeps by server |
//! | [`settings`] | the user's settings, as they are saved |
//! | [`session`] | when a player connects, restarts ICE, waits and gives up |
//! | [`publish`] | when a publisher asks for a camera, connects, recovers and gives up |
//! | [`capture`] | what is captured, and how it is sent |
//! | [`uplink`] | how the sent stream goes |
//! | [`meter`] | the level of a microphone, and whether nothing is heard |
//! | [`event_stream`] | the events in the bytes of `GET /api/events` |
//! | [`claims`] | which pages of a browser read events, and which poll |
//! | [`gallery`] | the order of the gallery |
//! | [`visits`] | where a person was on the pages that were left |
//! | [`remote`] | what is shown of a response that is polled |
//! | [`wake`] | whether the machine has slept |
//! | [`wanted`] | which media an offer asks for |
//! | [`stats`] | figures per second from the counters that a browser reports |
//! | [`picture`] | whether the picture moves or its last frame stands still |
//! | [`inset`] | where the second picture of a stream is, and whether it comes |
//! | [`level`] | how loud a stream is |
//! | [`taps`] | what clicks and taps on the picture do |
//! | [`stall`] | whether a session has stalled |
//! | [`frame_skips`] | whether to say that the server skips frames |
//! | [`room`] | what a room shows, as types |
//! | [`join`] | when the signaling socket of a room is opened, closed and retried |
//! | [`people`] | the people in a room, and which peers to connect to |
//! | [`offers`] | files that this side has offered, over a reload |
//! | [`kept_file`] | received files that the browser keeps, or the page in its memory |
//! | [`draft`] | what is attached to a message before it is sent |
//! | [`transfers`] | file transfers: their stages, and which files are requested without asking |
//! | [`kept`] | what a browser keeps of its rooms, and which make room for others |
//! | [`filter`] | filters and histogram of the canvas page |
//! | [`row_window`] | which messages of a conversation are in the page |
//! | [`rows`] | the rows of a conversation: messages, days, notes |
//! | [`text_parts`] | links and code in a text |
//! | [`search`] | which messages have some words |
//! | [`alerts`] | which messages a person who is elsewhere is told of |
//! | [`connection_test`] | which peers this browser can reach, and what would help |
//! | [`avatar`] | initials, colours and identicons of people |
//! | [`decimal`] | numbers with a fixed number of decimals |
//! | [`room_name`] | names for new rooms |

pub mod alerts;
pub mod avatar;
pub mod capture;
pub mod claims;
pub mod connection_test;
pub mod decimal;
pub mod draft;
pub mod event_stream;
pub mod filter;
pub mod frame_skips;
pub mod gallery;
pub mod inset;
pub mod join;
pub mod kept;
pub mod kept_file;
pub mod level;
pub mod meter;
pub mod offers;
pub mod people;
pub mod picture;
pub mod publish;
pub mod remote;
pub mod room;
#[cfg(test)]
mod room_model;
pub mod room_name;
pub mod route;
pub mod row_window;
pub mod rows;
pub mod search;
pub mod server;
pub mod server_report;
pub mod session;
pub mod settings;
pub mod stall;
pub mod stats;
pub mod stored_name;
pub mod taps;
pub mod text_parts;
pub mod transfers;
pub mod trust;
pub mod uplink;
pub mod visits;
pub mod wake;
pub mod wanted;

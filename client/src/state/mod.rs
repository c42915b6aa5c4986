//! What the client knows and how it changes, without a browser: every rule here is a pure function over plain values.
//!
//! | module | decides |
//! |---|---|
//! | [`route`] | which page an address names, and the address of a page |
//! | [`server`] | which server to talk to, and why that one |
//! | [`settings`] | what a person has chosen, as it is saved |
//! | [`session`] | when to connect, restart, wait, give up: the life of one viewing |
//! | [`remote`] | what is shown of an answer that is asked for again and again |
//! | [`stats`] | figures a second from the counters that a browser reports |
//! | [`frame_skips`] | whether to say that the server skips frames |
//! | [`room`] | what a room shows, as types |
//! | [`join`] | when to open the link to the server of a room, and when to give it up |
//! | [`people`] | who is in a room, and what follows for the connections |
//! | [`transfers`] | files on their way: what is shown, what may be asked for |
//! | [`filter`] | pixels of the canvas page |
//! | [`rows`] | messages, days, notes in the order they are read |
//! | [`links`] | addresses in a text |
//! | [`connection_test`] | which peers this browser can reach, and what would help |
//! | [`avatar`] | initials and colours of people |
//! | [`room_name`] | names for new rooms |

pub mod avatar;
pub mod connection_test;
pub mod filter;
pub mod frame_skips;
pub mod join;
pub mod links;
pub mod people;
pub mod remote;
pub mod room;
pub mod room_name;
pub mod route;
pub mod rows;
pub mod server;
pub mod session;
pub mod settings;
pub mod stats;
pub mod transfers;

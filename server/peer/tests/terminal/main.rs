//! The terminal peer as a program, with a real server.

mod files;
mod foreign;
mod invalid_signaling;
mod many_files;
mod messages;
mod own_client;
mod recovery;

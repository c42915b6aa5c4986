//! The terminal peer as a program, with the real server.

mod files;
mod invalid_signaling;
mod messages;
mod recovery;

//! The terminal peer as a program, with the real server.

mod files;
mod nonsense;
mod repair;
mod talk;
